"""Cells, energies of crystals, surfaces and defects, and dimers, potential beside reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from forgefield.properties.dimer_curve import DimerCurves
from forgefield.properties.point_defects import PointDefects
from forgefield.properties.quantities import Finding, Quantity
from forgefield.properties.stacking_fault import StackingFaults
from forgefield.properties.surface_energy import SurfaceEnergies
from forgefield.report.figures_curves import methods
from forgefield.report.figures_style import draw, new_figure, rounded, with_legend
from forgefield.report.html import Html

if TYPE_CHECKING:
    import plotly.graph_objects as go

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SYMBOLS = ("circle-open", "square-open", "diamond-open", "triangle-up-open", "cross-open", "x-open")


def quantity_plot(
    identifier: str, title: str, axis: str, unit: str
) -> Callable[[Finding | None, Finding | None, str], Html]:
    """A plot of all numbers of one unit, as pairs of bars."""

    def plot(potential: Finding | None, reference: Finding | None, reference_name: str) -> Html:
        figure = new_figure("", f"{axis}, {unit}", height=320, barmode="group", bargap=0.35)
        for result, name, colour in methods(potential, reference, reference_name):
            _bars(figure, [each for each in result.quantities if each.unit == unit], name, colour)
        return draw(identifier, figure, title, kind="narrow")

    return plot


relaxed_structure_plot = quantity_plot("relaxed-structure", "Lattice parameters at rest", "length", "Å")
cohesive_energy_plot = quantity_plot("cohesive-energy", "Crystal against free atoms", "energy", "eV/atom")
exfoliation_plot = quantity_plot("exfoliation", "A layer taken off", "energy", "meV/atom")


def surface_energy_plot(
    potential: SurfaceEnergies | None, reference: SurfaceEnergies | None, reference_name: str
) -> Html:
    """Energy of each surface, relaxed where it was, as pairs of bars with standard errors."""
    figure = new_figure("", "surface energy, J/m²", height=320, barmode="group", bargap=0.35)
    for result, name, colour in methods(potential, reference, reference_name):
        best = [
            Quantity(surface.name, surface.ideal, "J/m²", surface.ideal_error)
            if surface.relaxed is None
            else Quantity(surface.name, surface.relaxed, "J/m²", surface.relaxed_error)
            for surface in result.surfaces
        ]
        _bars(figure, best, name, colour)
    caption = "Relaxed where relaxations were asked for. Lines are standard errors of the fit through all thicknesses."
    return draw("surface-energies", figure, "Surface energies", caption, kind="middling")


def point_defects_plot(
    potential: PointDefects | None, reference: PointDefects | None, reference_name: str
) -> Html:
    """Formation energy of each defect under each condition, and of combinations, as pairs of bars."""
    figure = new_figure("", "formation energy, eV", height=360, barmode="group", bargap=0.35)
    for result, name, colour in methods(potential, reference, reference_name):
        energies = [
            Quantity(
                f"{defect.name}, {condition.name}" if condition.name else defect.name,
                condition.formation(defect, defect.energy),
                "eV",
            )
            for condition in result.conditions
            for defect in result.defects
        ]
        energies += [Quantity(f"{each.name}, per defect", each.energy, "eV") for each in result.reactions]
        _bars(figure, energies, name, colour)
    return draw("point-defects", figure, "Formation energies of point defects")


def stacking_fault_plot(
    potential: StackingFaults | None, reference: StackingFaults | None, reference_name: str
) -> Html:
    """γ-lines: points computed and a smooth curve through them."""
    figure = new_figure("slip, periods of the lattice", "stacking fault energy, J/m²", height=340)
    grid = np.linspace(0, 1, 121)
    for result, name, colour in methods(potential, reference, reference_name):
        for place, line in enumerate(result.lines):
            kind = place % len(_DASHES)
            label = f"{name}, {line.name}"
            figure.add_scatter(
                x=rounded(grid, 4),
                y=rounded(line.energy_at(grid), 5),
                mode="lines",
                name=label,
                legendgroup=label,
                line={"color": colour, "width": 1.5, "dash": _DASHES[kind]},
                hoverinfo="skip",
            )
            figure.add_scatter(
                x=rounded(line.slips, 4),
                y=rounded(line.energies, 5),
                mode="markers",
                name=label,
                legendgroup=label,
                showlegend=False,
                marker={"size": 7, "symbol": _SYMBOLS[kind], "color": colour, "line": {"width": 1.5}},
                hovertemplate="%{x}: %{y} J/m²<extra>" + label + "</extra>",
            )
    with_legend(figure)
    caption = "Energy above the perfect crystal while one half of it slips over the other."
    return draw("stacking-faults", figure, "Generalised stacking fault energy", caption, kind="middling")


def dimer_plot(potential: DimerCurves | None, reference: DimerCurves | None, reference_name: str) -> Html:
    """Energy of two atoms against their distance, with the wall of the repulsion cut off."""
    figure = new_figure("distance, Å", "energy above free atoms, eV", height=360)
    deepest = 0.0
    for result, name, colour in methods(potential, reference, reference_name):
        for place, curve in enumerate(result.curves):
            kind = place % len(_DASHES)
            label = f"{name}, {curve.name}"
            is_reference = result is reference
            figure.add_scatter(
                x=rounded(curve.distances, 3),
                y=rounded(curve.energies, 4),
                mode="markers" if is_reference else "lines",
                name=label,
                line={"color": colour, "width": 1.8, "dash": _DASHES[kind]},
                marker={"size": 6, "symbol": _SYMBOLS[kind], "color": colour, "line": {"width": 1.5}},
                hovertemplate="%{x} Å: %{y} eV<extra>" + label + "</extra>",
            )
            if curve.bond is not None:
                deepest = max(deepest, curve.bond[1])
    # Of a wall of thousands of eV only its foot can be compared.
    reach = max(deepest, 1.0)
    figure.update_yaxes(range=[-1.3 * reach, 3 * reach])
    with_legend(figure)
    caption = "A potential should rise all the way from its minimum to the shortest distance."
    return draw("dimer-curves", figure, "Two atoms alone", caption, kind="middling")


def _bars(figure: go.Figure, quantities: Sequence[Quantity], name: str, colour: str) -> None:
    errors = [0.0 if quantity.error is None else quantity.error for quantity in quantities]
    figure.add_bar(
        x=[quantity.name for quantity in quantities],
        y=rounded([quantity.value for quantity in quantities], 4),
        error_y={"type": "data", "array": rounded(errors, 4), "visible": any(errors), "thickness": 1},
        text=[f"{quantity.value:.2f}" for quantity in quantities],
        textposition="outside",
        cliponaxis=False,
        name=name,
        marker={"color": colour},
        hovertemplate="%{x}: %{y} " + (quantities[0].unit if quantities else "") + f"<extra>{name}</extra>",
    )
    with_legend(figure)
