"""How the potential was trained, and how far its uncertainty can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from forgefield.atoms.records import Array
from forgefield.report.figures_style import (
    POTENTIAL,
    QUIET,
    REFERENCE,
    colours,
    draw,
    faint,
    new_figure,
    rounded,
    thinned,
    thinning_note,
    with_legend,
)
from forgefield.report.html import Html
from forgefield.report.records import CycleRecords, ForceErrors

_BINS = 10
_MEANINGS = " Structures beyond “select” are worth a calculation, trajectories end beyond “stop”."
_LOG_TICKS = [digit * 10.0**power for power in range(-5, 4) for digit in (1, 2, 5)]


def history_plot(cycles: Sequence[CycleRecords]) -> Html:
    """Force errors against epochs, one pair of lines for each cycle."""
    figure = new_figure("epoch", "force RMSE, eV/Å", height=360)
    palette = colours([str(cycle.number) for cycle in cycles])
    for cycle in cycles:
        name, colour = f"cycle {cycle.number}", palette[str(cycle.number)]
        epochs = [each.epoch for each in cycle.history]
        for what, values, dash in (
            ("validation", [each.validation for each in cycle.history], "solid"),
            ("training", [each.training for each in cycle.history], "dot"),
        ):
            figure.add_scatter(
                x=epochs,
                y=rounded(values, 5),
                mode="lines",
                name=f"{name}, {what}",
                line={"color": colour, "width": 2 if dash == "solid" else 1.3, "dash": dash},
                hovertemplate="epoch %{x}: %{y} eV/Å<extra>" + f"{name}, {what}" + "</extra>",
            )
    figure.update_yaxes(type="log", tickvals=_LOG_TICKS)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"})
    caption = "Solid: on the validation set; dotted: on the training set."
    return draw("training-history", figure, "Course of the trainings", caption, kind="middling")


def uncertainty_plot(
    errors: ForceErrors,
    name: str = "uncertainty",
    of: str = "the validation set",
    select_above: float | None = None,
    stop_above: float | None = None,
) -> Html:
    """Actual against predicted force error of each atom of some structures, with the mean in bins.

    Args:
        errors: of the atoms.
        name: of the figure in the page.
        of: whose atoms, in the caption.
        select_above, stop_above: thresholds to draw, eV/Å.
    """
    predicted, actual = np.array(errors.predicted), np.array(errors.actual)
    figure = new_figure("predicted force error, eV/Å", "actual force error, eV/Å", height=400)
    usable = (predicted > 0) & (actual > 0) & np.isfinite(predicted) & np.isfinite(actual)
    predicted, actual = predicted[usable], actual[usable]
    shown = thinned(len(predicted))
    figure.add_scatter(
        x=_significant(predicted[shown]),
        y=_significant(actual[shown]),
        mode="markers",
        name="atom",
        marker={"size": 4, "color": faint(POTENTIAL, 0.4)},
        hovertemplate="predicted %{x}, actual %{y} eV/Å<extra></extra>",
    )
    if len(predicted):
        low, high = float(min(predicted.min(), actual.min())), float(max(predicted.max(), actual.max()))
        figure.add_scatter(
            x=[low, high],
            y=[low, high],
            mode="lines",
            name="perfect",
            line={"color": QUIET, "width": 1},
            hoverinfo="skip",
        )
        x, y = _binned(predicted, actual)
        figure.add_scatter(
            x=_significant(x),
            y=_significant(y),
            mode="lines+markers",
            name="root mean square",
            line={"color": REFERENCE, "width": 2},
            marker={"size": 7},
            hovertemplate="predicted %{x}, actual %{y} eV/Å<extra>root mean square</extra>",
        )
    thresholds = {"select": select_above, "stop": stop_above}
    for threshold, value in thresholds.items():
        if value is not None and 0 < value < math.inf:
            figure.add_vline(
                x=value,
                line={"dash": "dash", "width": 1.2},
            )
            # Annotations, unlike lines, are placed by the logarithm on a logarithmic axis.
            figure.add_annotation(
                x=math.log10(value),
                y=0,
                yref="paper",
                text=threshold,
                showarrow=False,
                xanchor="left",
                yanchor="bottom",
            )
    with_legend(figure)
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(type="log", dtick=1)
    caption = (
        f"Each point is one atom of {of}.{_MEANINGS if any(thresholds.values()) else ''}"
        f"{thinning_note(len(predicted))}"
    )
    return draw(name, figure, "Actual against predicted force errors", caption, kind="middling")


def _binned(predicted: Array, actual: Array) -> tuple[Array, Array]:
    """Root mean squares of both in bins of equally many atoms, by the predicted error."""
    order = np.argsort(predicted, kind="stable")
    bins = [each for each in np.array_split(order, min(_BINS, max(1, len(order) // 5))) if len(each)]
    return tuple(  # type: ignore[return-value]
        np.array([np.sqrt(np.mean(values[each] ** 2)) for each in bins]) for values in (predicted, actual)
    )


def _significant(values: Array) -> list[float]:
    return [float(f"{value:.4g}") for value in values]
