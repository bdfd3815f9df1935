"""Free atoms as a calculator sees them."""

from __future__ import annotations

from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.data import ground_state_magnetic_moments

from forgefield.atoms.isolated import isolated_atom


def free_atom(symbol: str, box: float, moment: bool = False) -> Atoms:
    """One atom in the middle of a periodic cube.

    Args:
        symbol: of the element.
        box: edge of the cube, Å.
        moment: start from the moment of the ground state by Hund's rule, μB.
    """
    atoms = isolated_atom(symbol, box)
    if moment:
        atoms.set_initial_magnetic_moments(ground_state_magnetic_moments[atoms.numbers])
    return atoms


def has_moments(calculator: Calculator) -> bool:
    """Whether a calculator knows of magnetic moments."""
    return bool({"magmom", "magmoms"} & set(calculator.implemented_properties))
