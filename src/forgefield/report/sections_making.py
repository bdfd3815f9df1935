"""Sections on how the potential came about: training, uncertainty, data, exploration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from forgefield.dataset.statistics import Range, dataset_statistics
from forgefield.report.figures_data import (
    energy_volume_plot,
    outcomes_plot,
    source_order,
    sources_plot,
)
from forgefield.report.figures_learning import requests_plot
from forgefield.report.figures_training import history_plot, uncertainty_plot
from forgefield.report.html import Html, element, folded, missing, paragraph, section
from forgefield.report.records import RunRecords
from forgefield.report.tables import sources_table
from forgefield.report.tables_exploration import exploration_table, requests_table, trajectories_table
from forgefield.report.wording import count, number, progress_sentence


def training_section(run: RunRecords) -> Html:
    """Course of every training."""
    cycles = [cycle for cycle in run.cycles if cycle.history]
    if not cycles:
        return section(
            "training", "Training", missing(f"No potential has been trained yet: {progress_sentence(run)}")
        )
    last = cycles[-1].number
    manifest = run.manifest(last, "train")
    summary = manifest.summary if manifest else {}
    text = (
        f"The last training, of cycle {last}, used {count(summary.get('structures', 0), 'structure')} with "
        f"{count(summary.get('atoms', 0), 'atom')} and kept {summary.get('validation', 0):,} for "
        f"validation; the weights are those of epoch {summary.get('best_epoch', '–')}."
    )
    return section("training", "Training", paragraph(text), history_plot(cycles))


def uncertainty_section(run: RunRecords) -> Html:
    """Does the committee know what it does not know?"""
    title = "Uncertainty"
    cycle = next((each for each in reversed(run.cycles) if each.validation.predicted), None)
    if cycle is None:
        return section(
            "uncertainty", title, missing(f"No uncertainty was calibrated yet: {progress_sentence(run)}")
        )
    manifest = run.manifest(cycle.number, "train")
    calibration = manifest.summary.get("calibration", {}) if manifest else {}
    text = f"Force errors of cycle {cycle.number} that the committee predicts, beside those that it makes."
    if calibration:
        scale, error = calibration.get("scale"), calibration.get("typical_error")
        correlation = number(calibration.get("rank_correlation"), digits=2)
        text += (
            f" Its spread is multiplied by {number(scale, digits=3)}; the typical error is "
            f"{number(error, 'eV/Å', 3)}, and the ranks of predicted and actual errors correlate by "
            f"{correlation} (1: perfectly)."
        )
    # On the fly the surrogate decides, by thresholds of its own.
    decides = run.spec is None or run.spec.exploration.method_of(cycle.number) != "on-the-fly"
    thresholds = calibration if decides else {}
    plots = [
        uncertainty_plot(
            cycle.validation,
            select_above=thresholds.get("select_above"),
            stop_above=thresholds.get("stop_above"),
        )
    ]
    if any(cycle.held_out.predicted):
        text += _held_out_sentence(_summary(run, cycle.number, "verify"))
        held_out = "the held-out configurations, which had no part in training or calibration"
        plots.append(uncertainty_plot(cycle.held_out, "uncertainty-held-out", held_out))
    return section("uncertainty", title, paragraph(text), *plots)


def _held_out_sentence(verified: Mapping[str, Any]) -> str:
    """How the calibrated uncertainty fares where nothing was fitted."""
    found = verified.get("reliability")
    if not found:
        return ""
    return (
        f" On the held-out configurations ranks correlate by {number(found['rank_correlation'], digits=2)}, and "
        f"predicted and actual errors differ by {found['calibration_error']:.0%} on average over "
        f"{found['bins']} bins (the expected normalised calibration error)."
    )


def data_section(run: RunRecords) -> Html:
    """Where the labelled structures came from."""
    title = "Where the data came from"
    if not run.labelled:
        return section("data", title, missing(f"No structure has labels yet: {progress_sentence(run)}"))
    facts = dataset_statistics(run.labelled)
    trained = sum(record.key in run.training_keys for record in run.labelled)
    held_out = sum(record.key in run.hold_out_keys for record in run.labelled)
    text = (
        f"{count(facts.structures, 'labelled structure')} with {count(facts.atoms, 'atom')} "
        f"({', '.join(f'{n:,} {symbol}' for symbol, n in facts.species.items())}): {trained:,} may be "
        f"trained on, {held_out:,} are held out, the others measure the reference's own properties."
    )
    # A free atom in its box would stretch every range.
    bound = dataset_statistics([record for record in run.labelled if record.source != "isolated-atom"])
    ranges = ", ".join(
        f"{name} {_range(values, unit)}"
        for name, values, unit in (
            ("volumes", bound.volume, "Å³/atom"),
            ("energies", bound.energy, "eV/atom"),
            ("forces on atoms", bound.force, "eV/Å"),
        )
        if values is not None
    )
    spread = energy_volume_plot(run.labelled)
    plots = [sources_plot(run.labelled)] + ([spread] if spread is not None else [])
    return section(
        "data",
        title,
        paragraph(text),
        element("div", plots, class_="pair"),
        sources_table(run.labelled, source_order(run.labelled)),
        paragraph(f"Ranges without free atoms: {ranges}.", kind="note") if ranges else None,
    )


def exploration_section(run: RunRecords) -> Html:
    """What the potential explored on its own."""
    title = "Exploration"
    explored = {
        cycle.number: dict(Counter(end.outcome for end in cycle.explored))
        for cycle in run.cycles
        if cycle.explored
    }
    parts: list[Html] = []
    if explored:
        rows = [
            (
                cycle,
                _summary(run, cycle, "explore"),
                _summary(run, cycle, "select"),
                _summary(run, cycle, "label"),
            )
            for cycle in explored
        ]
        parts += [
            paragraph(
                "Molecular dynamics with the potential of each cycle; a trajectory ends where "
                "the potential is too uncertain or the structure is no longer sane. “Uncertain” frames lie "
                "above the threshold of selection."
            ),
            outcomes_plot(explored),
            exploration_table(rows),
        ]
        ends = [end for cycle in run.cycles for end in cycle.explored]
        if ends:
            parts.append(folded(f"All {len(ends)} trajectories", trajectories_table(ends)))
    elif run.asked:
        parts += _learning(run)
    else:
        parts.append(missing(f"Nothing has been explored: {progress_sentence(run)}"))
    if run.hold_out_trajectories:
        table = trajectories_table(run.hold_out_trajectories)
        parts.append(
            folded(f"Trajectories of the held-out configurations ({len(run.hold_out_trajectories)})", table)
        )
    return section("exploration", title, *parts)


def _learning(run: RunRecords) -> list[Html]:
    """What was learned on the fly."""
    summaries = [
        manifest.summary
        for name, manifest in run.steps
        if name.step == "explore" and "requests" in manifest.summary
    ]
    steps = sum(summary["steps"] for summary in summaries)
    text = (
        f"A Bayesian potential moved the atoms for {steps:,} steps and asked for "
        f"{count(len(run.asked), 'calculation')}: {1 - len(run.asked) / max(1, steps):.2%} of the steps needed none."
    )
    return [paragraph(text), requests_plot(run.asked), folded("All of them", requests_table(run.asked))]


def _summary(run: RunRecords, cycle: int, step: str) -> Mapping[str, Any]:
    manifest = run.manifest(cycle, step)
    return manifest.summary if manifest is not None else {}


def _range(values: Range, unit: str) -> str:
    return f"{number(values.minimum)} to {number(values.maximum, unit)}"
