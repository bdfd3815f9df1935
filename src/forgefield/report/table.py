"""A table of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forgefield.report.html import Html, element

MOST_ROWS = 200


@dataclass(frozen=True)
class Column:
    """A column: its heading, and whether it holds numbers (right), short or long text."""

    heading: str
    kind: str = ""


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], footer: Sequence[str] = ()) -> Html:
    """A table that scrolls sideways where the screen is narrow."""
    kinds = [column.kind or None for column in columns]
    head = [
        element("th", column.heading, class_="number" if column.kind == "number" else None, scope="col")
        for column in columns
    ]

    def line(cells: Sequence[str]) -> Html:
        return element(
            "tr", [element("td", cell, class_=kind) for cell, kind in zip(cells, kinds, strict=True)]
        )

    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", head)),
            element("tbody", [line(row) for row in rows]),
            element("tfoot", line(footer)) if footer else None,
        ),
        class_="scroll",
        tabindex="0",
    )
