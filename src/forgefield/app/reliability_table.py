"""How well a potential knows its errors, for a terminal."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from forgefield.app.console import say
from forgefield.atoms.records import Array
from forgefield.selection.reliability import reliability, vanishing

_BINS = 10


def show_reliability(console: Console, predicted: Array, actual: Array) -> None:
    """Print the diagram of reliability as a table, and what the uncertainty has to be multiplied by.

    Args:
        console: where to.
        predicted: (M,) uncertainty of each atom's force, eV/Å.
        actual: (M,) length of its error, eV/Å.

    Raises:
        ForgefieldError: no uncertainty but zeros.
    """
    bins = min(_BINS, max(1, int((~vanishing(predicted)).sum())))
    scale = reliability(predicted, actual, components=3, bins=bins).scale
    found = reliability(scale * predicted, actual, components=3, bins=bins)
    table = Table(title="Force uncertainty", title_justify="left", header_style="bold")
    for name in ("atoms", "expected, eV/Å", "actual, eV/Å", "actual / expected"):
        table.add_column(name, justify="right")
    diagram = found.diagram
    for count, expected, error in zip(diagram.counts, diagram.predicted, diagram.actual, strict=True):
        table.add_row(str(count), f"{expected:.4f}", f"{error:.4f}", f"{error / expected:.2f}")
    console.print(table)
    say(
        console,
        f"Expected: {scale:.3g} times what the potential says, so that mean squares agree. "
        f"Ranks correlate by {found.rank_correlation:.2f}, expected normalised calibration error "
        f"{found.calibration_error:.2f}; root mean squares of {np.sum(diagram.counts)} atoms.",
    )
