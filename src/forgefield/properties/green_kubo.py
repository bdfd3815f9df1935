"""Thermal conductivity from the heat current's fluctuations in equilibrium (Green, Kubo).

κ = 1/(V k_B T²) ∫₀^∞ ⟨J_x(0) J_x(t)⟩ dt = S(0)/(2 V k_B T²) with the power spectrum S of the current, read off at
frequency zero by cepstral analysis (`cepstral`) of all runs together. Independent runs, each at constant energy after
a thermostat has prepared it, also give an error without that analysis: their spread. Motion is classical, so below
the Debye temperature heat capacities are too large; isotopes and other defects are in it only if they are in the cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray
from pydantic import Field
from scipy.integrate import cumulative_trapezoid

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.block_averages import standard_error
from forgefield.properties.cepstral import cepstral_estimate, periodogram, zero_frequency
from forgefield.properties.correlation import autocorrelation
from forgefield.properties.crystal import bare_crystal
from forgefield.properties.force_constants import SupercellMatrix
from forgefield.properties.green_kubo_record import GreenKubo, GreenKuboComponent
from forgefield.properties.supercell_choice import repeated
from forgefield.sampling.calculator_potential import potential_of
from forgefield.sampling.heat_current import HeatCurrent, HeatCurrentRecorder
from forgefield.sampling.integrators import Langevin, VelocityVerlet
from forgefield.sampling.simulation import run_motion, warm_up

WATT_PER_METRE_KELVIN = units.J / units.second / units.m
"""W/(m K) in eV per ASE time unit, Å and K."""

_SHOWN = 400
"""Points of a curve that is kept."""


class GreenKuboSpec(Spec):
    """Runs at constant energy, over whose heat currents the spectrum is averaged."""

    temperature: float = Field(default=300.0, gt=0)
    """K."""
    runs: int = Field(default=8, ge=1)
    """Independent ones; from five on their spread checks the error."""
    duration: float = Field(default=200.0, gt=0)
    """ps that are recorded in each; should be a hundred times the life of the phonons that carry most heat."""
    equilibration: float = Field(default=20.0, gt=0)
    """ps with a Langevin thermostat before that."""
    timestep: float = Field(default=1.0, gt=0, le=10)
    """fs."""
    sample_every: float = Field(default=5.0, gt=0)
    """fs between samples of the current, rounded to whole steps: half the period of the fastest vibration at most."""
    damping_time: float = Field(default=100.0, gt=0)
    """fs, of the thermostat."""
    isotropic: bool = True
    """One number from all three directions (liquids, glasses, cubic crystals); otherwise one for each."""
    highest_frequency: float | None = Field(default=None, gt=0)
    """THz; end of the band that the analysis may use. null: as far as the samples tell."""
    correlation_time: float = Field(default=20.0, gt=0)
    """ps; how far the running integral is drawn."""
    minimum_length: float = Field(default=20.0, gt=0)
    """Shortest distance between periodic images, Å; a smaller cell is repeated."""
    max_atoms: int = Field(default=8000, ge=1)
    """Largest supercell allowed."""
    supercell: SupercellMatrix | None = None
    """Supercell vectors (rows) in units of the cell's; null: the smallest with `minimum_length`."""
    seed: int = 0
    """Of the velocities and the noise."""


def compute(
    atoms: Atoms, calculator: Calculator, spec: GreenKuboSpec, progress: Callable[[int], None] | None = None
) -> GreenKubo:
    """Thermal conductivity of a crystal, a glass or a liquid in a periodic cell, as it is at this temperature.

    Args:
        atoms: with the volume that it has at the temperature and pressure in question.
        calculator: of a potential that gives virials of atoms.
        spec: temperature, lengths and number of runs.
        progress: called with the number of steps done in a run.

    Raises:
        ForgefieldError: a structure that is not periodic, a calculator without virials, motion that runs away.
    """
    return analyse([run(atoms, calculator, spec, number, progress) for number in range(spec.runs)], spec)


def run(
    atoms: Atoms,
    calculator: Calculator,
    spec: GreenKuboSpec,
    number: int,
    progress: Callable[[int], None] | None = None,
) -> HeatCurrent:
    """The heat current of one run, the same for the same number; arguments and errors otherwise as of `compute`."""
    crystal = bare_crystal(atoms)
    start = repeated(crystal, spec)
    potential = potential_of(calculator, start)
    potential.virials(start)  # Refused before the thermostat has taken its time.
    timestep, ps = spec.timestep * units.fs, 1000.0 / spec.timestep
    rng = np.random.default_rng([spec.seed, number])
    thermostat = Langevin(timestep, spec.temperature, spec.damping_time * units.fs)
    state = warm_up(
        potential, start, spec.temperature, thermostat, round(spec.equilibration * ps), rng, progress
    )
    every = max(1, round(spec.sample_every / spec.timestep))
    recorder = HeatCurrentRecorder(potential, every * timestep)
    run_motion(
        potential, state, VelocityVerlet(timestep), round(spec.duration * ps), every, recorder, progress
    )
    return recorder.heat_current()


