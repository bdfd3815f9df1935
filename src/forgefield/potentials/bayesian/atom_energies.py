"""The energies from which those of structures are counted: of free atoms, and of bound ones, columns apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.records import Array


@dataclass(frozen=True)
class AtomEnergies:
    """Energies of each element.

    Attributes:
        free: (S,) of a free atom, eV: its label, or without one the same as `bound`.
        bound: (S,) of a bound atom, eV: least squares over the first structures; the fit adds a constant.
        known: (S,) whether there was a label of the free atom.
    """

    free: Array
    bound: Array
    known: NDArray[np.bool_]

    @staticmethod
    def of(counts: NDArray[np.int64], energies: Array, bound: NDArray[np.bool_]) -> AtomEnergies:
        """From labels.

        Args:
            counts: (n, S) atoms of each element in n structures.
            energies: (n,), eV.
            bound: (n,) False for free atoms.
        """
        # Least norm shares the energy out where compositions are too few to tell the elements apart.
        means = np.linalg.lstsq(counts[bound].astype(float), energies[bound], rcond=None)[0]
        free, known = means.copy(), np.zeros(counts.shape[1], dtype=bool)
        for element in range(counts.shape[1]):
            alone = np.flatnonzero(~bound & (counts[:, element] == 1))
            if len(alone):
                free[element], known[element] = energies[alone[0]], True
        return AtomEnergies(free, means, known)

    def with_new(self, new: NDArray[np.bool_], counts: NDArray[np.int64], energy: float) -> AtomEnergies:
        """With a first guess of elements that are `new` (S,), from a structure's counts (S,) and energy, eV."""
        bound = self.bound.copy()
        bound[new] = (energy - float(counts[~new] @ bound[~new])) / counts[new].sum()
        return AtomEnergies(np.where(new & ~self.known, bound, self.free), bound, self.known)

    def with_free(self, element: int, energy: float) -> AtomEnergies:
        """With the label of a free atom, eV."""
        free, known = self.free.copy(), self.known.copy()
        free[element], known[element] = energy, True
        return AtomEnergies(free, self.bound, known)
