"""Figures of learning on the fly."""

from __future__ import annotations

from collections.abc import Sequence

from forgefield.report.figures_style import (
    POTENTIAL,
    QUIET,
    REFERENCE,
    draw,
    new_figure,
    rounded,
    with_legend,
)
from forgefield.report.html import Html
from forgefield.workflow.steps.on_the_fly_rounds import Asked


def requests_plot(asked: Sequence[Asked]) -> Html:
    """Expected and actual error of the worst atom at every calculation that a trajectory asked for."""
    figure = new_figure("calculation", "force error of the worst atom (eV/Å)")
    numbers = list(range(1, len(asked) + 1))
    where = [f"{each.trajectory}, step {each.step}" for each in asked]
    shown = (
        ("expected", [each.uncertainty for each in asked], POTENTIAL, "circle"),
        ("found", [each.error for each in asked], REFERENCE, "x"),
    )
    for name, values, colour, symbol in shown:
        figure.add_scatter(
            x=numbers,
            y=rounded((float("nan") if value is None else value for value in values), 4),
            mode="markers",
            name=name,
            text=where,
            marker={"size": 6, "color": colour, "symbol": symbol},
            hovertemplate="%{text}: %{y} eV/Å<extra>" + name + "</extra>",
        )
    figure.add_scatter(
        x=numbers,
        y=rounded((each.threshold or float("nan") for each in asked), 4),
        mode="lines",
        name="threshold",
        line={"color": QUIET, "width": 1.5},
        hovertemplate="threshold %{y} eV/Å<extra></extra>",
    )
    with_legend(figure)
    figure.update_yaxes(type="log")
    caption = "A frame is computed when the expected error of its worst atom exceeds the threshold."
    return draw("requests", figure, "What the potential asked for while it moved", caption, kind="middling")
