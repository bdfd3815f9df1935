"""Steps of cycle 0: initial structures and the labelling of candidates."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from forgefield.structures.build import initial_structures
from forgefield.workflow.candidates import read_candidates, write_candidates
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName, write_atomically
from forgefield.workflow.identify import wanted_compound
from forgefield.workflow.steps.result import StepResult

INITIAL = StepName(0, "structures")
CANDIDATES = "candidates.xyz"
CRYSTALS = ("prototype", "database", "substitution", "fractional", "random")
"""Sources of crystals; those of compounds are not yet at a minimum of the reference."""
PERTURBED = ("distortion", "cluster", "slab", "defect")
"""Sources of structures that are relaxed in part."""
LEFT_OUT = "left-out.json"


def initial_candidates(context: Context) -> Path:
    """Where the initial structures are."""
    return context.folder.step(INITIAL) / CANDIDATES


def collect_structures(context: Context, name: StepName) -> StepResult:
    """Make the initial structures, and write down what was left out and why."""
    spec, cache = context.spec, context.folder.answers
    collected = initial_structures(
        spec.structures, spec.system.symbols, context.rng("structures"), wanted_compound(spec, cache), cache
    )
    folder, candidates = context.folder.step(name), collected.candidates
    write_candidates(folder / CANDIDATES, candidates)
    left_out = [{"name": each.name, "reason": each.reason} for each in collected.left_out]
    write_atomically(folder / LEFT_OUT, json.dumps(left_out, indent=1) + "\n")
    for each in collected.left_out:
        if each.general:
            context.progress.note(f"left out: {each}")
    by_source = dict(Counter(candidate.source for candidate in candidates))
    parts = ", ".join(f"{count} {source}" for source, count in by_source.items())
    summary = {
        "candidates": len(candidates),
        "by_source": by_source,
        "sources": [asdict(each) | {"excluded": each.excluded} for each in collected.sources],
        "left_out": len(left_out),
    }
    line = f"{len(candidates)} structures: {parts}"
    return StepResult(line + (f"; {len(left_out)} left out" if left_out else ""), summary)


def label_candidates(context: Context, name: StepName, origin: StepName, reserve: int) -> StepResult:
    """Compute labels of the candidates that another step left.

    Args:
        context: the run.
        name: this step.
        origin: the step with the candidates.
        reserve: calculations of the budget that others will need.
    """
    candidates = read_candidates(context.folder.step(origin) / CANDIDATES)
    if origin.cycle == 0:
        # A compound's crystals are labelled where they are relaxed, perturbed structures where they are in part.
        elsewhere = (*CRYSTALS, *PERTURBED) if len(context.spec.system.symbols) > 1 else PERTURBED
        candidates = [each for each in candidates if each.source not in elsewhere]
    outcome = context.labeller.label(candidates, name, reserve)
    counts = outcome.counts
    line = f"{counts.labelled} of {counts.requested} structures labelled"
    if counts.failed:
        line += f", {counts.failed} failed"
    return StepResult(line, outcome.summary(), outcome.keys)
