"""Integrators of the equations of motion: settings that stay, and a step from one `MotionState` to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from forgefield.potentials.contract import Potential
from forgefield.sampling.barostat import Barostat
from forgefield.sampling.langevin import MotionState, langevin_step, velocity_verlet_step, without_drift
from forgefield.sampling.nose_hoover import nose_hoover_step, start_chain

Temperature = float | Callable[[int], float]
"""K, or a function that gives it at a step."""


class Integrator(Protocol):
    """What `run_motion` asks of an integrator; ASE time units."""

    @property
    def timestep(self) -> float:
        """Of one step."""

    @property
    def conserves_momentum(self) -> bool:
        """Whether the centre of mass stays at rest, which leaves 3N − 3 degrees of freedom."""

    def start(self, state: MotionState) -> MotionState:
        """The state as this integrator needs it; of a state that it has made itself, the same to the bit."""

    def step(self, potential: Potential, state: MotionState) -> MotionState:
        """The next state; the given one is not changed."""


@dataclass(frozen=True, slots=True)
class VelocityVerlet:
    """Constant energy and volume; see `velocity_verlet_step`.

    Attributes:
        timestep: ASE time units.
    """

    timestep: float
    conserves_momentum = True

    def start(self, state: MotionState) -> MotionState:
        """Takes out the drift of the centre of mass."""
        return without_drift(state)

    def step(self, potential: Potential, state: MotionState) -> MotionState:
        """The next state."""
        return velocity_verlet_step(potential, state, self.timestep)


@dataclass(frozen=True, slots=True)
class Langevin:
    """Constant temperature, at constant volume or pressure; see `langevin_step`.

    Attributes:
        timestep: ASE time units.
        temperature: K.
        damping_time: ASE time units.
        barostat: None keeps the cell.
    """

    timestep: float
    temperature: Temperature
    damping_time: float
    barostat: Barostat | None = None
    conserves_momentum = False

    def start(self, state: MotionState) -> MotionState:
        """Changes nothing."""
        return state

    def step(self, potential: Potential, state: MotionState) -> MotionState:
        """The next state."""
        temperature = temperature_at(self.temperature, state.step)
        return langevin_step(potential, state, temperature, self.timestep, self.damping_time, self.barostat)


@dataclass(frozen=True, slots=True)
class NoseHooverChain:
    """Constant temperature and volume without random numbers; see `nose_hoover_step`.

    Attributes:
        timestep: ASE time units.
        temperature: K.
        relaxation_time: ASE time units.
        length: number of thermostats.
    """

    timestep: float
    temperature: Temperature
    relaxation_time: float
    length: int = 3
    conserves_momentum = True

    def start(self, state: MotionState) -> MotionState:
        """Takes out the drift of the centre of mass, and gives the motion a chain if it has none of this length."""
        if state.chain is not None and len(state.chain.positions) == self.length:
            return without_drift(state)
        return start_chain(state, self.length)

    def step(self, potential: Potential, state: MotionState) -> MotionState:
        """The next state."""
        temperature = temperature_at(self.temperature, state.step)
        return nose_hoover_step(potential, state, temperature, self.timestep, self.relaxation_time)


def temperature_at(temperature: Temperature, step: int) -> float:
    """Temperature in K at a step."""
    return temperature(step) if callable(temperature) else temperature