def analyse(currents: Sequence[HeatCurrent], spec: GreenKuboSpec) -> GreenKubo:
    """Conductivity from the heat currents of independent runs of the same cell.

    Raises:
        ForgefieldError: none, runs that differ in length or cell, too few samples, or a current that stands still.
    """
    if not currents or len({(len(each.values), each.interval, each.n_atoms) for each in currents}) > 1:
        raise ForgefieldError(
            f"{len(currents)} heat currents of different length, interval or cell cannot be averaged",
            "give at least one, and all from runs with the same settings",
        )
    first = currents[0]
    temperature = float(np.mean([each.temperature for each in currents]))
    pressure = float(np.mean([each.pressure for each in currents])) / units.GPa
    factor = 1.0 / (first.volume * units.kB * temperature**2 * WATT_PER_METRE_KELVIN)
    ps = first.interval / (1000.0 * units.fs)
    lags = min(len(first.values) // 2, round(spec.correlation_time / ps) + 1)
    groups = [("", [0, 1, 2])] if spec.isotropic else [(name, [axis]) for axis, name in enumerate("xyz")]
    components = tuple(
        _component(name, [each.values[:, axes] for each in currents], factor, first.interval, lags, spec)
        for name, axes in groups
    )
    kinetic = 1.5 * units.kB * temperature
    return GreenKubo(
        components=components,
        times=_thinned(lags) * ps,
        temperature=temperature,
        wanted_temperature=spec.temperature,
        pressure=pressure,
        n_atoms=first.n_atoms,
        runs=len(currents),
        duration=len(first.values) * ps,
        drift=max(abs(each.drift) for each in currents) / kinetic,
        diffusing=any(each.diffusing for each in currents),
    )


def _component(
    name: str, series: Sequence[Array], factor: float, interval: float, lags: int, spec: GreenKuboSpec
) -> GreenKuboComponent:
    """Of columns (T, C) of each run that count as equal."""
    per_run = [0.5 * factor * periodogram(each, interval).mean(axis=1) for each in series]
    frequencies = np.arange(len(per_run[0])) / (len(series[0]) * interval) * 1000.0 * units.fs
    if spec.highest_frequency is not None:
        frequencies = frequencies[frequencies <= spec.highest_frequency]
    mean, columns = np.mean(per_run, axis=0)[: len(frequencies)], series[0].shape[1]
    found = zero_frequency(mean, columns * len(series))
    used = found.available + 1
    alone = [cepstral_estimate(each[:used], columns, found.coefficients).value for each in per_run]
    relative = np.std(np.log(alone), ddof=1) / np.sqrt(len(alone)) if len(alone) > 1 else np.nan
    integrals = factor * interval * np.array([_running_integral(each, lags) for each in series])
    spectrum, smooth, centres = (_binned(each) for each in (mean[:used], found.smooth, frequencies[:used]))
    shown = _thinned(lags)
    return GreenKuboComponent(
        direction=name,
        conductivity=found.value,
        error=found.error,
        spread=float(found.value * relative),
        coefficients=found.coefficients,
        band=float(frequencies[used - 1]),
        frequencies=centres,
        spectrum=spectrum,
        smooth=smooth,
        integral=integrals.mean(axis=0)[shown],
        integral_error=standard_error(integrals)[shown],
    )


def _running_integral(series: Array, lags: int) -> Array:
    """(lags,) ∫ ⟨J(0) J(t)⟩ dt in units of the interval, mean over columns (T, C)."""
    return np.asarray(cumulative_trapezoid(autocorrelation(series, lags).mean(axis=1), initial=0.0))


def _thinned(points: int) -> NDArray[np.int64]:
    """Indices of so many points that they fit into a figure."""
    return np.unique(np.linspace(0, points - 1, min(points, _SHOWN)).round().astype(int))


def _binned(curve: Array) -> Array:
    """Means over so many bins that they fit into a figure."""
    return np.array([part.mean() for part in np.array_split(curve, min(len(curve), _SHOWN))])
