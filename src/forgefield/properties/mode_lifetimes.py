"""How long each mode of a crystal lives in motion, and the heat that all of them carry.

The velocities of molecular dynamics are projected onto the harmonic modes (Ladd, Moran & Hoover, Phys. Rev. B 34, 5058
(1986); McGaughey & Kaviany, Phys. Rev. B 69, 094303 (2004)). A mode's amplitude is forgotten as e^(−t/2τ) with the
lifetime τ of its energy, to all orders of anharmonicity: where κ by three-phonon scattering (`thermal_conductivity`)
is larger, processes of more phonons matter. κ = k_B/V Σ v⊗v τ is the relaxation-time approximation with classical
statistics, over the waves that fit into the cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.block_averages import standard_error
from forgefield.properties.commensurate_modes import (
    CommensurateModes,
    commensurate_modes,
    mode_correlations,
)
from forgefield.properties.crystal import bare_crystal
from forgefield.properties.force_constants import SupercellMatrix
from forgefield.properties.mode_lifetimes_record import ModeLifetimes
from forgefield.properties.supercell_choice import wanted_supercell
from forgefield.sampling.calculator_potential import potential_of
from forgefield.sampling.integrators import Langevin, VelocityVerlet
from forgefield.sampling.langevin import MotionState
from forgefield.sampling.simulation import run_motion, warm_up

_FITTED = (0.95, 0.3)
"""Between these shares of its beginning a correlation is taken for exponential."""
_LEAST_POINTS = 4
_WATT_PER_METRE_KELVIN = 1e22 / units.J
"""W/(m K) in eV/(K Å ps)."""


class ModeLifetimesSpec(Spec):
    """Runs at constant energy, whose velocities are projected onto the modes."""

    temperature: float = Field(default=300.0, gt=0)
    """K."""
    runs: int = Field(default=4, ge=1)
    """Independent ones, whose scatter gives the errors."""
    duration: float = Field(default=200.0, gt=0)
    """ps that are recorded in each: ten times the longest lifetime at least."""
    equilibration: float = Field(default=20.0, gt=0)
    """ps with a Langevin thermostat before that."""
    timestep: float = Field(default=1.0, gt=0, le=10)
    """fs."""
    sample_every: float = Field(default=20.0, gt=0)
    """fs between samples, rounded to whole steps: less than half the period of the fastest vibration."""
    damping_time: float = Field(default=100.0, gt=0)
    """fs, of the thermostat."""
    displacement: float = Field(default=0.01, gt=0, le=0.2)
    """Å, for the harmonic modes."""
    minimum_length: float = Field(default=20.0, gt=0)
    """Shortest distance between periodic images, Å; a smaller cell is repeated."""
    max_atoms: int = Field(default=4000, ge=1)
    """Largest supercell allowed."""
    supercell: SupercellMatrix | None = None
    """Supercell vectors (rows) in units of the cell's; null: the smallest with `minimum_length`."""
    seed: int = 0
    """Of the velocities and the noise."""


@dataclass(frozen=True, slots=True)
class ModeMotion:
    """What one run says of the modes.

    Attributes:
        correlations: (G, L) of each group of modes, as of `mode_correlations`.
        interval: between two lags, ps.
        duration: that was recorded, ps.
        temperature: mean, K.
        drift: total energy of the last sample minus that of the first, as a share of the kinetic energy.
    """

    correlations: NDArray[np.complex128]
    interval: float
    duration: float
    temperature: float
    drift: float


def compute(
    atoms: Atoms,
    calculator: Calculator,
    spec: ModeLifetimesSpec,
    progress: Callable[[int], None] | None = None,
) -> ModeLifetimes:
    """Lifetimes of the modes of a crystal, and the conductivity that follows.

    Args:
        atoms: the crystal at rest, with the volume that it has at the temperature in question.
        calculator: any ASE calculator.
        spec: temperature, lengths and number of runs.
        progress: called with the number of steps done in a run.

    Raises:
        ForgefieldError: a structure that is not periodic, imaginary modes, motion that runs away.
    """
    crystal = bare_crystal(atoms)
    modes = commensurate_modes(crystal, calculator, wanted_supercell(crystal, spec), spec.displacement)
    return analyse(
        modes, [run(modes, calculator, spec, number, progress) for number in range(spec.runs)], spec
    )


