"""Relaxation of structures on one learned potential that they share.

In rounds: every structure that is not done moves on the potential and proposes a point, all of these are labelled side
by side, and the potential learns them. Nothing of a round is stored but its labels: a run that is killed goes through
the same rounds again, and finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import write_extxyz
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.dataset.records import Record
from forgefield.potentials.bayesian.examples import Example
from forgefield.potentials.bayesian.fit import BayesianFit
from forgefield.properties.verdict import names_crystal
from forgefield.sampling.plan import energies_above_lowest
from forgefield.sampling.surrogate_relaxation import (
    Labelled,
    Proposal,
    SurrogateRelaxation,
    SurrogateRelaxationSettings,
    answered,
    propose,
    start_relaxation,
)
from forgefield.workflow.candidates import read_candidates
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName
from forgefield.workflow.steps.initial import CRYSTALS, initial_candidates
from forgefield.workflow.steps.result import StepResult
from forgefield.workflow.threads import one_thread

CONVERGED = "converged"
PASSED_OVER = "labelled only"


@dataclass(frozen=True)
class _Case:
    """A structure on its way to a minimum; `outcome` is empty while it moves."""

    candidate: Candidate
    settings: SurrogateRelaxationSettings
    state: SurrogateRelaxation | None
    outcome: str = ""

    @property
    def best(self) -> Labelled | None:
        """The best point that was labelled."""
        return None if self.state is None else self.state.best


def relax_structures(context: Context, name: StepName) -> StepResult:
    """Relax the initial structures; those that end early keep the best point that was labelled.

    Raises:
        ForgefieldError: not one of them got labels.
    """
    return _relax(context, name, read_candidates(initial_candidates(context)), None, 0)


def relax_crystals(context: Context, name: StepName, reserve: int) -> StepResult:
    """Label the initial crystals of a compound and relax those of lowest energy, and those that targets name.

    Raises:
        ForgefieldError: not one of them got labels.
    """
    candidates = [each for each in read_candidates(initial_candidates(context)) if each.source in CRYSTALS]
    return _relax(context, name, candidates, context.spec.relaxation.structures, reserve)


def _relax(
    context: Context, name: StepName, candidates: Sequence[Candidate], most: int | None, reserve: int
) -> StepResult:
    cases = [_begun(context, each, number) for number, each in enumerate(candidates)]
    with one_thread():
        cases, keys = _relaxed(context, name, cases, most, reserve)
    best = [
        (case, found) for case in cases if case.outcome != PASSED_OVER and (found := case.best) is not None
    ]
    if not best:
        raise ForgefieldError(
            "none of the structures got labels",
            f"see {context.folder.ledger}; the first ended with: {cases[0].outcome}",
        )
    frames = []
    for case, found in best:
        atoms = found.atoms.copy()
        atoms.info = {"origin": case.candidate.note, "outcome": case.outcome}
        frames.append((atoms, found.labels))
    write_extxyz(context.folder.relaxed, frames)
    converged = sum(case.outcome == CONVERGED for case in cases)
    tried = sum(case.outcome != PASSED_OVER for case in cases)
    tolerance = context.spec.relaxation.force_tolerance
    ending = f"{converged} of {tried} structures are relaxed to {tolerance:g} eV/Å"
    above = iter(_above_lowest(cases))
    structures = [_summary(case, next(above) if case.best is not None else None) for case in cases]
    summary = {"ending": ending, "structures": structures}
    return StepResult(f"{ending}, {len(keys)} calculations", summary, keys)


def _begun(context: Context, candidate: Candidate, number: int) -> _Case:
    spec = context.spec.relaxation
    settings = SurrogateRelaxationSettings(
        f"relax/{number:04d}", spec.force_tolerance, spec.cell and bool(candidate.atoms.pbc.all()), spec.trust
    )
    try:
        return _Case(candidate, settings, start_relaxation(candidate.atoms, settings))
    except ForgefieldError as error:
        context.progress.note(str(error))
        return _Case(candidate, settings, None, error.problem)


def _relaxed(
    context: Context, name: StepName, cases: Sequence[_Case], most: int | None, reserve: int
) -> tuple[list[_Case], tuple[str, ...]]:
    """All cases at their end, and the keys of what was labelled on the way."""
    now, fit, keys = list(cases), None, dict[str, None]()
    while open_cases := [number for number, case in enumerate(now) if not case.outcome]:
        proposals = _proposals(fit, now, open_cases)
        outcome = context.labeller.label([each.candidate for each in proposals.values()], name, reserve)
        records = {each.key: each for each in context.dataset.records(outcome.keys, context.recipe.key)}
        fit = _learned(context, fit, [record for key, record in records.items() if key not in keys])
        keys.update(dict.fromkeys(outcome.keys))
        for number, proposal in proposals.items():
            record = records.get(structure_key(proposal.candidate.atoms))
            now[number] = _judged(now[number], proposal, record, context.spec.relaxation.calculations)
        if most is not None:
            now, most = _of_lowest_energy(context, now, most), None
        done = sum(bool(case.outcome) for case in now)
        context.progress.advance(done, len(now), f"relaxed; {len(keys)} calculations")
    return now, tuple(keys)


def _of_lowest_energy(context: Context, cases: Sequence[_Case], most: int) -> list[_Case]:
    """The cases, all but those of lowest energy for their composition, and those that targets name, at their end."""
    labelled = [number for number, case in enumerate(cases) if case.best is not None]
    above = dict(zip(labelled, _above_lowest(cases), strict=True))
    order = sorted(labelled, key=lambda number: above[number])
    wanted = {n for n in order if names_crystal(context.spec.targets, cases[n].candidate.note)}
    chosen = wanted | set([n for n in order if n not in wanted][: max(0, most - len(wanted))])
    return [
        case if case.outcome or number in chosen else replace(case, outcome=PASSED_OVER)
        for number, case in enumerate(cases)
    ]


def _above_lowest(cases: Sequence[_Case]) -> list[float]:
    """Energies of the cases that have labels above the lowest of their composition, eV/atom."""
    best = [found for case in cases if (found := case.best) is not None]
    energies = np.array([found.labels.energy for found in best])
    return [float(energy) for energy in energies_above_lowest([found.atoms for found in best], energies)]


def _proposals(
    fit: BayesianFit | None, cases: Sequence[_Case], numbers: Sequence[int]
) -> dict[int, Proposal]:
    potential = None if fit is None else fit.potential()
    return {
        number: propose(potential, state, cases[number].settings)
        for number in numbers
        if (state := cases[number].state) is not None
    }


def _learned(context: Context, fit: BayesianFit | None, records: Sequence[Record]) -> BayesianFit | None:
    """The potential with new labels."""
    if fit is None:
        examples = [Example(each.atoms, each.labels) for each in records]
        symbols = context.spec.system.symbols
        return BayesianFit.start(context.spec.relaxation.surrogate, symbols, examples) if examples else None
    for record in records:
        fit = fit.plus(record.atoms, record.labels)
    return fit


def _judged(case: _Case, proposal: Proposal, record: Record | None, most: int) -> _Case:
    """The case after its proposal was labelled, or was not."""
    if case.state is None or record is None:
        return replace(case, outcome="no labels")
    state = answered(case.state, proposal, record.labels, case.settings)
    outcome = CONVERGED if state.converged else "out of calculations" if state.calls >= most else ""
    return replace(case, state=state, outcome=outcome)


def _summary(case: _Case, above: float | None) -> dict[str, object]:
    best = case.best
    return {
        "structure": f"{case.candidate.atoms.get_chemical_formula()}, {case.candidate.note}",
        "outcome": case.outcome,
        "formula": case.candidate.atoms.symbols.formula.reduce()[0].format("metal"),
        "name": case.candidate.note,
        "source": case.candidate.source,
        "relaxed": best is not None and case.outcome != PASSED_OVER,
        "key": "" if best is None else structure_key(best.atoms),
        "calculations": 0 if case.state is None else case.state.calls,
        "energy": None if best is None else best.labels.energy / len(best.atoms),
        "above": above,
        "largest": None if best is None else best.largest,
    }
