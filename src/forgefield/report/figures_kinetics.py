"""Migration of atoms, potential beside reference."""

from __future__ import annotations

import numpy as np

from forgefield.properties.energy_profile import EnergyProfile
from forgefield.report.figures_style import (
    POTENTIAL,
    REFERENCE,
    anchor,
    draw,
    new_figure,
    rounded,
    with_legend,
)
from forgefield.report.html import Html
from forgefield.report.wording import number


def path_plot(
    potential: EnergyProfile | None, reference: EnergyProfile | None, reference_name: str, hop: str = ""
) -> Html:
    """Energy above the first end along a path: the potential's curve through its images, the reference as dots.

    Args:
        potential: along its own path.
        reference: on the same images, or along a path of its own.
        reference_name: what the reference is called.
        hop: name of the hop, for the title and to tell figures apart.
    """
    figure = new_figure("way along the path, Å", "energy above the first end, eV", height=360)
    if reference is not None:
        figure.add_scatter(
            x=rounded(reference.lengths, 3),
            y=rounded(reference.energies, 4),
            mode="markers",
            name=reference_name,
            marker={"size": 9, "color": REFERENCE},
            hovertemplate="%{x} Å: %{y} eV<extra>" + reference_name + "</extra>",
        )
    if potential is not None:
        grid = np.linspace(potential.lengths[0], potential.lengths[-1], 120)
        figure.add_scatter(
            x=rounded(grid, 3),
            y=rounded(potential.energy_at(grid), 4),
            mode="lines",
            name="potential",
            legendgroup="potential",
            line={"color": POTENTIAL, "width": 1.5},
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=rounded(potential.lengths, 3),
            y=rounded(potential.energies, 4),
            mode="markers",
            name="potential",
            legendgroup="potential",
            showlegend=False,
            marker={"size": 8, "symbol": "x-thin-open", "color": POTENTIAL, "line": {"width": 2}},
            hovertemplate="%{x} Å: %{y} eV<extra>potential</extra>",
        )
    barriers = [
        f"{name} {number(profile.forward, 'eV', 3)}"
        for name, profile in (("potential", potential), (reference_name, reference))
        if profile is not None
    ]
    caption = "Images are computed, the curve has their energies and forces."
    if barriers:
        caption += f" Barriers: {', '.join(barriers)}."
    with_legend(figure)
    title = f"Energy along the path: {hop}" if hop else "Energy along the path"
    return draw(anchor("path", hop), figure, title, caption, kind="middling")
