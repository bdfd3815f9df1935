"""The verdict for a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from forgefield.properties.verdict import Verdict, VerdictRow


def verdict_table(verdict: Verdict) -> Table:
    """One row for each target: the potential, the reference, the deviation and whether it is small enough."""
    table = Table(title="Verdict", title_justify="left", header_style="bold")
    table.add_column("property")
    for name in ("potential", "reference", "deviation", "target"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in verdict.rows:
        mark = Text("holds", "green") if row.holds else Text(shortfall(row), "red")
        is_error = row.reference is None and row.value_unit == row.unit
        table.add_row(
            Text(row.name),
            "" if is_error else figure(row.value, row.value_unit),
            "" if is_error else figure(row.reference, row.value_unit),
            figure(row.deviation, row.unit),
            f"≤ {figure(row.target, row.unit)}",
            mark,
        )
    return table


def summary_line(verdict: Verdict) -> str:
    """One line: every target holds, or which fall short."""
    if verdict.holds:
        return f"All {len(verdict.rows)} targets hold."
    short = [row.name for row in verdict.rows if not row.holds]
    return f"{len(verdict.rows) - len(short)} of {len(verdict.rows)} targets hold; short: {'; '.join(short)}."


def shortfall(row: VerdictRow) -> str:
    """How far a target is missed."""
    if row.deviation is None:
        return "not measured"
    return f"short by {row.deviation - row.target:.3g} {row.unit}"


def figure(value: float | None, unit: str) -> str:
    """A number with its unit; a dash if there is none."""
    return "–" if value is None else f"{value:.4g} {unit}"
