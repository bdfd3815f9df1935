"""Perturbed and stressed structures, relaxed in part on a potential of the labels so far; a few are labelled."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from forgefield.atoms.records import Candidate
from forgefield.sampling.loose_relaxation import loose_relaxation
from forgefield.workflow.candidates import read_candidates, write_candidates
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName
from forgefield.workflow.steps.diversity import different_and_sane
from forgefield.workflow.steps.exploration import exploration_guard
from forgefield.workflow.steps.initial import CANDIDATES, PERTURBED, initial_candidates
from forgefield.workflow.steps.on_the_fly import surrogate_of
from forgefield.workflow.steps.result import StepResult
from forgefield.workflow.threads import one_thread


def perturb(context: Context, name: StepName, reserve: int) -> StepResult:
    """Relax perturbed structures until forces are small, and label different configurations of all of them.

    Args:
        context: the run.
        name: this step.
        reserve: calculations of the budget that others will need.
    """
    spec = context.spec.perturbation
    starts = [each for each in read_candidates(initial_candidates(context)) if each.source in PERTURBED]
    samples = _samples(context, starts)
    checked = different_and_sane(context, [each.atoms for each in samples], 1)
    chosen = _shared_out([samples[i] for i in checked.kept], spec.count)
    write_candidates(context.folder.step(name) / CANDIDATES, chosen)
    outcome = context.labeller.label(chosen, name, reserve)
    summary = {
        "starts": len(starts),
        "samples": len(samples),
        **checked.summary(),
        "by_source": dict(Counter(each.source for each in chosen)),
        **outcome.summary(),
    }
    line = (
        f"{outcome.counts.labelled} of {len(samples)} configurations from {len(starts)} perturbed structures "
        f"labelled; {checked.alike} repeat others, {checked.screened_out} are screened out"
    )
    return StepResult(line, summary, outcome.keys)


def _samples(context: Context, starts: list[Candidate]) -> list[Candidate]:
    fit = surrogate_of(context)
    if fit is None:
        return starts
    calculator = fit.potential().calculator()
    # Cells stand still, and those of slabs are half empty: their volume says nothing.
    guard = replace(exploration_guard(context), min_volume=0.0, max_volume=float("inf"))
    samples = []
    with one_thread():
        for number, start in enumerate(starts):
            for each in loose_relaxation(start.atoms, calculator, context.spec.perturbation, guard):
                note = f"{start.note}, relaxed to {each.force:.2f} eV/Å"
                samples.append(replace(start, atoms=each.atoms, note=note))
            context.progress.advance(
                number + 1, len(starts), f"{start.trajectory}: {len(samples)} configurations"
            )
    return samples


def _shared_out(samples: list[Candidate], count: int) -> list[Candidate]:
    """As many as wanted, of all starts before a second one of any, starts of all sources in turn."""
    ranks: Counter[str] = Counter()
    places: dict[tuple[str, int], int] = {}
    order = []
    for sample in samples:
        rank = ranks[sample.trajectory]
        ranks[sample.trajectory] += 1
        place = places.get((sample.source, rank), 0)
        places[sample.source, rank] = place + 1
        order.append((rank, place, PERTURBED.index(sample.source)))
    return [samples[i] for i in sorted(range(len(samples)), key=lambda i: order[i])][:count]
