"""Molecular dynamics that stops where the potential can no longer be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Array, Candidate
from forgefield.potentials.contract import Potential
from forgefield.sampling.barostat import Barostat
from forgefield.sampling.conditions import Conditions, Guard, Outcome, Stop
from forgefield.sampling.langevin import MotionState, langevin_step, start_motion
from forgefield.sampling.simulation import ListedPotential


@dataclass(frozen=True, slots=True)
class Frame:
    """One structure on a trajectory.

    Attributes:
        candidate: the structure and where it came from.
        step: step of the trajectory.
        temperature: instantaneous temperature, K.
        energy: what the potential says, eV.
        force_uncertainties: (N,) calibrated, one standard deviation per atom, eV/Å; zeros if the potential
            has no uncertainty and the guard does not ask for one.
    """

    candidate: Candidate
    step: int
    temperature: float
    energy: float
    force_uncertainties: Array

    @property
    def uncertainty(self) -> float:
        """Calibrated uncertainty of the worst atom, eV/Å."""
        return float(self.force_uncertainties.max())


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A finished trajectory.

    Attributes:
        conditions: what was asked for.
        frames: sampled frames in order, all of them physically sane; the start itself is not among them.
        outcome: ``completed``, or why it stopped: ``uncertain``, ``overlap``, ``volume``, ``overheated``.
        reason: one line for people.
        steps: steps that were done.
    """

    conditions: Conditions
    frames: tuple[Frame, ...]
    outcome: Outcome
    reason: str
    steps: int


def run_trajectory(
    potential: Potential,
    start: Candidate,
    conditions: Conditions,
    guard: Guard,
    rng: np.random.Generator,
) -> Trajectory:
    """Follow one trajectory until it is complete or leaves what the guard allows.

    The geometry and the temperature are watched at every step, the uncertainty at every ``sample_every``-th.
    The frame at which a trajectory stops is recorded too if its geometry is sane. A pure function of its
    arguments, all of which can be sent to another process; ``rng`` moves on by one draw.

    Args:
        potential: drives the motion; needs force uncertainties unless ``guard.stop_above`` is infinite.
        start: seed structure.
        conditions: temperature, pressure, length.
        guard: when to stop.
        rng: source of momenta and noise.

    Raises:
        ForgefieldError: constant pressure for a structure that is not periodic in three directions; no
            uncertainty though the guard needs one.
    """
    atoms = start.atoms
    conditions.check_cell(atoms)
    if len(atoms) and (stop := guard.geometry_problem(atoms)) is not None:
        return Trajectory(conditions, (), stop.outcome, f"at the start: {stop.reason}", 0)
    barostat = barostat_of(conditions)
    timestep, damping_time = conditions.timestep * units.fs, conditions.damping_time * units.fs
    parent = structure_key(atoms)
    frames: list[Frame] = []

    def ended(stop: Stop, step: int) -> Trajectory:
        return Trajectory(conditions, tuple(frames), stop.outcome, f"step {step}: {stop.reason}", step)

    listed = ListedPotential(potential)
    state = start_motion(listed, atoms, conditions.temperature_at(0), rng)
    while state.step < conditions.steps:
        target = conditions.temperature_at(state.step)
        state = langevin_step(listed, state, target, timestep, damping_time, barostat)
        broken = not_finite(state) or guard.geometry_problem(state.atoms())
        if broken is not None:
            return ended(broken, state.step)
        heat = guard.overheating(state.temperature, target, len(atoms))
        if heat is None and state.step % conditions.sample_every and state.step < conditions.steps:
            continue
        frame = _frame(potential, state, conditions, guard, start.atoms, parent)
        if np.isfinite(frame.force_uncertainties).all():
            frames.append(frame)
        if not frame.uncertainty <= guard.stop_above:  # an uncertainty that is not a number stops too
            reason = f"force uncertainty {frame.uncertainty:.3f} eV/Å exceeds {guard.stop_above:.3f}"
            return ended(Stop("uncertain", reason), state.step)
        if heat is not None:
            return ended(heat, state.step)
    return ended(Stop("completed", "all steps done"), state.step)


def not_finite(state: MotionState) -> Stop | None:
    """``overheated`` if a number of the motion is infinite or not a number."""
    if all(np.isfinite(array).all() for array in (state.positions, state.momenta, state.cell, state.forces)):
        return None
    return Stop("overheated", "positions, momenta or forces are no longer finite")


def barostat_of(conditions: Conditions) -> Barostat | None:
    """The barostat of ``npt`` conditions in ASE units; None for ``nvt``."""
    if conditions.ensemble != "npt":
        return None
    return Barostat(
        pressure=conditions.pressure * units.GPa,
        bulk_modulus=conditions.bulk_modulus * units.GPa,
        relaxation_time=conditions.barostat_time * units.fs,
        isotropic=conditions.isotropic,
    )


def moving_candidate(
    state: MotionState, moments: Array | None, source: str, trajectory: str, parent: str
) -> Candidate:
    """A frame as a candidate for the reference.

    Args:
        state: the frame.
        moments: (N,) initial magnetic moments: the motion does not need them, a calculation with spin does.
        source, trajectory, parent: where it comes from, see `Candidate`.
    """
    atoms = state.atoms()
    if moments is not None:
        atoms.set_initial_magnetic_moments(moments)
    return Candidate(atoms, source, trajectory, parent, f"step {state.step}, {state.temperature:.0f} K")


def force_uncertainties(potential: Potential, atoms: Atoms, guard: Guard, name: str) -> Array:
    """(N,) calibrated uncertainty of the force on each atom, eV/Å; zeros if there is none and the guard needs none.

    Args:
        potential: what is asked.
        atoms: N atoms.
        guard: its scale calibrates.
        name: of the trajectory, for the message.

    Raises:
        ForgefieldError: the potential gives no uncertainty though the guard needs one.
    """
    found = potential.evaluate(atoms, uncertainty=True).uncertainty
    if found is not None:
        return guard.scale * np.asarray(found.forces, dtype=np.float64)
    if np.isinf(guard.stop_above):
        return np.zeros(len(atoms))
    raise ForgefieldError(
        f"{name}: the potential gives no uncertainty of its forces, so the trajectory cannot "
        f"be stopped at {guard.stop_above:.3f} eV/Å",
        "train a committee of at least two members",
    )


def _frame(
    potential: Potential, state: MotionState, conditions: Conditions, guard: Guard, start: Atoms, parent: str
) -> Frame:
    moments = start.get_initial_magnetic_moments() if start.has("initial_magmoms") else None
    candidate = moving_candidate(state, moments, conditions.ensemble, conditions.name, parent)
    uncertainties = force_uncertainties(potential, candidate.atoms, guard, conditions.name)
    return Frame(candidate, state.step, state.temperature, state.energy, uncertainties)
