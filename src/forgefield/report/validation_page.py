"""The report of a validation: one HTML page, every property's figure, and all numbers side by side."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from forgefield.properties.comparison import ComparisonRow
from forgefield.report.figures_accuracy import parity_plots
from forgefield.report.html import Html, element, folded, joined, missing, page, paragraph, section
from forgefield.report.table import Column, table
from forgefield.report.validation import Entry, ValidationRecords, read_validation, write_table
from forgefield.report.validation_figures import FIGURES
from forgefield.report.wording import estimate, number
from forgefield.workflow.folder import write_atomically
from forgefield.workflow.validation_folder import ValidationFolder, file_name

_VERDICTS: dict[str | None, tuple[str, str]] = {
    "agrees": ("✓ agrees", "holds"),
    "differs": ("✗ differs", "fails"),
    "unclear": ("? unclear", "unknown"),
    None: ("", ""),
}


def build_validation_report(path: Path) -> Path:
    """Write ``report.html`` and ``comparison.csv`` into the folder of a validation, finished or not.

    Returns:
        path of the report.

    Raises:
        ForgefieldError: it holds none.
    """
    folder, records = ValidationFolder(path), read_validation(path)
    write_table(folder.table, records)
    write_atomically(folder.report, validation_page(records, datetime.now(UTC)))
    return folder.report


def validation_page(records: ValidationRecords, now: datetime) -> str:
    """The page as HTML text; it opens from disk, without a network.

    Args:
        records: what was found.
        now: date of the report.
    """
    from plotly.offline import get_plotlyjs

    spec = records.spec
    title = f"Validation of {spec.potential}"
    sections = [
        ("summary", "Summary", _summary(records)),
        *((_identifier(entry), _heading(entry, spec.structures), _body(entry, place))
          for place, entry in enumerate(records.entries)),
        *(
            [("data", "Labelled structures", parity_plots(records.errors, str(spec.data)))]
            if records.errors is not None
            else []
        ),
        ("settings", "Settings", folded("All settings", element("pre", spec.model_dump_json(indent=2)))),
    ]  # fmt: skip
    links = [element("a", heading, href=f"#{name}") for name, heading, _ in sections]
    body = joined(
        element(
            "header",
            element("h1", title),
            paragraph(
                f"Properties of {', '.join(spec.structures)}"
                + (f", beside {records.references}" if records.references else ""),
                kind="subtitle",
            ),
            paragraph(records.sentence, kind=f"verdict-line {_outcome(records)}"),
        ),
        element("nav", links, aria_label="Sections"),
        element("main", [section(*each) for each in sections]),
        element("footer", f"Written by forgefield, {now:%Y-%m-%d %H:%M} UTC."),
    )
    return page(title, body, get_plotlyjs() if 'class="plot"' in body else "")


def _outcome(records: ValidationRecords) -> str:
    return "none" if not records.judged else "good" if records.agrees else "bad"


def _identifier(entry: Entry) -> str:
    return f"{file_name(entry.structure)}-{entry.each.name}"


def _heading(entry: Entry, structures: tuple[str, ...]) -> str:
    return f"{entry.each.title}, {entry.structure}" if len(structures) > 1 else entry.each.title


def _summary(records: ValidationRecords) -> Html:
    several = len(records.spec.structures) > 1
    rows = [
        (f"{row.name}, {entry.structure}" if several else row.name, row)
        for entry in records.entries
        for row in entry.rows
    ]
    rows += [(row.name, row) for row in records.phases]
    if not rows:
        return missing("Nothing is computed yet.")
    return _table(rows, records.references)


def _table(rows: list[tuple[str, ComparisonRow]], reference: str | None) -> Html:
    if reference is None:
        columns = [Column("quantity", "short"), Column("potential", "number")]
        return table(columns, [[name, estimate(row.value, row.error, row.unit)] for name, row in rows])
    columns = [
        Column("quantity", "short"),
        Column("verdict", "short"),
        Column("potential", "number"),
        Column(reference, "number"),
        Column("difference", "number"),
        Column("limit", "number"),
    ]
    return table(columns, [[name, *_cells(row)] for name, row in rows])


def _cells(row: ComparisonRow) -> list[str]:
    word, kind = _VERDICTS[row.judgement]
    itself = row.reference is None and row.value is not None and row.difference is not None
    difference = number(row.difference, row.unit, 3)
    if row.percent is not None:
        difference = f"{difference} ({number(row.percent, '%', 3)})"
    return [
        element("span", word, class_=kind),
        "" if itself else estimate(row.value, row.error, row.unit),
        "" if itself else estimate(row.reference, row.reference_error, row.unit),
        difference,
        f"± {row.limit}" if row.limit else "",
    ]


def _body(entry: Entry, place: int) -> Html:
    # Identifiers are unique among the figures of one property.
    marked = f'id="figure-{place}-'
    lines = [paragraph(problem, kind="warning") for problem in entry.problems]
    if entry.potential is None and entry.reference is None:
        return joined(lines or [missing("Not computed.")])
    figures = [
        Html(
            draw(entry.potential, entry.reference, entry.beside or "reference").replace('id="figure-', marked)
        )
        for draw in FIGURES.get(entry.each.name, ())
    ]
    rows = [(row.name, row) for row in entry.rows]
    return joined(lines, figures, _table(rows, entry.beside) if rows else None)
