"""A structure as arrays, for results that are stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from forgefield.atoms.records import Array


@dataclass(frozen=True, slots=True)
class StoredStructure:
    """What a calculator needs to know about a structure.

    Attributes:
        numbers: (N,) atomic numbers.
        positions: (N, 3), Å.
        cell: (3, 3), rows are vectors, Å.
        periodic: along each vector.
        moments: (N,) or (N, 3) initial magnetic moments, µ_B; None where there are none.
    """

    numbers: NDArray[np.int64]
    positions: Array
    cell: Array
    periodic: tuple[bool, bool, bool]
    moments: Array | None

    @property
    def atoms(self) -> Atoms:
        """The structure, without a calculator."""
        return self.at(self.positions)

    def at(self, positions: Array) -> Atoms:
        """The same atoms at other positions (N, 3), Å."""
        atoms = Atoms(numbers=self.numbers, positions=positions, cell=self.cell, pbc=self.periodic)
        if self.moments is not None:
            atoms.set_initial_magnetic_moments(self.moments)
        return atoms


def stored_structure(atoms: Atoms) -> StoredStructure:
    """Species, positions, cell, periodicity and initial moments of a structure."""
    return StoredStructure(
        numbers=np.array(atoms.numbers, dtype=np.int64),
        positions=np.array(atoms.positions, dtype=np.float64),
        cell=np.array(atoms.cell.array, dtype=np.float64),
        periodic=(bool(atoms.pbc[0]), bool(atoms.pbc[1]), bool(atoms.pbc[2])),
        moments=atoms.get_initial_magnetic_moments() if atoms.has("initial_magmoms") else None,
    )
