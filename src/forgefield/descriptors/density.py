"""The atom-centred density expansion A_i[z, n, lm] = Σ_{j of species z} R_n(r_ij) Y_lm(r̂_ij).

Three compiled kernels: `values`, `pull` (vector–Jacobian) and `push` (Jacobian–vector). Everything that a
potential needs of the positions goes through them, so learnable contractions, invariants and networks are plain
functions of A. Radial basis: Chebyshev polynomials in x = 2(r/r_c − 1)² − 1 (as Fan et al., PRB 104, 104309
(2021), eq. 5) times the cutoff function (1 − (r/r_c)²)³, which is smooth to second order at r_c.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import with_vectors
from forgefield.atoms.pair_list import find_pairs
from forgefield.atoms.records import Array, Neighbours
from forgefield.atoms.species import species_index
from forgefield.descriptors import fused_training
from forgefield.descriptors.fused_harmonics import MAX_FUSED_DEGREE
from forgefield.descriptors.fused_radial import polynomial
from forgefield.descriptors.harmonics import harmonics, harmonics_gradient, prefactors

MAX_DEGREE = 6


@njit(cache=True, fastmath=True, inline="always")
def _radial(r, cutoff, n_radial, out, derivative):  # type: ignore[no-untyped-def]
    """R_n = T_n(x) f_c and dR_n/dr, by the recursions of T_n and of T_n'."""
    u = r / cutoff
    x = 2.0 * (u - 1.0) * (u - 1.0) - 1.0
    dx = 4.0 * (u - 1.0) / cutoff
    smooth, d_smooth = polynomial(u)
    d_smooth /= cutoff
    t0 = 1.0
    d0 = 0.0
    t1 = x
    d1 = 1.0
    for n in range(n_radial):
        out[n] = t0 * smooth
        derivative[n] = d0 * dx * smooth + t0 * d_smooth
        t2 = 2.0 * x * t1 - t0
        d2 = 2.0 * t1 + 2.0 * x * d1 - d0
        t0 = t1
        d0 = d1
        t1 = t2
        d1 = d2


@njit(cache=True, fastmath=True, parallel=True)
def _values(vectors, neighbours, offsets, species, factors, cutoff, n_species, n_radial, l_max):  # type: ignore[no-untyped-def]
    n_atoms = len(offsets) - 1
    n_harmonics = (l_max + 1) ** 2
    expansion = np.zeros((n_atoms, n_species, n_radial, n_harmonics))
    for i in prange(n_atoms):
        q = np.zeros((l_max + 1, l_max + 1))
        c = np.empty(l_max + 1)
        s = np.empty(l_max + 1)
        y = np.empty(n_harmonics)
        radial = np.empty(n_radial)
        derivative = np.empty(n_radial)
        for p in range(offsets[i], offsets[i + 1]):
            dx, dy, dz = vectors[p, 0], vectors[p, 1], vectors[p, 2]
            r = np.sqrt(dx * dx + dy * dy + dz * dz)
            if r >= cutoff:
                continue
            harmonics(dx / r, dy / r, dz / r, l_max, factors, q, c, s, y)
            _radial(r, cutoff, n_radial, radial, derivative)
            block = expansion[i, species[neighbours[p]]]
            for n in range(n_radial):
                for k in range(n_harmonics):
                    block[n, k] += radial[n] * y[k]
    return expansion


@njit(cache=True, fastmath=True, parallel=True)
def _pull(vectors, neighbours, offsets, species, factors, cutoff, n_radial, l_max, cotangent):  # type: ignore[no-untyped-def]
    n_atoms = len(offsets) - 1
    n_harmonics = (l_max + 1) ** 2
    gradients = np.zeros(vectors.shape)
    for i in prange(n_atoms):
        q = np.zeros((l_max + 1, l_max + 1))
        c = np.empty(l_max + 1)
        s = np.empty(l_max + 1)
        y = np.empty(n_harmonics)
        dy_dr = np.empty((3, n_harmonics))
        radial = np.empty(n_radial)
        derivative = np.empty(n_radial)
        along = np.empty(n_harmonics)
        across = np.empty(n_harmonics)
        for p in range(offsets[i], offsets[i + 1]):
            dx, dy, dz = vectors[p, 0], vectors[p, 1], vectors[p, 2]
            r = np.sqrt(dx * dx + dy * dy + dz * dz)
            if r >= cutoff:
                continue
            inverse = 1.0 / r
            ux, uy, uz = dx * inverse, dy * inverse, dz * inverse
            harmonics_gradient(ux, uy, uz, inverse, l_max, factors, q, c, s, y, dy_dr)
            _radial(r, cutoff, n_radial, radial, derivative)
            block = cotangent[i, species[neighbours[p]]]
            along[:] = 0.0
            across[:] = 0.0
            for n in range(n_radial):
                for k in range(n_harmonics):
                    along[k] += derivative[n] * block[n, k]
                    across[k] += radial[n] * block[n, k]
            slope = 0.0
            gx = 0.0
            gy = 0.0
            gz = 0.0
            for k in range(n_harmonics):
                slope += along[k] * y[k]
                gx += across[k] * dy_dr[0, k]
                gy += across[k] * dy_dr[1, k]
                gz += across[k] * dy_dr[2, k]
            gradients[p, 0] = slope * ux + gx
            gradients[p, 1] = slope * uy + gy
            gradients[p, 2] = slope * uz + gz
    return gradients


