"""Homogeneous strain of a cell."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from forgefield.atoms.records import Array


def strained(atoms: Atoms, strain: ArrayLike) -> Atoms:
    """Copy of the atoms with cell and positions r → (1 + ε) r.

    Args:
        atoms: a periodic structure.
        strain: (3, 3) symmetric strain tensor ε, no unit.
    """
    copy = atoms.copy()
    copy.set_cell(copy.cell.array @ (np.eye(3) + np.asarray(strain)).T, scale_atoms=True)
    return copy


def scaled_to_volume(atoms: Atoms, ratio: float) -> Atoms:
    """Copy of the atoms with the volume multiplied by ``ratio``; fractional coordinates stay."""
    return strained(atoms, (ratio ** (1.0 / 3.0) - 1.0) * np.eye(3))


def random_strain(amplitude: float, rng: np.random.Generator) -> Array:
    """(3, 3) symmetric strain tensor whose six components are uniform in ±amplitude."""
    strain = np.zeros((3, 3))
    upper = np.triu_indices(3)
    strain[upper] = rng.uniform(-amplitude, amplitude, size=6)
    return np.asarray(strain + np.triu(strain, 1).T)
