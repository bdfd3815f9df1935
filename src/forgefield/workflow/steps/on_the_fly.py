"""On-the-fly learning as a step of a run: trajectories that share one data set and one Bayesian potential.

In rounds: every trajectory moves until it asks for a reference calculation; a block of the most uncertain ones is
labelled side by side; the potential learns them, and what it still does not know is asked again;
and so on, until the programmes are done or the calculations are spent. Trajectories of grown cells wait for those of
small ones. Calibration and threshold are shared, as the
potential is. The state of a round is stored whole, so a run that is killed goes on from it and does the same, to the
bit.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.dataset.records import Record
from forgefield.potentials.bayesian.examples import Example
from forgefield.potentials.bayesian.fit import BayesianFit
from forgefield.potentials.bayesian.force_order import other_order
from forgefield.potentials.contract import Potential
from forgefield.sampling.on_the_fly import advance, declined, learned, start_learning
from forgefield.sampling.on_the_fly_state import OnTheFlySettings, Request
from forgefield.sampling.plan import Assignment
from forgefield.sampling.programme import Programme, ProgrammeSpec, plan_programme, programme_of
from forgefield.workflow.candidates import write_candidates
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName, write_atomically
from forgefield.workflow.steps.exploration import exploration_guard, planned_assignments
from forgefield.workflow.steps.on_the_fly_rounds import (
    FRAMES,
    REQUESTS,
    SURROGATE,
    Asked,
    Round,
    restored_round,
    store_round,
)
from forgefield.workflow.steps.recheck import take_back_misordered
from forgefield.workflow.steps.result import StepResult
from forgefield.workflow.threads import one_thread

_CHUNK = 50
"""Steps between two frames that are kept, and between two signs of life."""
_MOST_STOPS = 20
"""Times a trajectory may run into its guard before it is given up."""


def learn_on_the_fly(context: Context, name: StepName, reserve: int) -> StepResult:
    """Run the cycle's trajectories, label what they ask for, and store the potential that they have learned.

    Args:
        context: the run.
        name: this step.
        reserve: calculations of the budget that must be left for others.
    """
    folder = context.folder.step(name)
    assignments = _assignments(context, name.cycle)
    settings = _settings(context, name.cycle, assignments)
    now = restored_round(folder, len(settings)) or _begun(context, name, assignments, settings)
    with one_thread():
        now, ending = _learned_all(context, name, now, settings, reserve)
    return _result(context, folder, now, settings, ending)


def _learned_all(
    context: Context, name: StepName, now: Round, settings: Sequence[OnTheFlySettings], reserve: int
) -> tuple[Round, str]:
    """The last round, and why it was the last."""
    limit = context.spec.selection.per_cycle
    while True:
        potential = now.fit.potential() if now.fit is not None and now.fit.posterior is not None else None
        now, requests = _moved(context, potential, now, settings)
        left = context.labeller.left()
        allowed = limit - len({each.key for each in now.asked})
        allowed = allowed if left is None else min(allowed, left - reserve)
        if not requests or allowed <= 0:
            return now, "the programmes are done" if not requests else "the calculations are spent"
        block = context.spec.exploration.on_the_fly.block
        urgent = _most_urgent(requests, min(allowed, block))
        now = _answered(context, name, now, settings, urgent)
        store_round(context.folder.step(name), now)


def _assignments(context: Context, cycle: int) -> list[Assignment]:
    """Who starts where; those of grown cells, if they are wanted, make the second half."""
    spec = context.spec.exploration
    small = planned_assignments(context, cycle, spec.max_atoms)
    if spec.grow_to is None:
        return small
    grown = []
    for each in planned_assignments(context, cycle, spec.grow_to):
        name = f"{each.conditions.name}-{len(each.start.atoms)}-atoms"
        grown.append(replace(each, conditions=replace(each.conditions, name=name)))
    return [*small, *grown]


def _settings(context: Context, cycle: int, assignments: Sequence[Assignment]) -> list[OnTheFlySettings]:
    guard = exploration_guard(context)
    wanted = context.spec.exploration.on_the_fly
    # Whoever comes back has not met the targets: look more closely each time.
    spec = wanted.model_copy(update={"target_error": wanted.target_error * 0.7**cycle, "initial": 0})
    if not context.training_records():
        spec = spec.model_copy(update={"initial": wanted.initial})
    return [
        OnTheFlySettings(each.conditions.name, _programme(context, each), guard, spec) for each in assignments
    ]


def _programme(context: Context, assignment: Assignment) -> Programme:
    spec, conditions = context.spec.exploration, assignment.conditions
    if not spec.programme:
        return programme_of(conditions)
    wanted = ProgrammeSpec(programme=spec.programme, timestep_fs=spec.timestep_fs)
    return plan_programme(wanted, assignment.start.atoms, conditions.name, conditions.bulk_modulus)


def _begun(
    context: Context, name: StepName, assignments: Sequence[Assignment], settings: Sequence[OnTheFlySettings]
) -> Round:
    take_back_misordered(context, name)
    states = tuple(
        start_learning(each.start.atoms, own, context.rng("on-the-fly", own.name, number))
        for number, (each, own) in enumerate(zip(assignments, settings, strict=True))
    )
    return Round(0, surrogate_of(context), states, ("",) * len(states), ())


def surrogate_of(context: Context) -> BayesianFit | None:
    """The surrogate fitted to all labels so far; None without any that have forces."""
    records = context.training_records()
    if not any(len(record.atoms) > 1 for record in records):
        return None
    return BayesianFit.start(context.spec.surrogate, context.spec.system.symbols, _examples(records))


def _examples(records: Sequence[Record]) -> list[Example]:
    return [Example(record.atoms, record.labels) for record in records]


def _moved(
    context: Context, potential: Potential | None, now: Round, settings: Sequence[OnTheFlySettings]
) -> tuple[Round, dict[int, Request]]:
    """Every trajectory at its next request or its end; requests by the trajectory's number."""
    states, outcomes, frames = list(now.states), list(now.outcomes), list(now.frames)
    requests: dict[int, Request] = {}
    total = sum(each.programme.steps for each in settings)
    for number, own in enumerate(settings):
        if context.spec.exploration.grow_to is not None and _waits(number, outcomes):
            continue
        while not outcomes[number] and number not in requests:
            found = advance(potential, states[number], own, _CHUNK)
            states[number] = found.state
            if found.request is not None:
                requests[number] = found.request
            elif found.outcome == "paused":
                note = f"step {found.state.step}"
                frames.append(Candidate(found.state.motion.atoms(), "surrogate", own.name, note=note))
            elif found.outcome == "completed":
                outcomes[number] = "completed"
            elif found.state.stops > _MOST_STOPS:
                outcomes[number] = "given up"
            what = f"{own.name}: {found.reason}; {len(now.asked)} calculations"
            context.progress.advance(sum(state.step for state in states), total, what)
    return replace(now, states=tuple(states), outcomes=tuple(outcomes), frames=tuple(frames)), requests


