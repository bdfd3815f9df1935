"""The power spectrum: all 2- and 3-body features that the density expansion has, for models linear in them.

p_i[l, a ≤ b] = Σ_m A_i[a, lm] A_i[b, lm] with channels a = (z, n), behind the radial sums A_i[z, n, 00] (Bartók,
Kondor, Csányi, PRB 87, 184115 (2013)). By the addition theorem it is
(2l + 1)/4π Σ_jk R_a(r_ij) R_b(r_ik) P_l(cos θ_jik). Its terms j = k are 2-body and may be left out, as by Jinnouchi,
Karsai, Verdi, Asahi, Kresse, J. Chem. Phys. 152, 234102 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from numba import get_num_threads
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array, Neighbours
from forgefield.descriptors import power_spectrum_kernel as kernel
from forgefield.descriptors.density import DensityExpansion
from forgefield.descriptors.fused_radial import chebyshev_rows, polynomial_cutoff
from forgefield.descriptors.fused_tiles import padded
from forgefield.descriptors.harmonics import prefactors
from forgefield.descriptors.power_spectrum_rows import design_rows


@dataclass(frozen=True)
class PowerSpectrum:
    """2- and 3-body features of the density expansion (`descriptors/density.py`).

    The scalar product of two atoms' 3-body features is that of their full symmetric matrices p[l, a, b].

    Attributes:
        species: chemical symbols; channel z·n_radial + n belongs to element z of them.
        cutoff: Å.
        n_radial: number of radial functions.
        l_max: highest degree, at most 6.
        self_term: whether the 3-body sums keep their terms j = k.
    """

    species: tuple[str, ...]
    cutoff: float
    n_radial: int = 8
    l_max: int = 4
    self_term: bool = False

    def __post_init__(self) -> None:
        if self.n_radial < 1:
            raise ForgefieldError(
                f"{self.n_radial} radial functions describe nothing", "choose n_radial of 1 or more"
            )
        _ = self.expansion

    @cached_property
    def expansion(self) -> DensityExpansion:
        """The coefficients that the features are made of."""
        return DensityExpansion(self.species, self.cutoff, self.n_radial, self.l_max)

    @property
    def n_channels(self) -> int:
        """K, the number of radial sums."""
        return len(self.species) * self.n_radial

    @property
    def n_features(self) -> int:
        """D = K + (l_max + 1) K (K + 1)/2."""
        return self.n_channels + (self.l_max + 1) * self.n_channels * (self.n_channels + 1) // 2

    def species_index(self, atoms: Atoms) -> NDArray[np.int64]:
        """(N,) index of each atom's element in `species`; a `ForgefieldError` names one that is not there."""
        return self.expansion.species_index(atoms)

    def neighbours(self, atoms: Atoms) -> Neighbours:
        """Pairs within the cutoff."""
        return self.expansion.neighbours(atoms)

    def values(self, pairs: Neighbours, species: NDArray[np.int64]) -> Array:
        """(N, D) features; `species` is (N,), from `species_index`."""
        a = self.expansion.values(pairs, species)
        radial, _ = self._radial(np.linalg.norm(pairs.vectors, axis=1))
        return self._features(pairs, species, a, a, radial, radial)

    def pull(self, pairs: Neighbours, species: NDArray[np.int64], cotangent: Array) -> Array:
        """(P, 3) gradient of Σ cotangent·values with respect to each pair vector, 1/Å; cotangent is (N, D)."""
        sums, spectrum = cotangent[:, : self.n_channels], cotangent[:, self.n_channels :]
        upward = kernel.products_pull(self.expansion.values(pairs, species), spectrum, self.l_max)
        upward[..., 0] += sums.reshape(upward.shape[:3])
        gradient = self.expansion.pull(pairs, species, upward)
        if not self.self_term:
            units, distances = _directions(pairs)
            gradient -= kernel.own_pull(
                units, *self._radial(distances), pairs.neighbours, pairs.offsets, species, len(self.species),
                self.l_max, spectrum,
            )  # fmt: skip
        return gradient

    def push(self, pairs: Neighbours, species: NDArray[np.int64], tangent: Array) -> Array:
        """(N, D) derivative of the values when each pair vector moves along tangent (P, 3): adjoint of `pull`."""
        units, distances = _directions(pairs)
        radial, slopes = self._radial(distances)
        slopes[:, : len(units)] *= np.einsum("pc,pc->p", units, tangent)
        a, moved = self.expansion.values(pairs, species), self.expansion.push(pairs, species, tangent)
        return self._features(pairs, species, a, moved, radial, slopes, order=2.0)

    def pair_jacobian(self, pairs: Neighbours, species: NDArray[np.int64], first: int, last: int) -> Array:
        """Derivatives of every feature, for the pairs of atoms first … last − 1.

        Returns:
            (P', 3, D): row p holds ∂(features of its centre)/∂(its vector), 1/Å.
        """
        units, distances = _directions(pairs)
        return kernel.pair_jacobian(
            units, 1 / distances, *self._radial(distances), pairs.neighbours, pairs.offsets, species,
            prefactors(self.l_max), self.expansion.values(pairs, species), self.l_max,
            float(not self.self_term), first, last,
        )  # fmt: skip

    def rows(
        self, pairs: Neighbours, species: NDArray[np.int64], n_elements: int
    ) -> tuple[Array, Array, Array]:
        """Energy, forces and virial of one structure as linear functions of C = n_elements·D weights.

        Each element of a centre has a block of D weights, in the order of `species`.

        Args:
            pairs: all pairs of a structure of N atoms, each from both sides.
            species: (N,) from `species_index`, each below n_elements.
            n_elements: number of blocks, at least that of `species`.

        Returns:
            Summed features (C,); (3N, C) rows whose product with the weights are forces, atom after atom, 1/Å;
            (6, C) rows of the virial Σ r ⊗ ∂E/∂r, in the order xx, yy, zz, yz, xz, xy.

        Raises:
            ForgefieldError: fewer blocks than species.
        """
        if n_elements < len(self.species):
            raise ForgefieldError(
                f"{n_elements} blocks of weights are too few for {len(self.species)} species",
                "give each element a block",
            )
        a = self.expansion.values(pairs, species)
        radial, _ = self._radial(np.linalg.norm(pairs.vectors, axis=1))
        features = self._features(pairs, species, a, a, radial, radial)
        energy = np.concatenate([features[species == z].sum(axis=0) for z in range(n_elements)])
        forces, virial = design_rows(
            pairs.vectors, pairs.neighbours, pairs.offsets, species, prefactors(self.l_max), a, self.cutoff,
            n_elements, self.l_max, float(not self.self_term), get_num_threads(),
        )  # fmt: skip
        return energy, forces, virial

    def _features(
        self, pairs: Neighbours, species: NDArray[np.int64], a: Array, b: Array, left: Array, right: Array,
        order: float = 1.0,
    ) -> Array:  # fmt: skip
        """Linear features of b, and `order` times the products of a and b without those of left and right."""
        spectrum = kernel.products(
            a, b, left, right, pairs.neighbours, pairs.offsets, species, self.l_max, float(not self.self_term)
        )
        return np.concatenate([b[..., 0].reshape(len(b), -1), order * spectrum], axis=1)

    def _radial(self, distances: Array) -> tuple[Array, Array]:
        """(R, P⁺) radial functions and their derivatives; P padded to a multiple of 8."""
        wide = padded(len(distances))
        r = np.full(wide, self.cutoff)
        np.minimum(distances, self.cutoff, out=r[: len(distances)])
        work = np.zeros((4, wide))
        polynomial_cutoff(r, wide, self.cutoff, work[0], work[1])
        values, slopes = np.empty((2, self.n_radial, wide))
        chebyshev_rows(
            r,
            wide,
            self.cutoff,
            self.n_radial,
            work.ravel(),
            wide,
            values.ravel(),
            0,
            slopes.ravel(),
            0,
            wide,
        )
        return values, slopes


def _directions(pairs: Neighbours) -> tuple[Array, Array]:
    """(P, 3) unit vectors and (P,) distances."""
    distances = np.linalg.norm(pairs.vectors, axis=1)
    return pairs.vectors / distances[:, None], distances
