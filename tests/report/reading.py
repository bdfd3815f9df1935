"""How the tests read a report and what it was made of."""

from forgefield.properties.stored import from_json
from forgefield.properties.target_set import PropertySet
from forgefield.report.build import build_report

from .page_reader import PageReader

SECTIONS = {
    "verdict", "accuracy", "learning", "eos", "phonons", "elasticity", "training", "uncertainty",
    "data", "exploration", "failures", "cost", "usage", "reproduction",
}  # fmt: skip


def read_page(folder):
    path = build_report(folder)
    assert path == folder / "report.html"
    return PageReader(path.read_text())


def properties_of(folder, cycle, step="verify"):
    return from_json(PropertySet, (folder / f"steps/cycle-{cycle:02d}/{step}/properties.json").read_text())


def traces(page, figure):
    return page.figures[figure]["data"]
