"""The fingerprint of a structure as its mean atomic environments, one for each element.

Means over all atoms of an element of the radial sums and the power spectrum (`power_spectrum.py`): the average kernel
of De, Bartók, Csányi, Ceriotti, Phys. Chem. Chem. Phys. 18, 13754 (2016), split by element. They see angles, which
distances alone do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from numpy.typing import DTypeLike, NDArray

from forgefield.atoms.neighbours import concatenate
from forgefield.atoms.records import Array
from forgefield.descriptors.fingerprint import batches
from forgefield.descriptors.power_spectrum import PowerSpectrum

_BATCH = 1000
"""Atoms whose features are held at once."""


@dataclass(frozen=True)
class MeanEnvironments:
    """Mean invariants of the density expansion.

    Attributes:
        species: chemical symbols.
        cutoff: Å.
        n_radial: number of radial functions.
        l_max: highest degree, at most 6.
    """

    species: tuple[str, ...]
    cutoff: float = 6.0
    n_radial: int = 6
    l_max: int = 3

    def __post_init__(self) -> None:
        _ = self.spectrum

    @cached_property
    def spectrum(self) -> PowerSpectrum:
        """The features that are averaged."""
        return PowerSpectrum(self.species, self.cutoff, self.n_radial, self.l_max)

    @property
    def n_features(self) -> int:
        """D, the length of a row: the spectrum's features for each element of the centre, in the order of `species`."""
        return len(self.species) * self.spectrum.n_features

    def rows(self, structures: Sequence[Atoms], dtype: DTypeLike = float) -> NDArray[np.floating]:
        """(M, D) means of the features over the atoms of each element, zeros for an element that is absent.

        Raises:
            ForgefieldError: an element that is not in `species`, positions or a cell that are not finite.
        """
        result = np.empty((len(structures), self.n_features), dtype)
        for batch in batches(structures, _BATCH):
            result[batch] = self._means(structures[batch])
        return result

    def _means(self, structures: Sequence[Atoms]) -> Array:
        species = [self.spectrum.species_index(atoms) for atoms in structures]
        pairs = concatenate([self.spectrum.neighbours(atoms) for atoms in structures])
        features = self.spectrum.values(pairs, np.concatenate(species))
        means = np.zeros((len(structures), len(self.species), self.spectrum.n_features))
        begin = 0
        for mean, index in zip(means, species, strict=True):
            own = features[begin : begin + len(index)]
            for element in np.unique(index):
                mean[element] = own[index == element].mean(axis=0)
            begin += len(index)
        return means.reshape(len(structures), -1)
