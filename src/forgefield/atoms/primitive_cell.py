"""Primitive cells."""

from __future__ import annotations

import warnings

import spglib
from ase import Atoms


def primitive_cell(atoms: Atoms, tolerance: float) -> Atoms:
    """Primitive cell of a three-dimensional crystal, its atoms where they were; a copy where there is none.

    Args:
        atoms: any structure; one that is not periodic in three dimensions comes back as it is.
        tolerance: how far an atom may be from where symmetry puts it, Å.
    """
    if not atoms.pbc.all() or atoms.cell.volume < 1e-6:
        return atoms.copy()
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    with warnings.catch_warnings():
        # spglib warns at every call that it will raise, one day, where it returns None today.
        warnings.filterwarnings("ignore", message="Set OLD_ERROR_HANDLING", category=DeprecationWarning)
        try:
            found = spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=tolerance)
        except spglib.SpglibError:
            found = None
    if found is None:
        return atoms.copy()
    lattice, positions, numbers = found
    return Atoms(numbers, scaled_positions=positions, cell=lattice, pbc=True)
