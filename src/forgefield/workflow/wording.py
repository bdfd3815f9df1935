"""One line for people on what a finished step brought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def one_line(step: str, summary: Mapping[str, Any]) -> str:
    """What a step brought, from the figures in its manifest; figures that are missing are left out."""
    if step == "structures":
        sources = ", ".join(f"{count} {source}" for source, count in summary.get("by_source", {}).items())
        return _join(f"{summary.get('candidates', '?')} structures", sources, ": ")
    if step == "relax":
        return str(summary.get("ending", ""))
    if step == "label":
        return _labels(summary)
    if step == "perturb":
        start = f"{summary.get('samples', '?')} configurations of {summary.get('starts', '?')} perturbed structures"
        return _join(start, _labels(summary), "; ")
    if step == "hold-out":
        return _join(_labels(summary.get("label", {})), "never trained on", ", ")
    if step == "targets":
        problems = "; ".join(summary.get("problems", ()))
        return _join(f"reference properties of {summary.get('structure', '?')}", problems, "; ")
    if step == "train":
        rmse = summary.get("force_rmse")
        error = "" if rmse is None else f"validation force RMSE {rmse:.3f} eV/Å"
        return _join(f"{summary.get('structures', '?')} structures", error, ", ")
    if step == "verify":
        errors = []
        if summary.get("energy_mae") is not None:
            errors.append(f"energy MAE {summary['energy_mae']:.2f} meV/atom")
        if summary.get("force_mae") is not None:
            errors.append(f"force MAE {summary['force_mae']:.4f} eV/Å")
        held = f"{summary.get('held', '?')} of {summary.get('judged', '?')} targets hold"
        return _join(held, ", ".join(errors), "; ")
    if step == "explore":
        ends = ", ".join(f"{count} {outcome}" for outcome, count in summary.get("outcomes", {}).items())
        if "hops" in summary:
            hops = f"{summary.get('steps', '?')} hops to {summary.get('minima', '?')} minima"
            return _join(f"{summary.get('trajectories', '?')} walks", hops, ", ")
        trajectories = _join(f"{summary.get('trajectories', '?')} trajectories", ends, ": ")
        if "requests" in summary:
            calculations = f"{summary['requests']} calculations in {summary.get('steps', '?')} steps"
            return _join(trajectories, calculations, "; ")
        return _join(trajectories, f"{summary.get('frames', '?')} frames", "; ")
    if step == "select":
        return f"{summary.get('chosen', '?')} of {summary.get('frames', '?')} frames chosen"
    return ""


def _labels(counts: Mapping[str, Any]) -> str:
    line = f"{counts.get('labelled', '?')} of {counts.get('requested', '?')} structures labelled"
    for name, words in (("failed", "failed"), ("skipped", "left out for lack of budget")):
        if counts.get(name):
            line += f", {counts[name]} {words}"
    return line


def _join(first: str, second: str, between: str) -> str:
    return f"{first}{between}{second}" if second else first
