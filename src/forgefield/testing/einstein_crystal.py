"""Atoms on springs of their own: the crystal whose motion is known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Array, Evaluation
from forgefield.potentials.contract import Potential


@dataclass
class EinsteinCrystal(Potential):
    """Every atom on an isotropic spring; with a constant of zero an ideal gas.

    Attributes:
        sites: (N, 3) where the springs are fixed, Å.
        constant: eV/Å².
    """

    sites: Array
    constant: float
    species: tuple[str, ...] = ("Cu",)
    cutoff: float = 0.0

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """Energy and forces; the stress is zero."""
        away = atoms.positions - self.sites
        energies = 0.5 * self.constant * (away**2).sum(axis=1)
        return Evaluation(float(energies.sum()), energies, -self.constant * away, np.zeros(6))

    def save(self, folder: Path) -> None:
        """Nothing: the sites belong to one structure."""
