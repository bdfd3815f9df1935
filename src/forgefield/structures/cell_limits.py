"""Whether a crystal keeps to the limits: number of atoms, room between them, empty space."""

from __future__ import annotations

from collections.abc import Sequence

from ase import Atoms

from forgefield.structures.compound_spec import CrystalSpec
from forgefield.structures.contacts import contact_problem
from forgefield.structures.crystal_size import packing
from forgefield.structures.ions import Ion
from forgefield.structures.supercell import supercell


def cell_problem(atoms: Atoms, limits: CrystalSpec) -> str | None:
    """Why a cell has too many or too few atoms, or None if it fits or can be made to fit."""
    if len(atoms) > limits.max_atoms:
        return f"{len(atoms)} atoms, more than max_atoms {limits.max_atoms}"
    if len(set(atoms.symbols)) > 1 and len(atoms) < limits.min_atoms:
        if limits.small_cells == "drop":
            return f"{len(atoms)} atoms, fewer than min_atoms {limits.min_atoms}; small_cells: repeat would keep it"
        if _fewest(atoms, limits) > limits.max_atoms:
            return f"cannot be repeated to between {limits.min_atoms} and {limits.max_atoms} atoms"
    return None


def room_problem(atoms: Atoms, ions: Sequence[Ion], limits: CrystalSpec) -> str | None:
    """Why the atoms of a crystal are too close or fill too little of it, or None if they have the right room.

    Args:
        atoms: a crystal.
        ions: of all its elements.
        limits: what it must be like.
    """
    problem = contact_problem(atoms, ions, limits.min_distance_ratio)
    if problem is not None:
        return problem
    filled = packing(atoms, ions)
    if filled < limits.min_packing:
        return f"is sparse: atoms fill {filled:.0%} of it, less than min_packing {limits.min_packing:.0%}"
    return None


def repeated_if_small(atoms: Atoms, limits: CrystalSpec) -> Atoms:
    """A compound's cell with at least ``limits.min_atoms`` atoms; an element's as it is."""
    fewest = _fewest(atoms, limits)
    return supercell(atoms, fewest, fewest) if len(set(atoms.symbols)) > 1 else atoms


def _fewest(atoms: Atoms, limits: CrystalSpec) -> int:
    """The smallest multiple of the cell that has min_atoms."""
    return -(-limits.min_atoms // len(atoms)) * len(atoms)
