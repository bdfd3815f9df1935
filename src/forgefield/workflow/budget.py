"""Whether a run may still spend something."""

from __future__ import annotations

from forgefield.workflow.context import Context


def exhausted(context: Context, reserve: int) -> str:
    """Why no new cycle can begin; empty if one can.

    Args:
        context: the run.
        reserve: calculations of the budget that must be left for others.
    """
    budget, left = context.spec.budget, context.labeller.left()
    if left is not None and left <= reserve:
        return f"the budget of {budget.calculations} calculations is spent"
    spent_hours = sum(manifest.seconds for _, manifest in context.folder.finished()) / 3600
    if budget.hours is not None and spent_hours >= budget.hours:
        return f"the budget of {budget.hours:g} hours is spent"
    return ""
