"""A programme of temperature and pressure: segments that heat, hold and cool one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

from ase import Atoms, units
from pydantic import Field, model_validator

from forgefield.atoms.spec import Spec
from forgefield.potentials.contract import Potential
from forgefield.sampling.barostat import Barostat
from forgefield.sampling.conditions import Conditions
from forgefield.sampling.langevin import MotionState, langevin_step
from forgefield.sampling.molecular_dynamics import barostat_of
from forgefield.sampling.nose_hoover import nose_hoover_step, start_chain
from forgefield.sampling.plan import stable_timestep
from forgefield.sampling.spec import SegmentSpec, Thermostat
from forgefield.sampling.timestep import check_timestep


class ProgrammeSpec(Spec):
    """What a trajectory goes through."""

    programme: tuple[SegmentSpec, ...] = Field(min_length=1)
    """Segments in order, such as `{from: 300, to: 1500, steps: 10000, ensemble: nvt}`."""

    timestep_fs: float | Literal["auto"] = "auto"
    """Time step in fs; `auto` is 2 fs, shortened to 0.5 fs × √(mass in u) for atoms lighter than oxygen."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        check_timestep(self.timestep_fs)
        return self


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment in the units of `Conditions`.

    Attributes:
        conditions: what holds; its ramp is as long as the segment, ``pressure`` is that at the start.
        thermostat: which one; the damping time is also the relaxation time of a Nosé–Hoover chain.
        end_pressure: GPa.
    """

    conditions: Conditions
    thermostat: Thermostat
    end_pressure: float

    def barostat_at(self, step: int) -> Barostat | None:
        """The barostat at a step of the segment; None where the cell is kept."""
        barostat = barostat_of(self.conditions)
        if barostat is None:
            return None
        share = step / self.conditions.steps
        pressure = self.conditions.pressure + share * (self.end_pressure - self.conditions.pressure)
        return replace(barostat, pressure=pressure * units.GPa)


@dataclass(frozen=True, slots=True)
class Programme:
    """Segments in order, with one time step throughout; an integrator, see `Integrator`."""

    segments: tuple[Segment, ...]

    @property
    def timestep(self) -> float:
        """ASE time units."""
        return self.segments[0].conditions.timestep * units.fs

    @property
    def conserves_momentum(self) -> bool:
        """Whether a Nosé–Hoover chain is at work throughout."""
        return all(segment.thermostat == "nose-hoover" for segment in self.segments)

    def start(self, state: MotionState) -> MotionState:
        """Changes nothing: a segment that needs a chain makes it."""
        return state

    def step(self, potential: Potential, state: MotionState) -> MotionState:
        """See `programme_step`."""
        return programme_step(potential, state, self)

    @property
    def steps(self) -> int:
        """Length of the whole in steps."""
        return sum(segment.conditions.steps for segment in self.segments)

    def segment_at(self, step: int) -> tuple[Segment, int]:
        """The segment that a step belongs to, and the step's number within it; the last one does not end."""
        for segment in self.segments[:-1]:
            if step < segment.conditions.steps:
                return segment, step
            step -= segment.conditions.steps
        return self.segments[-1], step

    def temperature_at(self, step: int) -> float:
        """Target temperature in K at a step."""
        segment, within = self.segment_at(step)
        return segment.conditions.temperature_at(within)


def plan_programme(spec: ProgrammeSpec, atoms: Atoms, name: str, bulk_modulus: float = 100.0) -> Programme:
    """The programme of one structure.

    Args:
        spec: the settings.
        atoms: decides about an automatic time step.
        name: the trajectory's name.
        bulk_modulus: rough value in GPa, if one is known.

    Raises:
        ForgefieldError: constant pressure for a structure that is not periodic in three directions.
    """
    timestep = stable_timestep(spec, atoms)
    return Programme(tuple(_segment(each, atoms, name, timestep, bulk_modulus) for each in spec.programme))


def programme_of(conditions: Conditions) -> Programme:
    """The programme of a trajectory under these conditions alone, its ramp included."""
    return Programme((Segment(conditions, "langevin", conditions.pressure),))


def programme_step(potential: Potential, motion: MotionState, programme: Programme) -> MotionState:
    """One time step under the conditions that hold at the state's step; a pure function."""
    segment, step = programme.segment_at(motion.step)
    conditions = segment.conditions
    temperature = conditions.temperature_at(step)
    timestep, damping_time = conditions.timestep * units.fs, conditions.damping_time * units.fs
    if segment.thermostat == "langevin":
        # A chain that comes after starts at rest.
        barostat = segment.barostat_at(step)
        return langevin_step(
            potential, replace(motion, chain=None), temperature, timestep, damping_time, barostat
        )
    motion = start_chain(motion) if motion.chain is None else motion
    return nose_hoover_step(potential, motion, temperature, timestep, damping_time)


def _segment(spec: SegmentSpec, atoms: Atoms, name: str, timestep: float, bulk_modulus: float) -> Segment:
    conditions = Conditions(
        name=name,
        ensemble=spec.ensemble,
        temperature_start=spec.start,
        temperature_end=spec.start if spec.end is None else spec.end,
        ramp_steps=spec.steps,
        pressure=spec.pressure,
        isotropic=spec.cell_shape == "isotropic",
        timestep=timestep,
        steps=spec.steps,
        bulk_modulus=bulk_modulus,
    )
    conditions.check_cell(atoms)
    return Segment(
        conditions, spec.thermostat, spec.pressure if spec.end_pressure is None else spec.end_pressure
    )
