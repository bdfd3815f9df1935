"""The report of a run: one HTML file that opens from disk, without a network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from forgefield.report.header import footer, header, page_title
from forgefield.report.html import Html, element, joined, page
from forgefield.report.read import read_run
from forgefield.report.records import RunRecords
from forgefield.report.sections_crystals import crystals_section
from forgefield.report.sections_making import (
    data_section,
    exploration_section,
    training_section,
    uncertainty_section,
)
from forgefield.report.sections_proof import (
    accuracy_section,
    elastic_section,
    equation_of_state_section,
    learning_section,
    phonon_section,
    verdict_section,
)
from forgefield.report.sections_record import (
    cost_section,
    failures_section,
    reproduction_section,
    usage_section,
)
from forgefield.workflow.folder import write_atomically

_SECTIONS: dict[str, tuple[str, Callable[[RunRecords], Html | None]]] = {
    "verdict": ("Verdict", verdict_section),
    "accuracy": ("Accuracy", accuracy_section),
    "learning": ("Learning curve", learning_section),
    "eos": ("Equation of state", equation_of_state_section),
    "phonons": ("Phonons", phonon_section),
    "elasticity": ("Elastic constants", elastic_section),
    "training": ("Training", training_section),
    "uncertainty": ("Uncertainty", uncertainty_section),
    "crystals": ("Structures", crystals_section),
    "data": ("Data", data_section),
    "exploration": ("Exploration", exploration_section),
    "failures": ("Failures", failures_section),
    "cost": ("Cost", cost_section),
    "usage": ("Use", usage_section),
    "reproduction": ("Reproducibility", reproduction_section),
}


def build_report(folder: Path) -> Path:
    """Write ``report.html`` into a run folder, finished or not.

    Args:
        folder: the run folder; nothing but the report is written to it.

    Returns:
        path of the report.

    Raises:
        ForgefieldError: there is no run in the folder.
    """
    run = read_run(folder)
    write_atomically(run.folder.report, render(run, datetime.now(UTC)))
    return run.folder.report


def render(run: RunRecords, now: datetime) -> str:
    """The report as HTML text.

    Args:
        run: what the folder holds.
        now: date of the report.
    """
    from plotly.offline import get_plotlyjs

    built = [(identifier, name, build(run)) for identifier, (name, build) in _SECTIONS.items()]
    links = [
        element("a", name, href=f"#{identifier}") for identifier, name, made in built if made is not None
    ]
    sections = [made for _, _, made in built if made is not None]
    body = joined(
        header(run, now), element("nav", links, aria_label="Sections"), element("main", sections), footer(run)
    )
    return page(page_title(run), body, get_plotlyjs() if 'class="plot"' in body else "")
