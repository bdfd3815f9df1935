"""Calls of fused kernels: work space that stays between calls, and the sum of what the threads found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Array
from forgefield.descriptors.fused_neighbours import FIELDS, places_needed
from forgefield.descriptors.fused_tiles import aligned_zeros, padded


class FusedRunner:
    """One kernel with its model; not for use from several Python threads at once.

    Args:
        kernel: compiled code. After atoms and pairs it takes places, `arrays`, work space and results, the latter with
            an axis of T threads: numbers (T, …), indices (T, …), energies (C,) of the centres, forces (T, N, 3),
            virials (T, 9), atom_virials (T, N or 0, 9).
        arrays: the model as the kernel wants it.
        n_species: S.
        work_size: from places, the numbers that a thread needs besides its `Surroundings`.
        two_cutoffs: whether each species has two groups of neighbours.
    """

    def __init__(
        self, kernel: Callable[..., None], arrays: tuple[Any, ...], n_species: int,
        work_size: Callable[[int], int], two_cutoffs: bool = False,
    ) -> None:  # fmt: skip
        self.kernel, self.arrays, self.n_species = kernel, arrays, n_species
        self.work_size, self.two_cutoffs = work_size, two_cutoffs
        self._numbers, self._indices = np.zeros((0, 0)), np.zeros((0, 0), dtype=np.int64)
        self._forces = np.zeros((0, 0, 3))

    def run(
        self, placed: tuple[Array, Array], pairs: PairList, species: NDArray[np.int64], *more: Array,
        atom_virials: bool = False,
    ) -> tuple[Array, Array, Array, Array]:  # fmt: skip
        """Predictions for N atoms.

        Args:
            placed: positions and translations, from ``pairs.placed(atoms)``.
            pairs: all pairs within the cutoff; farther ones are skipped.
            species: (N,) index of each atom's element.
            more: arrays that the kernel takes behind the others.
            atom_virials: whether these are wanted.

        Returns:
            (N,) energies, eV, (N, 3) forces, eV/Å, virial Σ r ⊗ ∂E/∂r (3, 3), eV, and atoms' shares of it, with forces'
            sign, (N, 9), or (0, 9) where they are not wanted, eV.
        """
        n_atoms, n_threads = len(species), numba.get_num_threads()
        energies, virials = np.zeros(n_atoms), np.empty((n_threads, 9))
        shares = np.empty((n_threads, n_atoms if atom_virials else 0, 9))
        if self._forces.shape[:2] != (n_threads, n_atoms):
            self._forces = np.empty((n_threads, n_atoms, 3))
        places = places_needed(int(np.diff(pairs.offsets).max(initial=0)), self.n_species, self.two_cutoffs)
        size = FIELDS * places + self.work_size(places)
        if self._numbers.shape[0] != n_threads or self._numbers.shape[1] < size:
            self._numbers = aligned_zeros(n_threads, padded(size))
            self._indices = np.zeros((n_threads, places + 4 * self.n_species), dtype=np.int64)
        self.kernel(
            *placed, pairs.offsets, pairs.neighbours, pairs.images, species, places, self.arrays,
            self._numbers, self._indices, energies[: pairs.centres], self._forces, virials, shares, *more,
        )  # fmt: skip
        return energies, self._forces.sum(axis=0), virials.sum(axis=0).reshape(3, 3), shares.sum(axis=0)
