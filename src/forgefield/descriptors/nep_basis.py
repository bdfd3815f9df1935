"""The descriptor that neuroevolution potentials are trained on: sums over a fixed Chebyshev basis with two cutoffs.

For each atom and neighbour species, Σ_j f_k(r_ij) within the radial cutoff and Σ_j f_k(r_ij) Y_lm(r̂_ij), l ≥ 1,
within the angular cutoff, with f_k = T_k(x) (1 + cos πr/r_c)/2 (Fan et al., PRB 104, 104309 (2021), eqs. 4–6, whose
functions (T_k + 1)/2 are combinations of these). Learned contractions and invariants are functions of the sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numba import njit, prange
from numpy.typing import NDArray

from forgefield.atoms.neighbours import with_vectors
from forgefield.atoms.pair_list import find_pairs
from forgefield.atoms.records import Array, Neighbours
from forgefield.atoms.species import species_index
from forgefield.descriptors.harmonics import harmonics, harmonics_gradient, prefactors


@njit(cache=True, fastmath=True)
def _radial(r, cutoff, f, df):  # type: ignore[no-untyped-def]
    """f_k and df_k/dr."""
    u = r / cutoff
    smooth, slope = 0.5 + 0.5 * np.cos(np.pi * u), -0.5 * np.pi / cutoff * np.sin(np.pi * u)
    x, dx = 2.0 * (u - 1.0) * (u - 1.0) - 1.0, 4.0 * (u - 1.0) / cutoff
    f[0], df[0] = smooth, slope
    if len(f) > 1:
        f[1], df[1] = x * smooth, dx * smooth + x * slope
    for k in range(2, len(f)):
        f[k] = 2.0 * x * f[k - 1] - f[k - 2]
        df[k] = 2.0 * (x * df[k - 1] + dx * f[k - 1]) - df[k - 2]


@njit(cache=True, fastmath=True, parallel=True)
def _values(vectors, neighbours, offsets, species, factors, cutoffs, sizes, n_species):  # type: ignore[no-untyped-def]
    n_radial, n_angular, l_max = sizes
    n_harmonics = (l_max + 1) ** 2
    radial_values = np.zeros((len(offsets) - 1, n_species, n_radial))
    values = np.zeros((len(offsets) - 1, n_species, n_angular, n_harmonics - 1))
    for i in prange(len(offsets) - 1):
        q, c, s = np.zeros((l_max + 1, l_max + 1)), np.empty(l_max + 1), np.empty(l_max + 1)
        y, f, df = (
            np.empty(n_harmonics),
            np.empty(max(n_radial, n_angular)),
            np.empty(max(n_radial, n_angular)),
        )
        for p in range(offsets[i], offsets[i + 1]):
            dx, dy, dz = vectors[p, 0], vectors[p, 1], vectors[p, 2]
            r = np.sqrt(dx * dx + dy * dy + dz * dz)
            z = species[neighbours[p]]
            if r < cutoffs[0]:
                _radial(r, cutoffs[0], f[:n_radial], df)
                for k in range(n_radial):
                    radial_values[i, z, k] += f[k]
            if r < cutoffs[1]:
                harmonics(dx / r, dy / r, dz / r, l_max, factors, q, c, s, y)
                _radial(r, cutoffs[1], f[:n_angular], df)
                for k in range(n_angular):
                    for m in range(n_harmonics - 1):
                        values[i, z, k, m] += f[k] * y[m + 1]
    return radial_values, values


@njit(cache=True, fastmath=True, parallel=True)
def _pull(vectors, neighbours, offsets, species, factors, cutoffs, sizes, radial_cotangent, cotangent):  # type: ignore[no-untyped-def]
    n_radial, n_angular, l_max = sizes
    n_harmonics = (l_max + 1) ** 2
    gradients = np.zeros(vectors.shape)
    for i in prange(len(offsets) - 1):
        q, c, s = np.zeros((l_max + 1, l_max + 1)), np.empty(l_max + 1), np.empty(l_max + 1)
        y, f, df = (
            np.empty(n_harmonics),
            np.empty(max(n_radial, n_angular)),
            np.empty(max(n_radial, n_angular)),
        )
        dy_dr, along, across = np.empty((3, n_harmonics)), np.empty(n_harmonics), np.empty(n_harmonics)
        for p in range(offsets[i], offsets[i + 1]):
            dx, dy, dz = vectors[p, 0], vectors[p, 1], vectors[p, 2]
            r = np.sqrt(dx * dx + dy * dy + dz * dz)
            ux, uy, uz = dx / r, dy / r, dz / r
            z = species[neighbours[p]]
            slope = gx = gy = gz = 0.0
            if r < cutoffs[0]:
                _radial(r, cutoffs[0], f[:n_radial], df)
                for k in range(n_radial):
                    slope += radial_cotangent[i, z, k] * df[k]
            if r < cutoffs[1]:
                harmonics_gradient(ux, uy, uz, 1.0 / r, l_max, factors, q, c, s, y, dy_dr)
                _radial(r, cutoffs[1], f[:n_angular], df)
                along[:] = 0.0
                across[:] = 0.0
                for k in range(n_angular):
                    for m in range(n_harmonics - 1):
                        along[m] += df[k] * cotangent[i, z, k, m]
                        across[m] += f[k] * cotangent[i, z, k, m]
                for m in range(n_harmonics - 1):
                    slope += along[m] * y[m + 1]
                    gx += across[m] * dy_dr[0, m + 1]
                    gy += across[m] * dy_dr[1, m + 1]
                    gz += across[m] * dy_dr[2, m + 1]
            gradients[p, 0] = slope * ux + gx
            gradients[p, 1] = slope * uy + gy
            gradients[p, 2] = slope * uz + gz
    return gradients


@njit(cache=True, fastmath=True, parallel=True)
def _push(vectors, neighbours, offsets, species, factors, cutoffs, sizes, n_species, tangent):  # type: ignore[no-untyped-def]
    n_radial, n_angular, l_max = sizes
    n_harmonics = (l_max + 1) ** 2
    radial_values = np.zeros((len(offsets) - 1, n_species, n_radial))
    values = np.zeros((len(offsets) - 1, n_species, n_angular, n_harmonics - 1))
    for i in prange(len(offsets) - 1):
        q, c, s = np.zeros((l_max + 1, l_max + 1)), np.empty(l_max + 1), np.empty(l_max + 1)
        y, f, df = (
            np.empty(n_harmonics),
            np.empty(max(n_radial, n_angular)),
            np.empty(max(n_radial, n_angular)),
        )
        dy_dr, across = np.empty((3, n_harmonics)), np.empty(n_harmonics)
        for p in range(offsets[i], offsets[i + 1]):
            dx, dy, dz = vectors[p, 0], vectors[p, 1], vectors[p, 2]
            r = np.sqrt(dx * dx + dy * dy + dz * dz)
            ux, uy, uz = dx / r, dy / r, dz / r
            tx, ty, tz = tangent[p, 0], tangent[p, 1], tangent[p, 2]
            slope, z = ux * tx + uy * ty + uz * tz, species[neighbours[p]]
            if r < cutoffs[0]:
                _radial(r, cutoffs[0], f[:n_radial], df)
                for k in range(n_radial):
                    radial_values[i, z, k] += df[k] * slope
            if r < cutoffs[1]:
                harmonics_gradient(ux, uy, uz, 1.0 / r, l_max, factors, q, c, s, y, dy_dr)
                _radial(r, cutoffs[1], f[:n_angular], df)
                for m in range(n_harmonics):
                    across[m] = dy_dr[0, m] * tx + dy_dr[1, m] * ty + dy_dr[2, m] * tz
                for k in range(n_angular):
                    stretch = df[k] * slope
                    for m in range(n_harmonics - 1):
                        values[i, z, k, m] += stretch * y[m + 1] + f[k] * across[m + 1]
    return radial_values, values


@dataclass(frozen=True)
class NepBasis:
    """The sums of one system, flat: (N, S K_r + S K_a H), radial ones first, H = (l_max + 1)² − 1.

    Attributes:
        species: chemical symbols.
        radial_cutoff, angular_cutoff: Å, the angular one not larger.
        n_radial, n_angular: K_r and K_a, numbers of functions.
        l_max: highest degree, at most 6.
    """

    species: tuple[str, ...]
    radial_cutoff: float
    angular_cutoff: float
    n_radial: int
    n_angular: int
    l_max: int

    @property
    def n_harmonics(self) -> int:
        """H."""
        return (self.l_max + 1) ** 2 - 1

    def neighbours(self, atoms: Atoms) -> Neighbours:
        """Pairs within the radial cutoff."""
        return with_vectors(find_pairs(atoms, self.radial_cutoff), atoms)

    def species_index(self, atoms: Atoms) -> NDArray[np.int64]:
        """(N,) index of each atom's element in `species`; a `ForgefieldError` names one that is not there."""
        return species_index(atoms, self.species)

    def values(self, pairs: Neighbours, species: NDArray[np.int64]) -> Array:
        """The sums, flat."""
        return self._flat(*_values(*self._arguments(pairs, species), len(self.species)))

    def pull(self, pairs: Neighbours, species: NDArray[np.int64], cotangent: Array) -> Array:
        """(P, 3) gradient of Σ cotangent·values with respect to each pair vector, 1/Å."""
        n_atoms, n_species = len(cotangent), len(self.species)
        radial, angular = np.split(cotangent, [n_species * self.n_radial], axis=1)
        shape = n_atoms, n_species, self.n_angular, self.n_harmonics
        gradients: Array = _pull(
            *self._arguments(pairs, species),
            np.ascontiguousarray(radial).reshape(n_atoms, n_species, -1),
            np.ascontiguousarray(angular).reshape(shape),
        )
        return gradients

    def push(self, pairs: Neighbours, species: NDArray[np.int64], tangent: Array) -> Array:
        """Derivative of the sums, flat, when each pair vector moves along tangent (P, 3): adjoint of `pull`."""
        arguments = self._arguments(pairs, species)
        return self._flat(*_push(*arguments, len(self.species), np.ascontiguousarray(tangent)))

    def _arguments(self, pairs: Neighbours, species: NDArray[np.int64]) -> tuple[object, ...]:
        return (
            pairs.vectors, pairs.neighbours, pairs.offsets, species, prefactors(self.l_max),
            (self.radial_cutoff, self.angular_cutoff), (self.n_radial, self.n_angular, self.l_max),
        )  # fmt: skip

    def _flat(self, radial: Array, angular: Array) -> Array:
        return np.concatenate([radial.reshape(len(radial), -1), angular.reshape(len(radial), -1)], axis=1)
