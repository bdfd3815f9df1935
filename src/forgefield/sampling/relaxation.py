"""Relaxation of atoms and cell by ASE's optimisers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.filters import FrechetCellFilter
from ase.optimize import LBFGS

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.guided_relaxation import follow_guide


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A relaxed structure.

    Attributes:
        atoms: the structure, without a calculator.
        energy: eV.
        max_force: largest force on an atom, eV/Å.
        max_stress: largest component of the stress, eV/Å³; 0 where the cell was kept.
        converged: whether the tolerances were met.
        steps: of L-BFGS on the calculator itself; a guide may have led to the minimum without any.
    """

    atoms: Atoms
    energy: float
    max_force: float
    max_stress: float
    converged: bool
    steps: int


def relax(
    atoms: Atoms,
    calculator: Calculator,
    force_tolerance: float = 0.02,
    cell: bool = True,
    max_steps: int = 300,
) -> Relaxed:
    """Move atoms, and the cell if asked for, to a nearby energy minimum.

    L-BFGS; the cell moves in the logarithm of the deformation (`FrechetCellFilter`). A dear calculator may bring a
    cheap one that resembles it as its `guide`, which then leads the way (:mod:`forgefield.sampling.guided_relaxation`);
    L-BFGS does what is left.

    Args:
        atoms: start; is not changed.
        calculator: any ASE calculator with forces, and stress if the cell moves.
        force_tolerance: eV/Å; for the cell, on the virial per atom.
        cell: let the cell move; needs periodicity in three directions.
        max_steps: gives up after so many, and as many led by a guide; the result then says that it has not converged.

    Raises:
        ForgefieldError: the cell was to move but the structure is not periodic in three directions.
    """
    if cell:
        check_cell_relaxes(atoms)
    moving = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc)
    if atoms.has("initial_magmoms"):
        moving.set_initial_magnetic_moments(atoms.get_initial_magnetic_moments())
    guide = getattr(calculator, "guide", None)
    if guide is not None:
        moving = follow_guide(moving, calculator, guide, force_tolerance, cell, max_steps)
    moving.calc = calculator
    target = FrechetCellFilter(moving) if cell else moving
    with LBFGS(target, logfile=None, maxstep=0.1) as optimiser:
        converged = bool(optimiser.run(fmax=force_tolerance, steps=max_steps))
        steps = int(optimiser.nsteps)
    forces = moving.get_forces()
    stress = np.abs(moving.get_stress()).max() if cell else 0.0
    energy = float(moving.get_potential_energy())
    moving.calc = None
    return Relaxed(
        atoms=moving,
        energy=energy,
        max_force=float(np.linalg.norm(forces, axis=1).max()),
        max_stress=float(stress),
        converged=converged,
        steps=steps,
    )


def check_cell_relaxes(atoms: Atoms) -> None:
    """Refuse to relax a cell that does not repeat in all directions.

    Raises:
        ForgefieldError: the structure is not periodic in three directions.
    """
    if not (atoms.pbc.all() and atoms.cell.rank == 3):
        raise ForgefieldError(
            f"the cell of {atoms.get_chemical_formula()}, periodicity {atoms.pbc.tolist()}, cannot relax",
            "relax it with a fixed cell",
        )