def _waits(number: int, outcomes: Sequence[str]) -> bool:
    """Whether a trajectory belongs to the grown cells and one of the small cells still moves."""
    small = len(outcomes) // 2
    return number >= small and not all(outcomes[:small])


def _most_urgent(requests: dict[int, Request], count: int) -> dict[int, Request]:
    """The requests that exceed their thresholds most, each structure once; initial ones come first."""

    def urgency(number: int) -> float:
        request = requests[number]
        if request.uncertainties is None or request.initial:
            return np.inf
        return float(request.uncertainties.max()) / request.threshold

    chosen: dict[str, int] = {}
    for number in sorted(requests, key=lambda each: (-urgency(each), each)):
        chosen.setdefault(structure_key(requests[number].candidate.atoms), number)
    return {number: requests[number] for number in list(chosen.values())[:count]}


def _answered(
    context: Context,
    name: StepName,
    now: Round,
    settings: Sequence[OnTheFlySettings],
    requests: dict[int, Request],
) -> Round:
    """Label what was asked for, learn it, and let the trajectories know."""
    candidates = [request.candidate for request in requests.values()]
    outcome = context.labeller.label(candidates, name)
    records = {record.key: record for record in context.dataset.records(outcome.keys, context.recipe.key)}
    wrong = list(_misordered(requests, records))
    context.labeller.take_back(wrong, name)
    for record, _ in wrong:
        del records[record.key]
    fit = now.fit
    # Two trajectories may start from one structure: the second asks for what the first has learned.
    known = {each.key for each in now.asked} | set(context.folder.training_keys())
    for record in records.values():
        if record.key in known:
            continue
        if fit is None:
            examples = [*_examples(context.training_records()), Example(record.atoms, record.labels)]
            fit = BayesianFit.start(context.spec.surrogate, context.spec.system.symbols, examples)
        else:
            fit = fit.plus(record.atoms, record.labels)
    potential = None if fit is None else fit.potential()
    states, asked, threshold = list(now.states), list(now.asked), now.states[0].threshold
    for number, request in requests.items():
        key = structure_key(request.candidate.atoms)
        told = records.get(key)
        asked.append(_asked(key, request, states[number].step, told))
        if told is None:
            states[number] = declined(states[number], request, settings[number])
        else:
            state = replace(states[number], threshold=threshold)
            states[number] = learned(state, request, told.labels, potential)
            threshold = states[number].threshold
    states = [replace(state, threshold=threshold) for state in states]
    return replace(now, number=now.number + 1, fit=fit, states=tuple(states), asked=tuple(asked))


