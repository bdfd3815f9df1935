"""Where a method's properties are computed: at its own minimum."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import equation_of_state
from forgefield.properties.crystal import CrystalSymmetry, bare_crystal, find_symmetry
from forgefield.properties.equation_of_state import EquationOfState, EquationOfStateSpec
from forgefield.sampling.relaxation import relax

_FORCE_TOLERANCE = 0.005
"""eV/Å; phonons and elastic constants start from here."""


def free_parameters(symmetry: CrystalSymmetry) -> tuple[int, int]:
    """How many strains beside the volume, and how many displacements of atoms, leave the symmetry as it is.

    Counts invariants by characters: (1/G) Σ_g ½[(tr R)² + tr R²] − 1, and (1/G) Σ_g (fixed atoms − 1) · tr R, where the
    −1 takes away the rigid translation.
    """
    traces = np.trace(symmetry.rotations, axis1=1, axis2=2)
    squares = np.trace(symmetry.rotations @ symmetry.rotations, axis1=1, axis2=2)
    fixed = (symmetry.permutations == np.arange(symmetry.permutations.shape[1])).sum(axis=1)
    strains = round(float(np.mean((traces**2 + squares) / 2)))
    return strains - 1, round(float(np.mean((fixed - 1) * traces)))


def find_equilibrium(
    atoms: Atoms, calculator: Calculator, spec: EquationOfStateSpec
) -> tuple[Atoms, EquationOfState]:
    """The crystal at a calculator's own minimum, and the energy–volume curve through it.

    Where symmetry leaves shape or positions free they are relaxed first; the curve then keeps them.

    Raises:
        ForgefieldError: no minimum near, or a relaxation that does not end.
    """
    crystal = bare_crystal(atoms)
    strains, displacements = free_parameters(find_symmetry(crystal))
    if strains or displacements:
        relaxed = relax(crystal, calculator, _FORCE_TOLERANCE, cell=strains > 0)
        if not relaxed.converged:
            raise ForgefieldError(
                f"the relaxation of {crystal.get_chemical_formula()} has not converged: forces up to "
                f"{relaxed.max_force:.3f} eV/Å after {relaxed.steps} steps",
                "start from a structure nearer to its minimum; the calculator may have none there",
            )
        crystal = bare_crystal(relaxed.atoms)
    eos = equation_of_state.compute(crystal, calculator, spec)
    return equation_of_state.equilibrium_structure(crystal, eos), eos
