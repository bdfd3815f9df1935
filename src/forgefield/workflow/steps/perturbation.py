"""Perturbed and stressed structures, relaxed on the potentials as these become better; a few are labelled."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ase.calculators.calculator import Calculator

from forgefield.atoms.records import Candidate
from forgefield.potentials.registry import load
from forgefield.sampling.loose_relaxation import LooseRelaxationSpec, loose_relaxation
from forgefield.workflow.candidates import read_candidates, write_candidates
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName
from forgefield.workflow.steps.diversity import different_and_sane
from forgefield.workflow.steps.exploration import exploration_guard
from forgefield.workflow.steps.fitting import POTENTIAL
from forgefield.workflow.steps.initial import CANDIDATES, PERTURBED, initial_candidates
from forgefield.workflow.steps.on_the_fly import surrogate_of
from forgefield.workflow.steps.result import StepResult
from forgefield.workflow.threads import one_thread

_AT_REST = 0.05
"""eV/Å. Trained potentials are trusted down to smaller forces than a first one."""


def perturb(context: Context, name: StepName, reserve: int) -> StepResult:
    """Relax perturbed structures until forces are small, and label different configurations of all of them.

    Cycle 0 takes configurations on the way, by a surrogate of the labels so far. Later cycles take the ends alone, by
    their trained potential: where it puts an atom beside a vacancy or at a surface, the reference may not.

    Args:
        context: the run.
        name: this step.
        reserve: calculations of the budget that others will need.
    """
    spec, cycle = context.spec.perturbation, name.cycle
    starts = perturbed_structures(context)
    if cycle:
        spec = spec.model_copy(update={"force": min(spec.force, _AT_REST), "bands": ()})
        trained = load(context.folder.step(StepName(cycle, "train")) / POTENTIAL)
        samples = _samples(context, starts, trained.calculator(), spec)
    else:
        fit = surrogate_of(context)
        samples = _samples(context, starts, fit.potential().calculator(), spec) if fit else starts
    checked = different_and_sane(context, [each.atoms for each in samples], max(cycle, 1))
    chosen = _shared_out([samples[i] for i in checked.kept], spec.per_cycle if cycle else spec.count)
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


def perturbed_structures(context: Context) -> list[Candidate]:
    """The initial structures that are relaxed in part."""
    return [each for each in read_candidates(initial_candidates(context)) if each.source in PERTURBED]


def _samples(
    context: Context, starts: list[Candidate], calculator: Calculator, spec: LooseRelaxationSpec
) -> list[Candidate]:
    # Cells stand still, and those of slabs are half empty: their volume says nothing.
    guard = replace(exploration_guard(context), min_volume=0.0, max_volume=float("inf"))
    samples = []
    with one_thread():
        for number, start in enumerate(starts):
            for each in loose_relaxation(start.atoms, calculator, spec, guard):
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