def _misordered(requests: dict[int, Request], records: dict[str, Record]) -> Iterator[tuple[Record, str]]:
    """Labels whose forces fit what the surrogate expected in another order, and what speaks for that."""
    for request in requests.values():
        told = records.get(structure_key(request.candidate.atoms))
        if told is not None and request.prediction is not None:
            doubt = other_order(told.labels.forces, request.prediction.forces)
            if doubt is not None:
                yield told, str(doubt)


def _asked(key: str, request: Request, step: int, told: Record | None) -> Asked:
    error = None
    if request.prediction is not None and told is not None:
        error = float(np.linalg.norm(request.prediction.forces - told.labels.forces, axis=1).max())
    uncertainty = None if request.uncertainties is None else float(request.uncertainties.max())
    return Asked(key, request.candidate.trajectory, step, uncertainty, request.threshold, error)


def _result(
    context: Context, folder: Path, now: Round, settings: Sequence[OnTheFlySettings], ending: str
) -> StepResult:
    if now.fit is None or now.fit.posterior is None:
        raise ForgefieldError(
            "on-the-fly learning got no labels at all", f"see {context.folder.ledger} for the reasons"
        )
    shutil.rmtree(folder / SURROGATE, ignore_errors=True)
    now.fit.potential().save(folder / SURROGATE)
    write_candidates(folder / FRAMES, now.frames)
    write_atomically(folder / REQUESTS, json.dumps([asdict(each) for each in now.asked], indent=1))
    known = {record.key for record in context.dataset.records(None, context.recipe.key)}
    keys = tuple(dict.fromkeys(each.key for each in now.asked if each.key in known))
    steps = sum(state.step for state in now.states)
    outcomes = Counter(outcome or "out of calculations" for outcome in now.outcomes)
    summary = {
        "trajectories": len(settings),
        "outcomes": dict(outcomes),
        "steps": steps,
        "requests": len(now.asked),
        "labelled": len(keys),
        "bypassed": 1.0 - len(now.asked) / steps if steps else None,
        "scale": now.states[0].threshold.scale,
        "threshold": now.states[0].threshold.value,
        "ending": ending,
    }
    line = f"{len(now.asked)} calculations in {steps} steps of {len(settings)} trajectories; {ending}"
    return StepResult(line, summary, keys)
