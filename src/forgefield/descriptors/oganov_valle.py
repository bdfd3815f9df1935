"""The fingerprint of a structure as its smeared distances, after Oganov & Valle, J. Chem. Phys. 130, 104504 (2009).

For each pair of elements, with N_A and N_B atoms of them in a cell of volume V:

  F_AB(R) = Σ_{i of A} Σ_{j of B} δ(R − R_ij) / (4π R_ij² N_A N_B / V) − 1

where δ is a normalised Gaussian; it is the pair distribution less that of an ideal gas. F is averaged over bins of
equal width up to the cutoff. Two structures have the cosine distance

  D = (1 − ⟨F, F'⟩ / √(⟨F, F⟩ ⟨F', F'⟩)) / 2,   ⟨F, F'⟩ = Σ_AB √(w_AB w'_AB) Σ_k F_AB[k] F'_AB[k]

with w_AB = N_A N_B / Σ N_A N_B over all ordered pairs of elements; for equal compositions the root is the paper's
weight. Rows are made for the Euclidean distance √D, which obeys the triangle inequality and, unlike D, is linear in
small displacements where symmetry does not forbid it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from numpy.typing import DTypeLike, NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import find_pairs
from forgefield.atoms.records import Array
from forgefield.atoms.species import species_index
from forgefield.descriptors import oganov_valle_kernel as kernel
from forgefield.descriptors.fingerprint import batches

_BATCH = 1500
"""Atoms whose pairs are held at once."""


@dataclass(frozen=True)
class OganovValle:
    """Oganov–Valle fingerprints of structures of some elements.

    A structure that is not periodic in three directions has no density: there F is taken without the −1 and with 1 Å³
    for each atom, which cancels in the distance of two such structures.

    Attributes:
        species: chemical symbols.
        cutoff: Å.
        bin_width: Å.
        smearing: standard deviation of the Gaussians, Å.
    """

    species: tuple[str, ...]
    cutoff: float = 10.0
    bin_width: float = 0.08
    smearing: float = 0.08

    def __post_init__(self) -> None:
        for name in ("cutoff", "bin_width", "smearing"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise ForgefieldError(
                    f"{name} {getattr(self, name)} Å is not a length", "choose one above zero"
                )
        if self.cutoff < self.bin_width:
            raise ForgefieldError(
                f"bins of {self.bin_width} Å do not fit into a cutoff of {self.cutoff} Å",
                "choose narrower ones",
            )

    @property
    def n_bins(self) -> int:
        """K bins; the last may end a little beyond the cutoff."""
        return int(np.ceil(self.cutoff / self.bin_width * (1 - 1e-12)))

    @property
    def n_pairs(self) -> int:
        """Pairs of elements A ≤ B in the order of `species`: AA, AB, …, BB, …"""
        return len(self.species) * (len(self.species) + 1) // 2

    @property
    def n_features(self) -> int:
        """D, the length of a row."""
        return self.n_pairs * self.n_bins

    @cached_property
    def _table(self) -> Array:
        return kernel.shares(self.bin_width, self.smearing)

    def functions(self, atoms: Atoms) -> Array:
        """(pairs, K) values of F_AB; zeros where one of the elements is absent.

        Raises:
            ForgefieldError: an element that is not in `species`, positions or a cell that are not finite.
        """
        functions: Array = self._functions([atoms])[0][0]
        return functions

    def rows(self, structures: Sequence[Atoms], dtype: DTypeLike = float) -> NDArray[np.floating]:
        """(M, D) rows whose squared Euclidean distance is the cosine distance D of their structures.

        Rows have the length 1/2; without density and without two atoms within the cutoff a row is zero.

        Raises:
            ForgefieldError: as `functions`.
        """
        result = np.empty((len(structures), self.n_features), dtype)
        for batch in batches(structures, _BATCH):
            functions, numbers = self._functions(structures[batch])
            shares = numbers / numbers.sum(axis=1, keepdims=True).clip(1)
            low, high = np.triu_indices(len(self.species))
            weights = np.where(low == high, 1.0, 2.0) * shares[:, low] * shares[:, high]
            rows = (np.sqrt(weights)[:, :, None] * functions).reshape(len(functions), -1)
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
            result[batch] = 0.5 * rows / np.where(lengths > 0.0, lengths, 1.0)
        return result

    def _functions(self, structures: Sequence[Atoms]) -> tuple[Array, Array]:
        """(B, pairs, K) and (B, S): F_AB and the numbers of atoms."""
        reach = self.bin_width * self.n_bins + kernel.REACH * self.smearing
        lists = [find_pairs(atoms, reach) for atoms in structures]
        placed = [pairs.placed(atoms) for pairs, atoms in zip(lists, structures, strict=True)]
        volumes = np.array([atoms.cell.volume if atoms.pbc.all() else 0.0 for atoms in structures])
        crystal = volumes > 0.0
        volumes[~crystal] = [len(atoms) for atoms, full in zip(structures, crystal, strict=True) if not full]
        functions, numbers = kernel.fingerprints(
            _starts([len(atoms) for atoms in structures]),
            _starts([len(translations) for _, translations in placed]),
            volumes,
            crystal.astype(np.float64),
            (
                np.concatenate([positions for positions, _ in placed]),
                np.concatenate([translations for _, translations in placed]),
            ),
            (
                _starts(np.concatenate([np.diff(pairs.offsets) for pairs in lists])),
                np.concatenate([pairs.neighbours for pairs in lists]),
                np.concatenate([pairs.images for pairs in lists]),
            ),
            np.concatenate([species_index(atoms, self.species) for atoms in structures]),
            len(self.species),
            self._table,
            self.bin_width,
            kernel.margin(self.bin_width, self.smearing),
            self.n_bins,
        )
        return functions, numbers


def _starts(counts: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
