"""Molecular dynamics in equilibrium with any calculator: what trajectory statistics are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.spec import Spec
from forgefield.properties.crystal import bare_crystal
from forgefield.properties.force_constants import SupercellMatrix
from forgefield.properties.production_run import ProductionRun, equilibrated_part
from forgefield.properties.supercell_choice import repeated
from forgefield.properties.trajectory import MotionRecorder
from forgefield.sampling.calculator_potential import potential_of
from forgefield.sampling.integrators import Integrator, Langevin, NoseHooverChain
from forgefield.sampling.simulation import run_motion, warm_up

_WARMING_SHARE = 0.2


class EquilibriumRunSpec(Spec):
    """A run at constant volume and temperature."""

    temperature: float = Field(default=300.0, gt=0)
    """K."""
    duration: float = Field(default=20.0, gt=0)
    """ps that are recorded; a fifth of it more is spent on warming up with a Langevin thermostat."""
    timestep: float = Field(default=1.0, gt=0, le=10)
    """fs."""
    sample_every: float = Field(default=10.0, gt=0)
    """fs between frames, rounded to whole steps; some ten frames in the period of the fastest vibration are enough."""
    relaxation_time: float = Field(default=100.0, gt=0)
    """fs, of the thermostats."""
    damping_time: float | None = Field(default=None, gt=0)
    """fs; null: recorded under a Nosé–Hoover chain. With a number under a Langevin thermostat, which slows diffusion
    and widens lines by 1/(2π damping_time), but makes the modes of an almost harmonic crystal exchange energy."""
    minimum_length: float = Field(default=12.0, gt=0)
    """Shortest distance between periodic images, Å; a smaller cell is repeated."""
    max_atoms: int = Field(default=2000, ge=1)
    """Largest supercell allowed."""
    supercell: SupercellMatrix | None = None
    """Supercell vectors (rows) in units of the cell's; null: the smallest with `minimum_length`."""
    seed: int = 0
    """Of the velocities and the noise."""


def run_equilibrium(
    atoms: Atoms,
    calculator: Calculator,
    spec: EquilibriumRunSpec,
    progress: Callable[[int], None] | None = None,
) -> ProductionRun:
    """Warm up with a Langevin thermostat, record under a Nosé–Hoover chain, discard what is not equilibrated.

    The chain hardly disturbs the motion, so its frames serve for diffusion and vibrations too. It leaves the energy of
    nearly independent vibrations where it was: the heights of their lines then scatter more than blocks of one run say.

    Args:
        atoms: a crystal or a liquid in a periodic cell, as it is at this temperature.
        calculator: any ASE calculator.
        spec: temperature and length.
        progress: called with the number of steps done after each step of either part.

    Raises:
        ForgefieldError: a structure that is not periodic, no supercell that is long enough, or motion that runs away.
    """
    crystal = bare_crystal(atoms)
    start = repeated(crystal, spec)
    potential = potential_of(calculator, start)
    timestep, relaxation = spec.timestep * units.fs, spec.relaxation_time * units.fs
    steps = round(1000.0 * spec.duration / spec.timestep)
    rng, warming = np.random.default_rng(spec.seed), Langevin(timestep, spec.temperature, relaxation)
    state = warm_up(potential, start, spec.temperature, warming, round(_WARMING_SHARE * steps), rng, progress)
    recorder = MotionRecorder()
    recording: Integrator = NoseHooverChain(timestep, spec.temperature, relaxation)
    if spec.damping_time is not None:
        recording = Langevin(timestep, spec.temperature, spec.damping_time * units.fs)
    every = max(1, round(spec.sample_every / spec.timestep))
    run_motion(potential, state, recording, steps, every, recorder, progress)
    return equilibrated_part(recorder.trajectory(timestep))
