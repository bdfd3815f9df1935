"""A saddle found to the last digit by a dimer, and the proof that it is one.

Henkelman & Jónsson, J. Chem. Phys. 111, 7010 (1999), as ASE has it: two points close together turn into the
direction of lowest curvature, along which the force is reversed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.geometry import find_mic
from ase.mep.dimer import DimerControl, MinModeAtoms, MinModeTranslate
from pydantic import Field

from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties import partial_hessian
from forgefield.properties.point import evaluate_points
from forgefield.properties.stored_structure import StoredStructure, stored_structure


class SaddleSpec(Spec):
    """How a saddle is refined and verified."""

    force_tolerance: float = Field(default=0.005, gt=0)
    """Largest force on an atom, eV/Å."""
    max_steps: int = Field(default=200, ge=1)
    """Steps of the dimer after which it is given up; each takes two to five calculations."""
    separation: float = Field(default=0.01, gt=0, le=0.1)
    """Distance of the two points from each other, Å."""
    radius: float | None = Field(default=None, gt=0)
    """Å around the atom that moves most along the unstable mode; atoms farther away are clamped as modes are counted.
    Null: all atoms vibrate."""
    displacement: float = Field(default=0.01, gt=0, le=0.2)
    """Displacement of one coordinate for second derivatives, Å."""


@dataclass(frozen=True, slots=True)
class Saddle:
    """A stationary point with its modes.

    Attributes:
        structure: at the saddle.
        energy: eV.
        max_force: largest force on an atom, eV/Å.
        curvature: lowest, along `direction`, eV/Å².
        direction: (N, 3) unit vector along the unstable mode.
        frequencies: (F,) of the atoms that vibrate, in growing order, THz; unstable modes are negative.
        moved: how far the start was in the space of all coordinates, Å.
        converged: whether the forces met their tolerance where the curvature is negative.
        warnings: what makes it no saddle.
    """

    structure: StoredStructure
    energy: float
    max_force: float
    curvature: float
    direction: Array
    frequencies: Array
    moved: float
    converged: bool
    warnings: tuple[str, ...]

    @property
    def unstable_modes(self) -> int:
        """One, for a saddle between two minima."""
        return int((self.frequencies < 0).sum())


def compute(start: Atoms, direction: Array, calculator: Calculator, spec: SaddleSpec) -> Saddle:
    """Go from near a saddle to it, and count its unstable modes.

    Args:
        start: such as the highest image of a path.
        direction: (N, 3), about that of the unstable mode, such as the path's.
        calculator: any ASE calculator.
        spec: settings.
    """
    moving = start.copy()
    moving.set_constraint()
    moving.calc = calculator
    control = DimerControl(
        logfile=None,
        dimer_separation=spec.separation / 2,
        trial_trans_step=spec.separation / 2,
        max_num_rot=3,
    )
    dimer = MinModeAtoms(moving, control, eigenmodes=[direction / np.linalg.norm(direction)], random_seed=0)
    converged = False
    with MinModeTranslate(dimer, logfile=None) as optimiser:
        # Its own measure, the force with one component reversed or left out, can vanish away from a saddle.
        for _ in optimiser.irun(fmax=0.0, steps=spec.max_steps):
            converged = _largest(dimer.get_forces(real=True)) <= spec.force_tolerance
            converged = converged and bool(dimer.get_curvature() < 0)
            if converged:
                break
        steps = int(optimiser.nsteps)
    max_force, curvature = _largest(dimer.get_forces(real=True)), float(dimer.get_curvature())
    energy, mode = float(dimer.get_potential_energy()), np.array(dimer.get_eigenmode(), dtype=np.float64)
    found = moving.copy()
    frequencies = _frequencies(found, mode, calculator, spec)
    warnings = []
    if not converged:
        warnings.append(
            f"the dimer has not converged: forces are up to {max_force:.3g} eV/Å after {steps} steps "
            f"({spec.force_tolerance:g} asked for), the lowest curvature is {curvature:.3g} eV/Å²"
        )
    unstable = int((frequencies < 0).sum())
    if unstable != 1:
        lowest = ", ".join(f"{frequency:.2f}" for frequency in frequencies[:3])
        warnings.append(f"it has {unstable} unstable modes, not one (lowest: {lowest} THz): it is no saddle")
    way, _ = find_mic(found.positions - start.positions, start.cell, start.pbc)
    return Saddle(
        structure=stored_structure(found),
        energy=energy,
        max_force=max_force,
        curvature=curvature,
        direction=mode,
        frequencies=frequencies,
        moved=float(np.linalg.norm(way)),
        converged=converged,
        warnings=tuple(warnings),
    )


def _frequencies(atoms: Atoms, mode: Array, calculator: Calculator, spec: SaddleSpec) -> Array:
    centre = atoms.positions[int(np.linalg.norm(mode, axis=1).argmax())]
    near = partial_hessian.atoms_near(atoms, centre, spec.radius)
    points = evaluate_points(partial_hessian.plan(atoms, near, spec.displacement), calculator)
    hessian = partial_hessian.analyse(atoms, near, spec.displacement, points)
    return partial_hessian.frequencies(hessian, atoms.get_masses()[near])


def _largest(forces: Array) -> float:
    return float(np.linalg.norm(forces, axis=1).max())
