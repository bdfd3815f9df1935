"""Section of the report on where crystals came from, which were the same, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forgefield.report.html import Html, element, paragraph, section
from forgefield.report.records import RunRecords
from forgefield.report.table import MOST_ROWS, Column, table
from forgefield.report.wording import UNKNOWN, count, number

TITLE = "Structures and their sources"


def crystals_section(run: RunRecords) -> Html | None:
    """Sources, duplicates, what was left out, and the relaxed crystals; nothing for an element."""
    collected, relaxed = run.manifest(0, "structures"), run.manifest(0, "relax")
    sources = collected.summary.get("sources", ()) if collected else ()
    if not sources:
        return None
    found, kept = (sum(each[name] for each in sources) for name in ("found", "kept"))
    text = (
        f"{count(found, 'structure')} from {count(len(sources), 'source')}, of which {kept:,} were used. Two crystals "
        "are the same if one can be laid on the other up to their size and small displacements."
    )
    parts: list[Html] = [paragraph(text), source_counts_table(sources)]
    if relaxed is not None:
        cases = relaxed.summary["structures"]
        parts += [paragraph(f"{relaxed.summary['ending']}.", kind="subtitle"), relaxed_table(cases)]
    perturbed = run.manifest(0, "perturb")
    if perturbed is not None:
        summary = perturbed.summary
        parts.append(
            paragraph(
                f"{count(summary['starts'], 'perturbed structure')} relaxed in part gave "
                f"{count(summary['samples'], 'configuration')}: {summary['labelled']:,} were computed, "
                f"{summary['alike']:,} repeated others and {summary['screened_out']:,} were out of bounds."
            )
        )
    if run.left_out:
        rows = [[name, reason] for name, reason in run.left_out[:MOST_ROWS]]
        shown = table([Column("structure", "short"), Column("why it was left out", "long")], rows)
        parts.append(element("details", [element("summary", f"{len(run.left_out):,} left out"), shown]))
    return section("crystals", TITLE, *parts)


def source_counts_table(sources: Sequence[Mapping[str, Any]]) -> Html:
    """How many structures each source gave, and what became of them."""
    names = {
        "found": "found",
        "excluded": "other states or formula",
        "duplicates": "duplicates",
        "surplus": "more than wanted",
        "kept": "used",
    }
    columns = [Column("source"), *(Column(heading, "number") for heading in names.values())]
    rows = [[str(each["source"]), *(f"{each[name]:,}" for name in names)] for each in sources]
    sums = [f"{sum(each[name] for each in sources):,}" for name in names]
    return table(columns, rows, ["all", *sums])


def relaxed_table(cases: Sequence[Mapping[str, Any]]) -> Html:
    """Crystals by energy: those that were relaxed, and the others as they came."""
    columns = [
        Column("crystal", "long"),
        Column("source", "short"),
        Column("outcome", "short"),
        Column("calculations", "number"),
        Column("energy above the lowest", "number"),
        Column("largest force", "number"),
    ]
    order = sorted(cases, key=lambda case: (case["above"] is None, case["above"] or 0.0))
    rows = [
        [
            f"{case['formula']}: {case['name']}",
            str(case["source"]),
            str(case["outcome"]),
            f"{case['calculations']:,}",
            UNKNOWN if case["above"] is None else number(1000.0 * case["above"], "meV/atom", 3),
            number(case["largest"], "eV/Å", 3),
        ]
        for case in order[:MOST_ROWS]
    ]
    return table(columns, rows)
