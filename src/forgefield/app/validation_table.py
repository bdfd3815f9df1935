"""What a validation found, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from forgefield.app.console import say
from forgefield.app.error_table import error_table
from forgefield.properties.comparison import ComparisonRow
from forgefield.report.validation import ValidationRecords
from forgefield.report.wording import estimate, number

_COLOURS = {"agrees": "green", "differs": "red", "unclear": "yellow"}


def show_validation(console: Console, records: ValidationRecords) -> None:
    """Problems, tables and the outcome."""
    for entry in records.entries:
        for problem in entry.problems:
            say(console, f"{entry.each.title} of {entry.structure}: {problem}", "yellow")
    for structure in records.spec.structures:
        rows = [row for entry in records.entries if entry.structure == structure for row in entry.rows]
        if rows:
            console.print(_table(structure, rows, records.references))
    if records.phases:
        console.print(_table("Structures beside each other", list(records.phases), records.references))
    if records.errors is not None:
        console.print(error_table({str(records.spec.data): records.errors}, "labelled structures"))
    say(console, records.sentence, "green" if records.agrees else "yellow")


def _table(title: str, rows: Sequence[ComparisonRow], reference: str | None) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("quantity")
    names = ["potential"] if reference is None else ["potential", reference, "difference", "limit"]
    for name in names:
        table.add_column(name, justify="right")
    if reference is not None:
        table.add_column("")
    for row in rows:
        cells = [estimate(row.value, row.error, row.unit)]
        if reference is None:
            table.add_row(Text(row.name), *cells)
            continue
        difference = number(row.difference, row.unit, 3)
        if row.percent is not None:
            difference += f" ({row.percent:+.2f} %)"
        mark = Text(row.judgement, _COLOURS[row.judgement]) if row.judgement else Text("")
        cells += [estimate(row.reference, row.reference_error, row.unit), difference, row.limit]
        table.add_row(Text(row.name), *cells, mark)
    return table
