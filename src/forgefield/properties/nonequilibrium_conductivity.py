"""Thermal conductivity from an imposed heat flow: what two reservoirs exchange over the gradient between them.

κ = Q/(2 A t)/|dT/dx| for the heat Q that went both ways in the time t, once things are steady. Phonons whose mean
free path exceeds the distance are stopped by the reservoirs, so κ is extrapolated over several lengths by 1/κ against
1/L (Schelling, Phillpot & Keblinski, Phys. Rev. B 65, 144306 (2002)), which holds where the lengths are beyond the
paths that matter (Sellan, Landry, Turney, McGaughey & Amon, Phys. Rev. B 81, 214305 (2010)). Needs forces only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from numpy.typing import NDArray
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.crystal import bare_crystal
from forgefield.properties.green_kubo import WATT_PER_METRE_KELVIN
from forgefield.properties.nonequilibrium_conductivity_record import ConductedHeat, NonequilibriumConductivity
from forgefield.sampling.calculator_potential import potential_of
from forgefield.sampling.heat_flow import HeatFlow, HeatFlowRecorder, HeatReservoirs
from forgefield.sampling.integrators import Langevin
from forgefield.sampling.simulation import run_motion, warm_up

_GIGAWATT_PER_SQUARE_METRE = 1e9 * units.J / units.second / units.m**2


class NonequilibriumConductivitySpec(Spec):
    """Two reservoirs in cells of several lengths."""

    temperature: float = Field(default=300.0, gt=0)
    """K, of the middle."""
    difference: float | None = Field(default=None, gt=0)
    """K between the reservoirs; null: a fifth of the temperature."""
    lengths: tuple[float, ...] = Field(default=(100.0, 150.0, 200.0, 300.0), min_length=1)
    """Å, of the cell along the flow, rounded up to whole cells; heat flows over less than half of that."""
    width: float = Field(default=15.0, gt=0)
    """Smallest extent across the flow, Å."""
    axis: int = Field(default=2, ge=0, le=2)
    """Cell vector along which heat flows; the others must be at right angles to it."""
    reservoir: float = Field(default=0.1, gt=0, lt=0.4)
    """Share of the length that each reservoir takes."""
    margin: float = Field(default=0.15, ge=0, lt=0.4)
    """Share of the way between the reservoirs that is left out of the fit on either side."""
    layers: int = Field(default=20, ge=8)
    """Layers in which temperatures are taken, from one reservoir's middle to the other's."""
    settling: float = Field(default=100.0, gt=0)
    """ps until the flow is steady; a fifth of it is spent before at one temperature."""
    duration: float = Field(default=400.0, gt=0)
    """ps that are recorded."""
    timestep: float = Field(default=1.0, gt=0, le=10)
    """fs."""
    sample_every: float = Field(default=20.0, gt=0)
    """fs between samples of the temperatures, rounded to whole steps."""
    damping_time: float = Field(default=500.0, gt=0)
    """fs, of the thermostats."""
    blocks: int = Field(default=20, ge=4)
    """Parts of the time from whose scatter errors are estimated."""
    seed: int = 0
    """Of the velocities and the noise."""

    @property
    def gap(self) -> float:
        """K between the reservoirs."""
        return 0.2 * self.temperature if self.difference is None else self.difference


def compute(
    atoms: Atoms,
    calculator: Calculator,
    spec: NonequilibriumConductivitySpec,
    progress: Callable[[int], None] | None = None,
) -> NonequilibriumConductivity:
    """Thermal conductivity along a cell vector.

    Args:
        atoms: a periodic cell with the volume that it has at the temperature in question.
        calculator: any ASE calculator.
        spec: temperature and lengths.
        progress: called with the number of steps done in a part of a run.

    Raises:
        ForgefieldError: a structure that is not periodic, a flow along a skewed vector, motion that runs away.
    """
    return analyse([run(atoms, calculator, spec, length, progress) for length in spec.lengths], spec)


def run(
    atoms: Atoms,
    calculator: Calculator,
    spec: NonequilibriumConductivitySpec,
    length: float,
    progress: Callable[[int], None] | None = None,
) -> HeatFlow:
    """The heat flow through a cell of one length, Å; arguments and errors otherwise as of `compute`."""
    start = _bar(bare_crystal(atoms), spec, length)
    potential = potential_of(calculator, start)
    timestep, ps = spec.timestep * units.fs, 1000.0 / spec.timestep
    damping = spec.damping_time * units.fs
    rng = np.random.default_rng([spec.seed, len(start)])
    warming = Langevin(timestep, spec.temperature, damping)
    state = warm_up(
        potential, start, spec.temperature, warming, round(0.2 * spec.settling * ps), rng, progress
    )
    reservoirs = HeatReservoirs(
        timestep, spec.temperature + spec.gap / 2, spec.temperature - spec.gap / 2, damping, spec.axis, spec.reservoir
    )  # fmt: skip
    state = run_motion(potential, state, reservoirs, round(spec.settling * ps), progress=progress)
    every = max(1, round(spec.sample_every / spec.timestep))
    per_block = max(1, round(spec.duration * ps) // (every * spec.blocks))
    recorder = HeatFlowRecorder(reservoirs.start(state), reservoirs, spec.layers, per_block, every * timestep)
    run_motion(potential, state, reservoirs, per_block * every * spec.blocks, every, recorder, progress)
    return recorder.heat_flow()


def _bar(crystal: Atoms, spec: NonequilibriumConductivitySpec, length: float) -> Atoms:
    vectors, axis = crystal.cell.array, spec.axis
    others = [other for other in range(3) if other != axis]
    along = vectors[axis] / np.linalg.norm(vectors[axis])
    skew = max(abs(vectors[other] @ along) / np.linalg.norm(vectors[other]) for other in others)
    if skew > 1e-3:
        raise ForgefieldError(
            f"heat cannot be sent along cell vector {axis}, which is not at right angles to the others",
            "give a cell, such as the conventional one, with a vector that is",
        )
    heights = 1.0 / np.linalg.norm(np.linalg.inv(vectors), axis=0)
    counts = np.ceil(np.full(3, spec.width) / heights - 1e-6).astype(int)
    counts[axis] = int(np.ceil(length / heights[axis] - 1e-6))
    return crystal.repeat(tuple(int(count) for count in np.maximum(counts, 1)))


def analyse(flows: Sequence[HeatFlow], spec: NonequilibriumConductivitySpec) -> NonequilibriumConductivity:
    """Conductivity from the flows through cells of different lengths.

    Raises:
        ForgefieldError: no flow at all.
    """
    if not flows:
        raise ForgefieldError("no heat flow was given", "give at least one")
    lengths = tuple(_conducted(flow, spec) for flow in sorted(flows, key=lambda flow: flow.length))
    values = np.array([each.conductivity for each in lengths])
    errors = np.array([each.error for each in lengths])
    if len(lengths) == 1:
        return NonequilibriumConductivity(
            spec.temperature, lengths, float(values[0]), float(errors[0]), 0.0, np.nan
        )
    design = np.column_stack([np.ones(len(lengths)), [1.0 / each.length for each in lengths]])
    weights = values**2 / errors
    covariance = np.linalg.inv((design * weights[:, None] ** 2).T @ design)
    limit, slope = covariance @ ((design * weights[:, None] ** 2).T @ (1.0 / values))
    squares = float((((design @ [limit, slope]) - 1.0 / values) ** 2 * weights**2).sum())
    return NonequilibriumConductivity(
        temperature=spec.temperature,
        lengths=lengths,
        conductivity=float(1.0 / limit),
        error=float(np.sqrt(covariance[0, 0]) / limit**2),
        path=float(slope / limit),
        misfit=squares / (len(lengths) - 2) if len(lengths) > 2 else np.nan,
    )


def _conducted(flow: HeatFlow, spec: NonequilibriumConductivitySpec) -> ConductedHeat:
    """Means over time, with errors by leaving out one block after the other (jackknife)."""
    layers, blocks = flow.kinetic.shape[1], len(flow.kinetic)
    places = (np.arange(layers) + 0.5) * flow.length / (2 * layers)
    first = flow.length * (0.5 * spec.reservoir + spec.margin * (0.5 - spec.reservoir))
    fitted = (places > first) & (places < 0.5 * flow.length - first)

    def numbers(chosen: NDArray[np.int64]) -> Array:
        temperatures = _temperatures(flow, chosen)
        slope, bend = _line(places[fitted], temperatures[fitted])
        halves = [
            _line(places[fitted], _temperatures(flow, part)[fitted])[0] for part in np.array_split(chosen, 2)
        ]
        hot, cold = flow.given[chosen].sum(axis=0) / (len(chosen) * flow.block_time * 2 * flow.area)
        flux = 0.5 * (hot - cold)
        conductivity = -flux / slope / WATT_PER_METRE_KELVIN
        return np.array(
            [slope, flux / _GIGAWATT_PER_SQUARE_METRE, conductivity, bend, (hot + cold) / flux,
             (halves[1] - halves[0]) / slope, *temperatures]
        )  # fmt: skip

    everything = np.arange(blocks)
    means = numbers(everything)
    without = np.array([numbers(np.delete(everything, block)) for block in everything])
    errors = np.sqrt((blocks - 1) * without.var(axis=0))
    pairs = [float(number) for both in zip(means[:6], errors[:6], strict=True) for number in both]
    return ConductedHeat(
        flow.length * (0.5 - spec.reservoir), flow.n_atoms, places, means[6:], errors[6:], fitted, *pairs
    )


def _temperatures(flow: HeatFlow, blocks: NDArray[np.int64]) -> Array:
    """(L,) K; the centre of mass is at rest, which takes three of 3N degrees of freedom."""
    freedom = 3.0 * (flow.n_atoms - 1) / flow.n_atoms
    found: Array = flow.kinetic[blocks].sum(axis=0) / (freedom * units.kB * flow.counts[blocks].sum(axis=0))
    return found


def _line(places: Array, temperatures: Array) -> tuple[float, float]:
    """Slope of the straight line, and by how much that of a parabola changes from end to end over its mean."""
    slope = float(np.polyfit(places, temperatures, 1)[0])
    square, mean = np.polyfit(places - places.mean(), temperatures, 2)[:2]
    return slope, float(2.0 * square * np.ptp(places) / mean)
