"""Tables of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forgefield.dataset.records import Record
from forgefield.properties.elasticity import Elasticity
from forgefield.properties.verdict import Verdict
from forgefield.reference.ledger import LedgerEntry
from forgefield.report.html import Html, element
from forgefield.report.table import MOST_ROWS, Column, table
from forgefield.report.wording import UNKNOWN, amount, duration, holds_label, number


def verdict_table(verdict: Verdict, reference: str) -> Html:
    """Every target, what was reached, and whether it holds."""
    # What matters most comes first: narrow screens cut the rest off until it is scrolled to.
    columns = [
        Column("quantity", "short"),
        Column("verdict", "short"),
        Column("deviation", "number"),
        Column("target", "number"),
        Column("potential", "number"),
        Column(reference, "number"),
    ]
    rows = []
    for row in verdict.rows:
        word, kind = holds_label(row)
        itself_an_error = row.reference is None and row.unit == row.value_unit
        rows.append(
            [
                row.name,
                element("span", word, class_=kind),
                amount(row.deviation, row.unit),
                f"≤ {row.target:g} {row.unit}",
                "" if itself_an_error else number(row.value, row.value_unit),
                "" if itself_an_error else number(row.reference, row.value_unit),
            ]
        )
    return table(columns, rows)


def elastic_table(potential: Elasticity | None, reference: Elasticity | None, reference_name: str) -> Html:
    """Elastic constants and the moduli of the polycrystal."""
    columns = [
        Column("GPa", "short"),
        Column("deviation", "number"),
        Column("potential", "number"),
        Column("ions clamped", "number"),
        Column(reference_name, "number"),
        Column("ions clamped", "number"),
    ]
    mine, theirs = _elastic_values(potential), _elastic_values(reference)
    constants = {
        each.name for found in (potential, reference) if found is not None for each in found.constants
    }
    rows = []
    for name in theirs or mine:
        value, clamped = mine.get(name, (None, None))
        truth, truth_clamped = theirs.get(name, (None, None))
        deviation = 100 * (value - truth) / abs(truth) if value is not None and truth else None
        sign = "+" if deviation is not None and deviation > 0 else ""
        rows.append(
            [
                name,
                UNKNOWN if deviation is None else f"{sign}{amount(deviation, '%')}",
                number(value),
                "" if name not in constants else number(clamped),
                number(truth),
                "" if name not in constants else number(truth_clamped),
            ]
        )
    return table(columns, rows)


def sources_table(records: Sequence[Record], order: Sequence[str]) -> Html:
    """Labelled structures by source and cycle."""
    cycles = sorted({record.cycle for record in records})
    counts = Counter((record.source, record.cycle) for record in records)
    columns = [
        Column("source"),
        *(Column(f"cycle {cycle}", "number") for cycle in cycles),
        Column("structures", "number"),
        Column("atoms", "number"),
    ]
    rows = []
    for source in order:
        mine = [record for record in records if record.source == source]
        cells = [str(counts[source, cycle] or "") for cycle in cycles]
        rows.append([source, *cells, f"{len(mine):,}", f"{sum(len(record.atoms) for record in mine):,}"])
    sums = [f"{sum(counts[source, cycle] for source in order):,}" for cycle in cycles]
    atoms = sum(len(record.atoms) for record in records)
    return table(columns, rows, ["all", *sums, f"{len(records):,}", f"{atoms:,}"])


def failures_table(failures: Sequence[LedgerEntry]) -> Html:
    """Calculations that gave no labels, with the reason."""
    columns = [
        Column("step", "short"),
        Column("source", "short"),
        Column("kind", "short"),
        Column("reason", "long"),
        Column("attempts", "number"),
        Column("time", "number"),
        Column("structure"),
    ]
    rows = [
        [
            entry.step,
            entry.source,
            entry.kind,
            entry.reason,
            str(entry.attempts),
            duration(entry.seconds),
            element("code", entry.key),
        ]
        for entry in failures[:MOST_ROWS]
    ]
    return table(columns, rows)


@dataclass(frozen=True)
class StepCost:
    """What a step cost; None for the wall time of a step that is not finished."""

    step: str
    wall_seconds: float | None
    calculations: int
    failures: int
    core_seconds: float


def cost_table(costs: Sequence[StepCost]) -> Html:
    """Wall time, calculations and core-seconds of each step."""
    columns = [
        Column("step", "short"),
        Column("wall time", "number"),
        Column("calculations", "number"),
        Column("failed", "number"),
        Column("core-seconds", "number"),
        Column("core-seconds each", "number"),
    ]
    rows = [
        [
            cost.step,
            UNKNOWN if cost.wall_seconds is None else duration(cost.wall_seconds),
            f"{cost.calculations:,}" if cost.calculations else "",
            f"{cost.failures:,}" if cost.failures else "",
            number(cost.core_seconds, digits=3) if cost.calculations else "",
            number(cost.core_seconds / cost.calculations, digits=3) if cost.calculations else "",
        ]
        for cost in costs
    ]
    calculations = sum(cost.calculations for cost in costs)
    core_seconds = sum(cost.core_seconds for cost in costs)
    footer = [
        "all",
        duration(sum(cost.wall_seconds or 0.0 for cost in costs)),
        f"{calculations:,}",
        f"{sum(cost.failures for cost in costs):,}",
        number(core_seconds, digits=3),
        number(core_seconds / calculations, digits=3) if calculations else "",
    ]
    return table(columns, rows, footer)


def pairs_table(heading: str, pairs: Mapping[str, str]) -> Html:
    """Names and values."""
    return table([Column(heading), Column("", "long")], [[name, value] for name, value in pairs.items()])


def _elastic_values(elasticity: Elasticity | None) -> dict[str, tuple[float | None, float | None]]:
    if elasticity is None:
        return {}
    values: dict[str, tuple[float | None, float | None]] = {
        constant.name: (constant.value, constant.clamped) for constant in elasticity.constants
    }
    values["bulk modulus (Hill)"] = (elasticity.bulk_modulus, None)
    values["shear modulus (Hill)"] = (elasticity.shear_modulus, None)
    return values
