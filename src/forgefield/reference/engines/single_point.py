"""Energy, forces and stress from any ASE calculator."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, PropertyNotImplementedError, SCFError

from forgefield.atoms.records import Array
from forgefield.atoms.vacuum import is_isolated_atom
from forgefield.reference.engines.engine import NotConvergedError, SinglePoint


def single_point(atoms: Atoms, calculator: BaseCalculator) -> SinglePoint:
    """Compute one structure; no constraint is applied to its forces.

    Stress is left out for structures that are not periodic in all directions, for an isolated atom in
    a box, and where the calculator has none.

    Raises:
        NotConvergedError: the calculator raised ASE's SCFError, or ended with ``converged = False``.
    """
    structure = atoms.copy()
    structure.set_constraint()
    structure.calc = calculator
    try:
        try:
            # Forces and stress are derivatives of the free energy, not of the energy at zero smearing.
            energy = float(structure.get_potential_energy(force_consistent=True))
        except PropertyNotImplementedError:
            energy = float(structure.get_potential_energy())
        forces = np.array(structure.get_forces(), dtype=np.float64)
        stress = _stress(structure)
    except SCFError as error:
        raise NotConvergedError(str(error) or "self-consistency was not reached") from error
    if getattr(calculator, "converged", None) is False:
        raise NotConvergedError(f"{type(calculator).__name__} says that it did not converge")
    return SinglePoint(energy, forces, stress)


def _stress(structure: Atoms) -> Array | None:
    if not structure.pbc.all() or is_isolated_atom(structure):
        return None
    try:
        return np.array(structure.get_stress(voigt=True), dtype=np.float64)
    except PropertyNotImplementedError:
        return None
