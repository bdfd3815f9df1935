"""On-the-fly learning: molecular dynamics that asks for a reference calculation where the potential is unsure.

`start_learning`, then `advance` and `learned` in turn, over an explicit state. Nothing here labels or fits: that is
the caller's part, so many trajectories can share one data set and one potential.

Jinnouchi, Karsai & Kresse, Phys. Rev. B 100, 014105 (2019); Li, Kermode & De Vita, Phys. Rev. Lett. 114, 096405 (2015).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Array, Evaluation, Labels
from forgefield.potentials.contract import Potential
from forgefield.sampling.conditions import Stop
from forgefield.sampling.langevin import (
    evaluated,
    restored_generator,
    start_motion,
    thermal_momenta,
)
from forgefield.sampling.molecular_dynamics import moving_candidate, not_finite
from forgefield.sampling.on_the_fly_state import Advance, OnTheFlySettings, OnTheFlyState, Request
from forgefield.sampling.programme import programme_step
from forgefield.sampling.threshold import start_threshold, with_errors, with_refit

_SNAPSHOTS = 3


def start_learning(atoms: Atoms, settings: OnTheFlySettings, rng: np.random.Generator) -> OnTheFlyState:
    """State at step 0, before there need be a potential.

    Args:
        atoms: start structure.
        settings: of this trajectory.
        rng: moves on; the trajectory then has a generator of its own that was seeded from it.

    Raises:
        ForgefieldError: the start structure is empty or outside what the guard allows.
    """
    motion = start_motion(None, atoms, settings.programme.temperature_at(0), rng)
    if (problem := settings.guard.geometry_problem(atoms)) is not None:
        raise ForgefieldError(
            f"{settings.name} cannot start: {problem.reason}", "give a start structure that is sane"
        )
    own = restored_generator(motion.generator)
    shifts = settings.spec.initial_rattle * own.standard_normal(
        (settings.spec.initial, *motion.positions.shape)
    )
    shifts[:1] = 0.0
    motion = replace(motion, generator=own.bit_generator.state)
    return OnTheFlyState(
        motion=motion,
        threshold=start_threshold(settings.spec.target_error, halving=50.0 * settings.spec.wait),
        snapshots=(motion,),
        queue=tuple(motion.positions + shift for shift in shifts),
        moments=atoms.get_initial_magnetic_moments() if atoms.has("initial_magmoms") else None,
        parent=structure_key(atoms),
    )


def advance(
    potential: Potential | None, state: OnTheFlyState, settings: OnTheFlySettings, max_steps: int
) -> Advance:
    """Move until something is worth a reference calculation, the programme ends, or the guard stops the motion.

    A pure function: a request that was not answered is made again, and several short calls do the same as a long one.
    Forces are computed anew at its start, so the potential may have changed since the last call.

    A frame is asked for when the calibrated force uncertainty of its worst atom exceeds the threshold and the last
    request lies ``wait`` steps back; when it exceeds ``urgent`` times the threshold while labels wait for a refit, at
    once. Before any of this, the geometry, the temperature and the finiteness of all numbers are checked after every
    step: a frame that fails never goes to the reference, the motion goes back to a trusted frame with new
    velocities (further back each time it fails again), and the programme's clock runs on.

    Args:
        potential: with force uncertainties; None is allowed while initial structures are asked for.
        state: is not changed.
        settings: of this trajectory.
        max_steps: how many steps to do at most.

    Raises:
        ForgefieldError: no potential where one is needed, or one without force uncertainties.
    """
    if state.queue:
        return _initial_request(potential, state, settings)
    if potential is None:
        raise ForgefieldError(
            f"{settings.name} has no potential to move with",
            "fit one to the initial structures, or ask for some: initial above 0",
        )
    motion = evaluated(potential, state.motion)
    state = replace(state, motion=motion)
    last = state.step + max_steps
    while True:
        if state.step % settings.spec.judge_every == 0:
            judged = _judged(potential, state, settings)
            if judged.outcome != "paused":
                return judged
            state = judged.state
        if state.step >= settings.programme.steps:
            return Advance(state, "completed", "all steps done")
        if state.step >= last:
            return Advance(state, "paused", f"{max_steps} steps done")
        target = settings.programme.temperature_at(state.step)
        motion = programme_step(potential, motion, settings.programme)
        state = replace(state, motion=motion)
        stop = (
            not_finite(motion)
            or settings.guard.geometry_problem(motion.atoms())
            or settings.guard.overheating(motion.temperature, target, len(motion.masses))
        )
        if stop is not None:
            return _stopped(state, settings, stop)


def learned(
    state: OnTheFlyState, request: Request, labels: Labels, potential: Potential | None
) -> OnTheFlyState:
    """The state after a request was answered.

    Args:
        state: as `advance` gave it with the request.
        request: what was asked for.
        labels: the answer.
        potential: the one to go on with: refitted if ``request.refit``, else the old one or a newer one; None where
            there is none yet.
    """
    threshold, pending = state.threshold, state.pending + 1
    if request.prediction is not None:
        errors = np.linalg.norm(request.prediction.forces - labels.forces, axis=1)
        threshold = with_errors(threshold, force_uncertainties(request.prediction), errors)
    if request.refit:
        pending = 0
        if potential is not None and not request.initial:
            known = potential.evaluate(request.candidate.atoms, uncertainty=True)
            threshold = with_refit(threshold, float(force_uncertainties(known).max()))
    return replace(
        _answered(state, request), threshold=threshold, requests=state.requests + 1, pending=pending
    )


def declined(state: OnTheFlyState, request: Request, settings: OnTheFlySettings) -> OnTheFlyState:
    """The state after the reference failed: the motion goes back to a trusted frame with new velocities.

    Args:
        state: as `advance` gave it with the request.
        request: what was asked for.
        settings: of this trajectory.
    """
    state = _answered(state, request)
    return state if request.initial else _back(state, settings)


def force_uncertainties(evaluation: Evaluation) -> Array:
    """(N,) uncalibrated uncertainty of each atom's force, eV/Å.

    Raises:
        ForgefieldError: the potential gave none.
    """
    if evaluation.uncertainty is None:
        raise ForgefieldError(
            "the potential gives no uncertainty of its forces, so it cannot tell where it has to learn",
            "choose a family that does, such as bayesian, or a committee",
        )
    return np.asarray(evaluation.uncertainty.forces, dtype=np.float64)


def _initial_request(
    potential: Potential | None, state: OnTheFlyState, settings: OnTheFlySettings
) -> Advance:
    motion = replace(state.motion, positions=state.queue[0])
    number = settings.spec.initial - len(state.queue)
    prediction = None if potential is None else potential.evaluate(motion.atoms(), uncertainty=True)
    request = Request(
        candidate=moving_candidate(
            motion, state.moments, "rattle" if number else "start", settings.name, state.parent
        ),
        prediction=prediction,
        uncertainties=None if prediction is None else state.threshold.scale * force_uncertainties(prediction),
        threshold=0.0,
        refit=len(state.queue) == 1,
        initial=True,
    )
    return Advance(state, "request", f"initial structure {number + 1} of {settings.spec.initial}", request)


def _judged(potential: Potential, state: OnTheFlyState, settings: OnTheFlySettings) -> Advance:
    """A request for the frame if it is worth one; ``stopped`` if nothing can be said; else ``paused``."""
    motion, spec = state.motion, settings.spec
    prediction = potential.evaluate(motion.atoms(), uncertainty=True)
    uncertainties = state.threshold.scale * force_uncertainties(prediction)
    worst = float(uncertainties.max())
    if not np.isfinite(worst):
        return _stopped(state, settings, Stop("uncertain", "the force uncertainty is not finite"))
    since = motion.step if state.last_request is None else motion.step - state.last_request
    threshold = state.threshold.after(since)
    overdue = spec.check_every is not None and since >= spec.check_every
    if worst <= threshold and not overdue:
        if motion.step - state.snapshots[-1].step >= spec.snapshot_every:
            state = replace(state, snapshots=(*state.snapshots, motion)[-_SNAPSHOTS:])
        return Advance(state, "paused", "")
    urgent = worst > spec.urgent * threshold
    waited = state.last_request is None or since >= spec.wait
    if not (waited or (urgent and state.pending and since)):
        return Advance(state, "paused", "")
    request = Request(
        candidate=moving_candidate(motion, state.moments, "on-the-fly", settings.name, state.parent),
        prediction=prediction,
        uncertainties=uncertainties,
        threshold=threshold,
        refit=urgent or state.pending + 1 >= spec.block,
        initial=False,
    )
    why = "checked" if worst <= threshold else f"exceeds {threshold:.3f}"
    reason = f"step {motion.step}: force uncertainty {worst:.3f} eV/Å {why}"
    return Advance(state, "request", reason, request)


def _answered(state: OnTheFlyState, request: Request) -> OnTheFlyState:
    if request.initial:
        return replace(state, queue=state.queue[1:])
    return replace(state, last_request=state.step)


def _stopped(state: OnTheFlyState, settings: OnTheFlySettings, stop: Stop) -> Advance:
    return Advance(_back(state, settings), "stopped", f"step {state.step}: {stop.reason}")


def _back(state: OnTheFlyState, settings: OnTheFlySettings) -> OnTheFlyState:
    """The newest trusted frame with new velocities, at the present step; it is not used again if there is another."""
    *older, newest = state.snapshots
    rng = restored_generator(state.motion.generator)
    temperature = settings.programme.temperature_at(state.step)
    motion = replace(
        newest,
        momenta=thermal_momenta(newest.masses, temperature, rng),
        generator=rng.bit_generator.state,
        step=state.step,
        chain=None,
    )
    return replace(
        state,
        motion=motion,
        # Stamped anew, so that the next snapshot is as far from here as any other.
        snapshots=tuple(replace(each, step=state.step) for each in older or (newest,)),
        stops=state.stops + 1,
    )
