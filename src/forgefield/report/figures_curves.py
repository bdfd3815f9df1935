"""What figures of two methods share: their names and colours, rows of curves, bands of standard errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from forgefield.atoms.records import Array
from forgefield.report.figures_style import POTENTIAL, REFERENCE, apply_style, faint, rounded

if TYPE_CHECKING:
    import plotly.graph_objects as go

Result = TypeVar("Result")
_BAND = 0.18
"""Opacity of a band of one standard error."""


def methods(
    potential: Result | None, reference: Result | None, reference_name: str
) -> list[tuple[Result, str, str]]:
    """Result, name and colour of each method that has one; the reference comes first and so lies below."""
    both = ((reference, reference_name, REFERENCE), (potential, "potential", POTENTIAL))
    return [(result, name, colour) for result, name, colour in both if result is not None]


def distinct(names: Iterable[str]) -> list[str]:
    """Each once, in order; one empty row where there is nothing."""
    return list(dict.fromkeys(names)) or [""]


def stacked(names: Sequence[str], x: str) -> go.Figure:
    """A row for each name, all over the same axis."""
    from plotly.subplots import make_subplots

    rows = len(names)
    figure = make_subplots(rows=rows, cols=1, shared_xaxes=True, vertical_spacing=0.06 / max(rows - 1, 1))
    apply_style(figure, 200 + 130 * rows)
    for row, name in enumerate(names, start=1):
        figure.update_yaxes(title_text=name, rangemode="tozero", row=row, col=1)
    figure.update_xaxes(title_text=x, row=rows, col=1)
    return figure


def band(
    figure: go.Figure,
    x: Array,
    middle: Array,
    width: Array,
    colour: str,
    row: int | None = None,
    name: str | None = None,
) -> None:
    """A standard error on either side of a curve; nothing where errors are not known.

    Args:
        figure: to draw in.
        x, middle, width: (n,) each.
        colour: of the curve.
        row: of `stacked`; None in a figure of one drawing.
        name: of the curve that the band comes and goes with.
    """
    if not np.isfinite(width).all():
        return
    figure.add_scatter(
        x=rounded([*x, *x[::-1]], 4),
        y=rounded([*(middle + width), *(middle - width)[::-1]], 5),
        mode="lines",
        fill="toself",
        fillcolor=faint(colour, _BAND),
        line={"width": 0},
        legendgroup=name,
        showlegend=False,
        hoverinfo="skip",
        **({} if row is None else {"row": row, "col": 1}),
    )


def curve(
    figure: go.Figure, row: int, x: Array, y: Array, errors: Array | None, name: str, colour: str
) -> None:
    """A line in a row of `stacked` and, where errors are known, their band."""
    first = all(trace.legendgroup != name for trace in figure.data)
    if errors is not None:
        band(figure, x, y, errors, colour, row, name)
    figure.add_scatter(
        x=rounded(x, 4),
        y=rounded(y, 5),
        mode="lines",
        name=name,
        legendgroup=name,
        showlegend=first,
        line={"color": colour, "width": 1.5},
        hovertemplate="%{x}: %{y}<extra>" + name + "</extra>",
        row=row,
        col=1,
    )
