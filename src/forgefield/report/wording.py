"""Numbers, times and names as people read them."""

from __future__ import annotations

import math

from forgefield.properties.verdict import Verdict, VerdictRow
from forgefield.reference.spec import has_functional
from forgefield.report.records import RunRecords

UNKNOWN = "–"
_SEEN = 1e-3
"""Share of a value that its error must reach to be worth a place in a table."""


def number(value: float | None, unit: str = "", digits: int = 4) -> str:
    """A value with so many significant digits and its unit; a dash if there is none."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0 or 1e-3 <= abs(value) < 10.0**digits:
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
        text = f"{value:.{decimals}f}"
    elif abs(value) < 1e7 and abs(value) >= 1:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.{digits - 1}e}"
    return f"{text.replace('-', '−')} {unit}".rstrip()


def estimate(value: float | None, error: float | None, unit: str = "") -> str:
    """A value with its standard error, if that is large enough to be seen."""
    if value is None or error is None or not math.isfinite(error) or error < _SEEN * abs(value):
        return number(value, unit)
    return f"{number(value)} ± {number(error, unit, 2)}"


def amount(value: float | None, unit: str) -> str:
    """A deviation with its unit: per cent with two decimals, all else with three digits."""
    if unit == "%" and value is not None and math.isfinite(value) and abs(value) < 1e4:
        return f"{value:.2f} %".replace("-", "−")
    return number(value, unit, digits=3)


def count(how_many: int, what: str, plural: str | None = None) -> str:
    """``1 calculation``, ``2 calculations``."""
    return f"{how_many:,} {what if how_many == 1 else (plural or what + 's')}"


def duration(seconds: float) -> str:
    """Seconds as people say them: ``4.2 s``, ``3 min 12 s``, ``2 h 5 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60} min"


def system_name(run: RunRecords) -> str:
    """The chemical system, such as ``Si`` or ``Ti-O``; empty if it is not known."""
    if run.spec is not None:
        return run.spec.system.formula or "-".join(run.spec.system.symbols)
    return "-".join(run.recipe.species) if run.recipe is not None else ""


def reference_name(run: RunRecords) -> str:
    """What the reference is called in figures: ``DFT (PBE)``, ``GFN2-xTB`` or the calculator's name."""
    engine = run.recipe.engine if run.recipe else (run.spec.reference.engine if run.spec else "")
    if has_functional(engine):
        return f"DFT ({run.spec.reference.xc})" if run.spec else "DFT"
    if engine == "tblite":
        return run.spec.reference.method if run.spec else "xTB"
    return f"reference ({engine.rpartition('.')[2]})" if engine else "reference"


def the_reference(run: RunRecords) -> str:
    """The reference in the middle of a sentence."""
    name = reference_name(run)
    return f"the {name}" if name.startswith("reference") else name


def verdict_sentence(run: RunRecords) -> str:
    """The outcome in one sentence."""
    verdict = run.verdict
    if verdict is None:
        return f"No verdict yet: {progress_sentence(run)}"
    total, held = len(verdict.rows), sum(row.holds for row in verdict.rows)
    if not total:
        return "No targets were set, so there is nothing to judge."
    if verdict.holds:
        return "The one target holds." if total == 1 else f"All {total} targets hold."
    short = [row for row in verdict.rows if not row.holds and row.deviation is not None]
    unknown = [row.name for row in verdict.rows if row.deviation is None]
    parts = []
    if short:
        parts.append("short: " + ", ".join(_miss(row) for row in short))
    if unknown:
        parts.append("not measured: " + ", ".join(unknown))
    so_far = "So far, " if run.begun else ""
    return f"{so_far}{held} of {total} targets hold; {'; '.join(parts)}."


def holds_label(row: VerdictRow) -> tuple[str, str]:
    """Sign and word for one target, and the CSS class that colours them."""
    if row.deviation is None:
        return "✗ not measured", "unknown"
    return ("✓ holds", "holds") if row.holds else ("✗ falls short", "fails")


def verdict_class(verdict: Verdict | None) -> str:
    """CSS class of the sentence."""
    return "none" if verdict is None or not verdict.rows else ("good" if verdict.holds else "bad")


def progress_sentence(run: RunRecords) -> str:
    """How far the run has come."""
    if not run.steps:
        return "no step of the run is finished."
    last = f"the last finished step is {run.steps[-1][0]}"
    if run.begun:
        return f"{last}; {', '.join(map(str, run.begun))} has begun but is not finished."
    return f"{last}."


def reference_label(run: RunRecords) -> str:
    """Engine and version, such as ``gpaw 26.7.0, PBE``, without the import path of a calculator."""
    engine = run.recipe.engine if run.recipe else (run.spec.reference.engine if run.spec else "")
    name = engine.rpartition(".")[2] if engine.startswith("ase:") else engine
    version = f" {run.recipe.version}" if run.recipe else ""
    functional = f", {run.spec.reference.xc}" if run.spec and has_functional(engine) else ""
    return f"{name}{version}{functional}"


def sentence_case(text: str) -> str:
    """The text with a capital first letter and all others as they are."""
    return text[:1].upper() + text[1:]


def _miss(row: VerdictRow) -> str:
    return f"{row.name} ({amount(row.deviation, row.unit)}, target {row.target:g})"