def run(
    modes: CommensurateModes,
    calculator: Calculator,
    spec: ModeLifetimesSpec,
    number: int,
    progress: Callable[[int], None] | None = None,
) -> ModeMotion:
    """One run, the same for the same number.

    Raises:
        ForgefieldError: fewer than a hundred samples, or motion that runs away.
    """
    timestep, ps = spec.timestep * units.fs, 1000.0 / spec.timestep
    every = max(1, round(spec.sample_every / spec.timestep))
    n_samples = round(spec.duration * ps) // every
    if n_samples < 100:
        raise ForgefieldError(
            f"{n_samples} samples of the velocities say nothing of lifetimes",
            "run longer or sample more often",
        )
    potential, rng = potential_of(calculator, modes.supercell), np.random.default_rng([spec.seed, number])
    thermostat = Langevin(timestep, spec.temperature, spec.damping_time * units.fs)
    state = warm_up(
        potential,
        modes.supercell,
        spec.temperature,
        thermostat,
        round(spec.equilibration * ps),
        rng,
        progress,
    )
    velocities = np.empty((n_samples, len(modes.sites), 3), dtype=np.float32)
    energies: list[tuple[float, float]] = []

    def take(state: MotionState) -> None:
        velocities[len(energies)] = state.momenta / state.masses[:, None]
        energies.append((state.energy, state.kinetic_energy))

    run_motion(potential, state, VelocityVerlet(timestep), n_samples * every, every, take, progress)
    kinetic = float(np.mean([each[1] for each in energies]))
    interval = every * spec.timestep / 1000.0
    return ModeMotion(
        correlations=mode_correlations(velocities, interval, modes, n_samples // 2),
        interval=interval,
        duration=n_samples * interval,
        temperature=2.0 * kinetic / (3.0 * (len(modes.sites) - 1) * units.kB),
        drift=(sum(energies[-1]) - sum(energies[0])) / kinetic,
    )


def analyse(
    modes: CommensurateModes, motions: Sequence[ModeMotion], spec: ModeLifetimesSpec
) -> ModeLifetimes:
    """Lifetimes and conductivity from independent runs.

    Raises:
        ForgefieldError: no runs, or imaginary modes.
    """
    if not motions:
        raise ForgefieldError("no run says anything of lifetimes", "make at least one")
    lowest = float(modes.frequencies.min())
    if lowest <= 0.0:
        raise ForgefieldError(
            f"the crystal has imaginary modes, down to {lowest:.2f} THz, which have no lifetime",
            "relax it and look at its phonons",
        )
    # Runs differ in temperature, so in frequencies, and phases would cancel: magnitudes are what they share.
    together = lifetimes(
        np.mean([np.abs(each.correlations) for each in motions], axis=0), motions[0].interval
    )
    alone = np.array([lifetimes(each.correlations, each.interval) for each in motions])
    first = np.unique(modes.groups, return_index=True)[1]
    weights = np.broadcast_to(modes.counts[:, None], modes.groups.shape)
    squares = (modes.velocities**2).sum(axis=2)
    members = np.bincount(modes.groups.ravel(), weights.ravel())
    return ModeLifetimes(
        frequencies=modes.frequencies.ravel()[first],
        members=members.astype(np.int64),
        speeds=np.sqrt(np.bincount(modes.groups.ravel(), (weights * squares).ravel()) / members),
        lifetimes=together,
        errors=standard_error(alone),
        conductivity=_conductivity(modes, together),
        conductivity_error=standard_error(np.array([_conductivity(modes, each) for each in alone])),
        temperature=float(np.mean([each.temperature for each in motions])),
        wanted_temperature=spec.temperature,
        n_atoms=len(modes.sites),
        runs=len(motions),
        duration=motions[0].duration,
        drift=max(abs(each.drift) for each in motions),
    )


def lifetimes(correlations: NDArray[np.complex128] | Array, interval: float) -> Array:
    """(G,) τ from the slope of ln|C| = −t/2τ, over the fall of |C| to a third; points weigh as their |C|.

    Args:
        correlations: (G, L).
        interval: between two lags, ps.
    """
    found = np.empty(len(correlations))
    for place, each in enumerate(np.abs(correlations)):
        shares = each / each[0]
        begin = max(1, int(np.argmax(shares < _FITTED[0])))
        end = int(np.argmax(shares < _FITTED[1])) or len(shares)
        part = slice(begin, max(end, begin + _LEAST_POINTS))
        times = interval * np.arange(len(shares))[part]
        slope = np.polyfit(times, np.log(shares[part]), 1, w=shares[part])[0]
        found[place] = -0.5 / slope if slope < 0 else np.inf
    return found


def _conductivity(modes: CommensurateModes, times: Array) -> Array:
    """(3, 3) W/(m K)."""
    weights = modes.counts[:, None] * times[modes.groups]
    tensor = np.einsum("qb,qba,qbc->ac", weights, modes.velocities, modes.velocities)
    # Velocities of degenerate modes are known up to their order only, so single stars may miss the symmetry.
    tensor = np.einsum("rai,rbj,ij->ab", modes.rotations, modes.rotations, tensor) / len(modes.rotations)
    return np.asarray(units.kB / modes.supercell.get_volume() * tensor * _WATT_PER_METRE_KELVIN)
