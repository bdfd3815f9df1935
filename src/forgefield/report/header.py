"""The top of the page: what it is about, how it ended, and the figures that matter most."""

from __future__ import annotations

from datetime import datetime

from forgefield.report.html import Html, element, joined, paragraph
from forgefield.report.records import RunRecords
from forgefield.report.wording import (
    count,
    duration,
    reference_label,
    system_name,
    verdict_class,
    verdict_sentence,
)


def page_title(run: RunRecords) -> str:
    """Such as ``Si potential``; by the folder's name if the system is not known."""
    return f"{system_name(run) or run.folder.path.resolve().name} potential"


def header(run: RunRecords, now: datetime) -> Html:
    """Title, the outcome in one sentence, and key figures.

    Args:
        run: what the folder holds.
        now: date of the report.
    """
    entries = [
        element("div", element("dt", name), element("dd", value))
        for name, value in _facts(run, now).items()
        if value
    ]
    return element(
        "header",
        element("h1", page_title(run)),
        paragraph("Machine-learned interatomic potential", kind="subtitle"),
        paragraph(verdict_sentence(run), kind=f"verdict-line {verdict_class(run.verdict)}"),
        element("dl", entries, class_="facts"),
        joined([paragraph(problem, kind="warning") for problem in run.problems]),
    )


def footer(run: RunRecords) -> Html:
    """Where the page comes from."""
    steps = count(len(run.steps), "finished step")
    return element(
        "footer", f"Written by forgefield from the run folder {run.folder.path.resolve().name} ({steps})."
    )


def _facts(run: RunRecords, now: datetime) -> dict[str, str]:
    trained = len(run.training_keys)
    # A label is stored before its line in the ledger, so a run that was killed may lack the line.
    spent = len({entry.key for entry in run.ledger} | {record.key for record in run.labelled})
    budget = run.spec.budget.calculations if run.spec else None
    trainings = sum(name.step == "train" for name, _ in run.steps)
    return {
        "System": system_name(run),
        "Reference": reference_label(run),
        "Calculations": f"{spent:,}" + (f" of at most {budget:,}" if budget is not None else ""),
        "Training structures": f"{trained:,}" if trained else "",
        "Trainings": f"{trainings:,}" if trainings else "",
        "Wall time": duration(sum(manifest.seconds for _, manifest in run.steps)) if run.steps else "",
        "Ended": run.ending or "not yet, or not in the last call",
        "Last finished step": f"{run.finished_at:%Y-%m-%d %H:%M} UTC" if run.finished_at else "none yet",
        "Report written": f"{now:%Y-%m-%d %H:%M} UTC",
    }
