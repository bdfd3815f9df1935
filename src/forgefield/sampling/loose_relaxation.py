"""Relaxation that ends early, and the few configurations on its way that are worth a label.

Mirhosseini et al., Comput. Mater. Sci. 197, 110567 (2021): perturbed and stressed structures are relaxed until forces
are small but not zero, and of each relaxation at most four configurations are kept, one from each range of forces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.optimize import LBFGS
from pydantic import Field, model_validator

from forgefield.atoms.spec import Spec
from forgefield.sampling.conditions import Guard

_Force = Annotated[float, Field(gt=0.0)]


class LooseRelaxationSpec(Spec):
    """How perturbed structures are relaxed in part."""

    force: _Force = 0.5
    """Largest force in eV/Å at which a relaxation ends."""
    bands: tuple[tuple[_Force, _Force], ...] = ((2.0, 3.0), (1.0, 2.0), (0.5, 1.0))
    """From each of these ranges of the largest force, eV/Å, the first configuration is kept, and the last of all."""
    steps: Annotated[int, Field(ge=1)] = 60
    """Steps after which a relaxation is given up."""
    count: Annotated[int, Field(ge=0)] = 24
    """Reference calculations in all, at most, shared out over the perturbed structures; 0: none are made."""
    per_cycle: Annotated[int, Field(ge=0)] = 4
    """Reference calculations of each later cycle, at most, of the structures where its potential puts them at rest,
    unless known ones are like them; 0: none are made."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for low, high in self.bands:
            if low >= high:
                raise ValueError(f"bands [{low:g}, {high:g}]: the smaller force comes first")
        return self


@dataclass(frozen=True, slots=True)
class Sample:
    """A configuration of a relaxation.

    Attributes:
        atoms: without a calculator.
        force: largest force on an atom, eV/Å.
        step: number of the step.
    """

    atoms: Atoms
    force: float
    step: int


def loose_relaxation(
    atoms: Atoms, calculator: Calculator, spec: LooseRelaxationSpec, guard: Guard
) -> tuple[Sample, ...]:
    """Relax atoms in their cell until no force is larger than ``spec.force``; the configurations that are kept.

    L-BFGS. The relaxation ends where the geometry leaves the guard's bounds, too.

    Args:
        atoms: start; is not changed.
        calculator: any ASE calculator with forces.
        spec: settings.
        guard: bounds of geometry.
    """
    moving = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc)
    if atoms.has("initial_magmoms"):
        moving.set_initial_magnetic_moments(atoms.get_initial_magnetic_moments())
    moving.calc = calculator
    kept: dict[int, Sample] = {}
    last: Sample | None = None
    with LBFGS(moving, logfile=None, maxstep=0.1) as optimiser:
        for _ in optimiser.irun(fmax=spec.force, steps=spec.steps):
            if guard.geometry_problem(moving) is not None:
                break
            force = float(np.linalg.norm(moving.get_forces(), axis=1).max())
            bare = moving.copy()
            bare.calc = None
            last = Sample(bare, force, int(optimiser.nsteps))
            for number, (low, high) in enumerate(spec.bands):
                if low <= force < high:
                    kept.setdefault(number, last)
    samples = sorted(kept.values(), key=lambda sample: sample.step)
    if last is not None and not any(last is sample for sample in samples):
        samples.append(last)
    return tuple(samples)