@njit(cache=True, fastmath=True, parallel=True)
def _push(vectors, neighbours, offsets, species, factors, cutoff, n_species, n_radial, l_max, tangent):  # type: ignore[no-untyped-def]
    n_atoms = len(offsets) - 1
    n_harmonics = (l_max + 1) ** 2
    expansion = np.zeros((n_atoms, n_species, n_radial, n_harmonics))
    for i in prange(n_atoms):
        q = np.zeros((l_max + 1, l_max + 1))
        c = np.empty(l_max + 1)
        s = np.empty(l_max + 1)
        y = np.empty(n_harmonics)
        dy_dr = np.empty((3, n_harmonics))
        radial = np.empty(n_radial)
        derivative = np.empty(n_radial)
        across = np.empty(n_harmonics)
        for p in range(offsets[i], offsets[i + 1]):
            dx, dy, dz = vectors[p, 0], vectors[p, 1], vectors[p, 2]
            r = np.sqrt(dx * dx + dy * dy + dz * dz)
            if r >= cutoff:
                continue
            inverse = 1.0 / r
            ux, uy, uz = dx * inverse, dy * inverse, dz * inverse
            harmonics_gradient(ux, uy, uz, inverse, l_max, factors, q, c, s, y, dy_dr)
            _radial(r, cutoff, n_radial, radial, derivative)
            tx, ty, tz = tangent[p, 0], tangent[p, 1], tangent[p, 2]
            slope = ux * tx + uy * ty + uz * tz
            for k in range(n_harmonics):
                across[k] = dy_dr[0, k] * tx + dy_dr[1, k] * ty + dy_dr[2, k] * tz
            block = expansion[i, species[neighbours[p]]]
            for n in range(n_radial):
                stretch = derivative[n] * slope
                for k in range(n_harmonics):
                    block[n, k] += stretch * y[k] + radial[n] * across[k]
    return expansion


@dataclass(frozen=True)
class DensityExpansion:
    """The expansion of one system: its species and basis.

    Attributes:
        species: chemical symbols; their order is that of the species axis of A.
        cutoff: Å.
        n_radial: number of Chebyshev polynomials.
        l_max: highest degree of the spherical harmonics, at most 6.
    """

    species: tuple[str, ...]
    cutoff: float
    n_radial: int = 10
    l_max: int = 4

    def __post_init__(self) -> None:
        if not 0 <= self.l_max <= MAX_DEGREE:
            raise ForgefieldError(
                f"l_max {self.l_max} is outside 0…{MAX_DEGREE}", "choose a degree within it"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(species, radial functions, harmonics) of one atom's coefficients."""
        return len(self.species), self.n_radial, (self.l_max + 1) ** 2

    def species_index(self, atoms: Atoms) -> NDArray[np.int64]:
        """(N,) index of each atom's element in `species`; a `ForgefieldError` names one that is not there."""
        return species_index(atoms, self.species)

    def neighbours(self, atoms: Atoms) -> Neighbours:
        """Pairs within the cutoff."""
        return with_vectors(find_pairs(atoms, self.cutoff), atoms)

    def values(self, pairs: Neighbours, species: NDArray[np.int64]) -> Array:
        """A, shape (N, species, radial, harmonics); `species` is (N,), from `species_index`."""
        if self.l_max <= MAX_FUSED_DEGREE:
            return fused_training.values(
                pairs.vectors, pairs.neighbours, pairs.offsets, species, self.cutoff, len(self.species),
                self.n_radial, self.l_max, get_num_threads(),
            )  # fmt: skip
        return _values(
            pairs.vectors, pairs.neighbours, pairs.offsets, species, prefactors(self.l_max), self.cutoff,
            len(self.species), self.n_radial, self.l_max,
        )  # fmt: skip

    def pull(self, pairs: Neighbours, species: NDArray[np.int64], cotangent: Array) -> Array:
        """(P, 3) gradient of Σ cotangent·A with respect to each pair vector, 1/Å; cotangent has A's shape."""
        if self.l_max <= MAX_FUSED_DEGREE:
            return fused_training.pull(
                pairs.vectors, pairs.neighbours, pairs.offsets, species, self.cutoff, self.n_radial, self.l_max,
                np.ascontiguousarray(cotangent), get_num_threads(),
            )  # fmt: skip
        return _pull(
            pairs.vectors, pairs.neighbours, pairs.offsets, species, prefactors(self.l_max), self.cutoff,
            self.n_radial, self.l_max, np.ascontiguousarray(cotangent),
        )  # fmt: skip

    def push(self, pairs: Neighbours, species: NDArray[np.int64], tangent: Array) -> Array:
        """Derivative of A, of A's shape, when each pair vector moves along tangent (P, 3): adjoint of `pull`."""
        if self.l_max <= MAX_FUSED_DEGREE:
            return fused_training.push(
                pairs.vectors, pairs.neighbours, pairs.offsets, species, self.cutoff, len(self.species),
                self.n_radial, self.l_max, np.ascontiguousarray(tangent), get_num_threads(),
            )  # fmt: skip
        return _push(
            pairs.vectors, pairs.neighbours, pairs.offsets, species, prefactors(self.l_max), self.cutoff,
            len(self.species), self.n_radial, self.l_max, np.ascontiguousarray(tangent),
        )  # fmt: skip
