"""Relaxed structures for a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from forgefield.app.verdict_table import figure
from forgefield.workflow.folder import RunFolder, StepName


def relaxation_table(folder: Path) -> Table:
    """One row for each structure of a run folder: its calculations, energy, largest force and how it ended."""
    table = Table(title="Relaxation", title_justify="left", header_style="bold")
    table.add_column("structure")
    for name in ("calculations", "energy", "largest force"):
        table.add_column(name, justify="right")
    table.add_column("")
    manifest = RunFolder(folder).manifest(StepName(0, "relax"))
    for each in [] if manifest is None else manifest.summary["structures"]:
        table.add_row(
            Text(each["structure"]),
            str(each["calculations"]),
            figure(each["energy"], "eV/atom"),
            figure(each["largest"], "eV/Å"),
            Text(each["outcome"], "green" if each["outcome"] == "converged" else "yellow"),
        )
    return table
