"""Steps of cycle 0: initial structures and the labelling of candidates."""

from __future__ import annotations

from collections import Counter

from forgefield.atoms.errors import ForgefieldError
from forgefield.structures.build import initial_structures
from forgefield.workflow.candidates import read_candidates, write_candidates
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName
from forgefield.workflow.steps.result import StepResult

CANDIDATES = "candidates.xyz"


def collect_structures(context: Context, name: StepName) -> StepResult:
    """Make the initial structures."""
    spec = context.spec
    candidates = initial_structures(spec.structures, spec.system.symbols, context.rng("structures"))
    if not candidates:
        raise ForgefieldError(
            "the settings of structures make no structure at all", "name prototypes or files under structures"
        )
    write_candidates(context.folder.step(name) / CANDIDATES, candidates)
    by_source = dict(Counter(candidate.source for candidate in candidates))
    parts = ", ".join(f"{count} {source}" for source, count in by_source.items())
    return StepResult(
        f"{len(candidates)} structures: {parts}", {"candidates": len(candidates), "by_source": by_source}
    )


def label_candidates(context: Context, name: StepName, origin: StepName, reserve: int) -> StepResult:
    """Compute labels of the candidates that another step left.

    Args:
        context: the run.
        name: this step.
        origin: the step with the candidates.
        reserve: calculations of the budget that others will need.
    """
    candidates = read_candidates(context.folder.step(origin) / CANDIDATES)
    outcome = context.labeller.label(candidates, name, reserve)
    counts = outcome.counts
    line = f"{counts.labelled} of {counts.requested} structures labelled"
    if counts.failed:
        line += f", {counts.failed} failed"
    return StepResult(line, outcome.summary(), outcome.keys)
