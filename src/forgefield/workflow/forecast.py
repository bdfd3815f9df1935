"""How long a run may still take, from how long its steps took so far."""

from __future__ import annotations

import math
from collections.abc import Mapping

from forgefield.workflow.folder import Manifest, StepName
from forgefield.workflow.spec import RunSpec

_EXPLORING = ("explore", "select", "label")
_ON_THE_FLY = ("explore",)


def forecast(spec: RunSpec, manifests: Mapping[StepName, Manifest], left: int | None) -> float | None:
    """Seconds to the end if no target holds before, that is, at most.

    A step is expected to take the mean of those of its kind so far; labels, those of perturbed structures among them,
    cost by the piece and take the mean of one calculation so far times their number, within the budget.

    Args:
        spec: settings of the run.
        manifests: of its finished steps.
        left: calculations that the budget still allows, None without limit.

    Returns:
        None as long as no potential was trained, as the cost of training is unknown until then.
    """
    learning = spec.exploration.method_of(0) == "on-the-fly"
    exploring = _ON_THE_FLY if learning else _EXPLORING
    means = {step: _mean(step, manifests) for step in ("train", "verify", "explore", "select")}
    per_label = _seconds_per_label(manifests)
    if means["train"] is None or per_label is None:
        return None
    allowed = math.inf if left is None else float(left)
    total = 0.0
    if not any(name.step == "hold-out" for name in manifests):
        total += per_label * min(allowed, spec.hold_out.configurations)
        allowed = max(0.0, allowed - spec.hold_out.configurations)
    for cycle in range(1, spec.cycles.max + 1):
        for step in ("train", "verify"):
            if StepName(cycle, step) not in manifests:
                total += means[step] or 0.0
        if cycle == spec.cycles.max or (allowed <= 0 and StepName(cycle, exploring[-1]) not in manifests):
            break
        for step in exploring:
            if StepName(cycle, step) in manifests:
                continue
            known = means.get(step) or 0.0
            if step == "label" or learning:
                number = min(allowed, _chosen(spec, cycle, manifests))
                allowed -= number
                known = known or per_label * number
            total += known
        if StepName(0, "perturb") in manifests and StepName(cycle, "perturb") not in manifests:
            number = min(allowed, spec.perturbation.per_cycle)
            allowed -= number
            total += per_label * number
    return total


def _mean(step: str, manifests: Mapping[StepName, Manifest]) -> float | None:
    seconds = [manifest.seconds for name, manifest in manifests.items() if name.step == step]
    return sum(seconds) / len(seconds) if seconds else None


def _seconds_per_label(manifests: Mapping[StepName, Manifest]) -> float | None:
    """Wall time of one calculation side by side; later cells are most like the coming ones."""
    rates = []
    for name, manifest in manifests.items():
        counts = manifest.summary
        made = counts.get("labelled", 0) + counts.get("failed", 0) - counts.get("reused", 0)
        if name.step == "label" and made > 0:
            rates.append((name.cycle, manifest.seconds / made))
    later = [rate for cycle, rate in rates if cycle > 0] or [rate for _, rate in rates]
    return sum(later) / len(later) if later else None


def _chosen(spec: RunSpec, cycle: int, manifests: Mapping[StepName, Manifest]) -> int:
    select = manifests.get(StepName(cycle, "select"))
    return spec.selection.per_cycle if select is None else int(select.summary.get("chosen", 0))
