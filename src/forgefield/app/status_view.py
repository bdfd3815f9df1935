"""A run's status for people and for programs."""

from __future__ import annotations

import dataclasses
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from forgefield.app.console import say
from forgefield.app.progress import duration
from forgefield.app.verdict_table import summary_line, verdict_table
from forgefield.properties.stored import to_dict
from forgefield.workflow.status_records import RunStatus

_MOST_REASONS = 3


def status_json(status: RunStatus) -> dict[str, Any]:
    """The status as plain JSON values."""
    content = {field.name: getattr(status, field.name) for field in dataclasses.fields(status)}
    content["folder"] = str(status.folder)
    for name in ("steps", "costs", "failures", "errors"):
        content[name] = [to_dict(each) for each in content[name]]
    content["species"] = list(status.species)
    content["verdict"] = None if status.verdict is None else to_dict(status.verdict)
    return content


def show_status(status: RunStatus, console: Console, now: float) -> None:
    """Print a status.

    Args:
        status: of a run.
        console: where.
        now: seconds since 1970.
    """
    console.print(_facts(status, now))
    if status.steps or status.current:
        console.print(_steps(status))
    if status.errors:
        console.print(_errors(status))
    if status.failures:
        console.print(_failures(status))
    if status.verdict is not None:
        console.print(verdict_table(status.verdict))
        say(console, summary_line(status.verdict), "green" if status.verdict.holds else "yellow")


def _state(status: RunStatus, now: float) -> Text:
    ago = f"last change {duration(max(0.0, now - status.last_change))} ago"
    if status.running:
        what = f"running {status.current}" if status.current else "running"
        return Text(what, "green").append(f", {ago}", "not green")
    if status.finished:
        return Text("finished", "green")
    where = f" in {status.current}" if status.current else ""
    return Text(f"stopped{where}", "yellow").append(f", {ago}; the same command goes on", "not yellow")


def _facts(status: RunStatus, now: float) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    table.add_row("run", Text(f"{status.folder}: {'-'.join(status.species)} with {status.engine}"))
    table.add_row("state", _state(status, now))
    table.add_row("cycle", f"{status.cycle} of at most {status.cycles}")
    table.add_row("labels", str(status.labels))
    failed = sum(each.count for each in status.failures)
    spent = f"{status.calculations}, {failed} of them failed; {duration(status.core_seconds)} of one core"
    table.add_row("calculations", spent)
    limits = [] if status.budget is None else [f"{status.budget_left} of {status.budget} calculations left"]
    if status.budget_hours is not None:
        limits.append(f"no new cycle after {duration(3600 * status.budget_hours)}")
    table.add_row("budget", ", ".join(limits) or "no limit")
    ahead = (
        "known after the first training"
        if status.forecast is None
        else f"at most {duration(status.forecast)}"
    )
    rest = (
        ""
        if status.finished
        else f", still {ahead}"
        if status.forecast is not None
        else f"; what is left is {ahead}"
    )
    table.add_row("time", duration(status.seconds) + rest)
    return table


def _steps(status: RunStatus) -> Table:
    table = Table(title="Steps", title_justify="left", header_style="bold")
    table.add_column("step")
    table.add_column("time", justify="right")
    table.add_column("result")
    for step in status.steps:
        table.add_row(step.name, duration(step.seconds), Text(step.result))
    if status.current is not None:
        table.add_row(
            status.current, "", Text("running" if status.running else "begun, not finished", "yellow")
        )
    return table


def _errors(status: RunStatus) -> Table:
    table = Table(title="Errors", title_justify="left", header_style="bold")
    columns = (
        "cycle",
        "structures",
        "calculations",
        "validation force RMSE",
        "energy MAE",
        "force MAE",
        "targets",
    )
    for name in columns:
        table.add_column(name, justify="right")
    table.add_row(
        "", "", "", *(Text(unit, "dim") for unit in ("eV/Å", "held out, meV/atom", "held out, eV/Å")), ""
    )
    for each in status.errors:
        table.add_row(
            str(each.cycle),
            _number(each.training_structures, "d"),
            _number(each.calculations, "d"),
            _number(each.force_rmse, ".4f"),
            _number(each.energy_mae, ".2f"),
            _number(each.force_mae, ".4f"),
            "–" if each.judged is None else f"{each.held} of {each.judged}",
        )
    return table


def _failures(status: RunStatus) -> Table:
    table = Table(title="Failed calculations", title_justify="left", header_style="bold")
    table.add_column("kind")
    table.add_column("structures", justify="right")
    table.add_column("reasons")
    for each in status.failures:
        more = len(each.reasons) - _MOST_REASONS
        reasons = [
            *each.reasons[:_MOST_REASONS],
            *([f"… and {more} more, see ledger.jsonl"] if more > 0 else []),
        ]
        table.add_row(Text(each.kind), str(each.count), Text("\n".join(reasons)))
    return table


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
