"""Parity plots and the learning curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forgefield.atoms.records import Array
from forgefield.properties.errors import ErrorStatistics
from forgefield.report.figures_style import (
    POTENTIAL,
    QUIET,
    draw,
    faint,
    new_figure,
    rounded,
    thinned,
    thinning_note,
)
from forgefield.report.html import Html, element
from forgefield.report.wording import number


def parity_plots(errors: ErrorStatistics, reference: str, of: str = "") -> Html:
    """Predicted against reference values of energies, forces and stresses.

    Args:
        errors: with the values.
        reference: what the reference is called.
        of: name of the set of structures, where a page shows several.
    """
    plots = [
        _parity(
            "energy",
            errors.reference_energies,
            errors.predicted_energies,
            "eV/atom",
            (errors.energy_mae, errors.energy_rmse, "meV/atom"),
            reference,
            of,
        ),
        _parity(
            "force",
            errors.reference_forces,
            errors.predicted_forces,
            "eV/Å",
            (errors.force_mae, errors.force_rmse, "eV/Å"),
            reference,
            of,
        ),
    ]
    if errors.stress_mae is not None:
        plots.append(
            _parity(
                "stress",
                errors.reference_stresses,
                errors.predicted_stresses,
                "GPa",
                (errors.stress_mae, errors.stress_rmse, "GPa"),
                reference,
                of,
            )
        )
    return element("div", plots, class_="triple")


@dataclass(frozen=True)
class LearningPoint:
    """Errors of one cycle's potential on the held-out configurations.

    Attributes:
        cycle: its number.
        calculations: reference calculations spent so far.
        energy_mae: meV/atom.
        force_mae: eV/Å.
    """

    cycle: int
    calculations: int
    energy_mae: float
    force_mae: float


def learning_curves(
    points: Sequence[LearningPoint], energy_target: float | None, force_target: float | None, reference: str
) -> Html:
    """Errors against the number of reference calculations, with the targets."""
    spent = [point.calculations for point in points]
    cycles = [f"cycle {point.cycle}" for point in points]
    panels = (
        ("energy", [point.energy_mae for point in points], "meV/atom", energy_target),
        ("force", [point.force_mae for point in points], "eV/Å", force_target),
    )
    return element(
        "div",
        [
            _learning_curve(name, spent, cycles, values, unit, target, reference)
            for name, values, unit, target in panels
        ],
        class_="pair",
    )


def _parity(
    name: str,
    reference: Array,
    predicted: Array,
    unit: str,
    errors: tuple[float | None, float | None, str],
    reference_name: str,
    of: str,
) -> Html:
    mae, rmse, error_unit = errors
    title = f"{name.capitalize()}: MAE {number(mae, digits=3)}, RMSE {number(rmse, error_unit, digits=3)}"
    figure = new_figure(f"{reference_name}, {unit}", f"potential, {unit}", height=310)
    finite = np.concatenate([reference, predicted])
    finite = finite[np.isfinite(finite)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.01
    low, high = low - margin, high + margin
    figure.add_scatter(
        x=[low, high], y=[low, high], mode="lines", line={"color": QUIET, "width": 1}, hoverinfo="skip"
    )
    shown = thinned(len(reference))
    decimals = 5 if name == "energy" else 4
    size = 6 if len(reference) < 300 else 4
    figure.add_scatter(
        x=rounded(reference[shown], decimals),
        y=rounded(predicted[shown], decimals),
        mode="markers",
        marker={"size": size, "color": faint(POTENTIAL, 0.55)},
        hovertemplate=f"{reference_name} %{{x}}<br>potential %{{y}} {unit}<extra></extra>",
    )
    figure.update_xaxes(range=[low, high], nticks=5)
    figure.update_yaxes(range=[low, high], nticks=5)
    return draw(f"parity-{name}{of and '-'}{of}", figure, title, thinning_note(len(reference)).strip())


def _learning_curve(
    name: str,
    spent: Sequence[int],
    cycles: Sequence[str],
    values: Sequence[float],
    unit: str,
    target: float | None,
    reference: str,
) -> Html:
    figure = new_figure(f"{reference} calculations", unit, height=290)
    figure.add_scatter(
        x=list(spent),
        y=rounded(values, 5),
        text=list(cycles),
        mode="lines+markers",
        line={"color": POTENTIAL, "width": 2},
        marker={"size": 8},
        hovertemplate=f"%{{text}}: %{{y}} {unit} after %{{x}} calculations<extra></extra>",
    )
    if target is not None:
        figure.add_hline(
            y=target,
            line={"dash": "dash", "width": 1.5},
            annotation_text=f"target {target:g}",
            annotation_position="top left",
        )
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(rangemode="tozero")
    finite = [value for value in (*values, target) if value is not None and np.isfinite(value)]
    figure.update_yaxes(range=[0, 1.15 * max(finite, default=1.0)])
    return draw(f"learning-{name}", figure, f"{name.capitalize()} MAE on the held-out configurations")
