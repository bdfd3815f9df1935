"""Free atoms as a calculator sees them."""

from __future__ import annotations

from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.data import atomic_numbers, ground_state_magnetic_moments


def free_atom(symbol: str, box: float, moment: bool = False) -> Atoms:
    """One atom in the middle of a periodic cube, which plane-wave engines need.

    Args:
        symbol: of the element.
        box: edge of the cube, Å.
        moment: start from the moment of the ground state by Hund's rule, μB.
    """
    atoms = Atoms(symbol, positions=[[box / 2] * 3], cell=[box] * 3, pbc=True)
    if moment:
        atoms.set_initial_magnetic_moments([ground_state_magnetic_moments[atomic_numbers[symbol]]])
    return atoms


def has_moments(calculator: Calculator) -> bool:
    """Whether a calculator knows of magnetic moments."""
    return bool({"magmom", "magmoms"} & set(calculator.implemented_properties))
