"""Properties of the crystal, potential beside reference."""

from __future__ import annotations

import numpy as np

from forgefield.properties.elasticity import Elasticity
from forgefield.properties.equation_of_state import EquationOfState
from forgefield.properties.phonons import BandStructure, Phonons
from forgefield.properties.target_set import PropertySet
from forgefield.report.figures_style import (
    POTENTIAL,
    REFERENCE,
    REFERENCE_BAND,
    apply_style,
    draw,
    new_figure,
    rounded,
    with_legend,
)
from forgefield.report.html import Html
from forgefield.report.wording import number


def equation_of_state_plot(
    potential: EquationOfState | None, reference: EquationOfState | None, reference_name: str
) -> Html:
    """Energy above each method's own minimum against volume: points computed, curves fitted."""
    figure = new_figure("volume, Å³/atom", "energy above the minimum, meV/atom", height=360)
    for eos, name, colour, line, width, symbol in (
        (reference, reference_name, REFERENCE, REFERENCE_BAND, 5.0, "circle-open"),
        (potential, "potential", POTENTIAL, POTENTIAL, 1.5, "x-thin-open"),
    ):
        if eos is None:
            continue
        grid = np.linspace(eos.volumes.min(), eos.volumes.max(), 80)
        figure.add_scatter(
            x=rounded(grid, 4),
            y=rounded(1000 * (eos.energy_at(grid) - eos.energy), 3),
            mode="lines",
            name=name,
            legendgroup=name,
            line={"color": line, "width": width},
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=rounded(eos.volumes, 4),
            y=rounded(1000 * (eos.energies - eos.energy), 3),
            mode="markers",
            name=name,
            legendgroup=name,
            showlegend=False,
            marker={"size": 8, "symbol": symbol, "color": colour, "line": {"width": 2}},
            hovertemplate="%{x} Å³/atom: %{y} meV/atom<extra>" + name + "</extra>",
        )
    caption = "Points are computed, curves are third-order Birch–Murnaghan fits."
    if potential is not None and reference is not None:
        offset = 1000 * (potential.energy - reference.energy)
        where = "above" if offset >= 0 else "below"
        caption += f" The potential's minimum lies {number(abs(offset), 'meV/atom', 3)} {where} the other."
    with_legend(figure)
    return draw("equation-of-state", figure, "Energy against volume", caption, kind="middling")


def phases_plot(potential: PropertySet, reference: PropertySet, reference_name: str) -> Html:
    """Energy–volume curves of all crystals, above each method's own minimum of the target crystal."""
    figure = new_figure("volume, Å³/atom", "energy above the target crystal, meV/atom", height=400)
    for found, name, colour, width in (
        (reference, reference_name, REFERENCE_BAND, 5.0),
        (potential, "potential", POTENTIAL, 1.5),
    ):
        if found.eos is None:
            continue
        curves = [("target crystal", found.eos), *((phase.name, phase.eos) for phase in found.phases)]
        for place, (title, eos) in enumerate(curves):
            if eos is None:
                continue
            grid = np.linspace(eos.volumes.min(), eos.volumes.max(), 60)
            figure.add_scatter(
                x=rounded(grid, 4),
                y=rounded(1000 * (eos.energy_at(grid) - found.eos.energy), 3),
                mode="lines",
                name=name,
                legendgroup=name,
                showlegend=place == 0,
                line={"color": colour, "width": width},
                hovertemplate="%{x} Å³/atom: %{y} meV/atom<extra>" + f"{title}, {name}</extra>",
            )
            if found is reference:
                figure.add_annotation(
                    x=eos.volume,
                    y=1000 * (eos.energy - found.eos.energy),
                    text=title,
                    showarrow=False,
                    yshift=-14,
                )
    with_legend(figure)
    return draw("phases", figure, "Crystals beside each other", "", kind="middling")


def phonon_plot(potential: Phonons | None, reference: Phonons | None, reference_name: str) -> Html:
    """Phonon bands and, beside them, the densities of states."""
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, column_widths=[0.76, 0.24], horizontal_spacing=0.03
    )
    apply_style(figure, 430)
    for phonons, name, colour, width in (
        (reference, reference_name, REFERENCE_BAND, 5.0),
        (potential, "potential", POTENTIAL, 1.5),
    ):
        if phonons is None:
            continue
        x, y = _lines(phonons.bands)
        line = {"color": colour, "width": width}
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            name=name,
            legendgroup=name,
            line=line,
            hovertemplate="%{y} THz",
            row=1,
            col=1,
        )
        if phonons.dos is not None:
            figure.add_scatter(
                x=rounded(phonons.dos.density, 4),
                y=rounded(phonons.dos.frequencies, 4),
                mode="lines",
                name=name,
                legendgroup=name,
                showlegend=False,
                line=line,
                hovertemplate="%{y} THz",
                row=1,
                col=2,
            )
    some = reference or potential
    if some is not None:
        places, labels = _symmetry_points(some.bands)
        figure.update_xaxes(
            tickvals=places, ticktext=labels, range=[0, 1], showgrid=True, gridwidth=1.2, row=1, col=1
        )
    densities = [phonons.dos.density.max() for phonons in (reference, potential) if phonons and phonons.dos]
    highest = 1.05 * float(max(densities, default=1.0))
    figure.update_xaxes(title_text="DOS, states/THz", range=[0, highest], nticks=4, row=1, col=2)
    figure.update_yaxes(zeroline=True, zerolinewidth=1)
    figure.update_yaxes(title_text="frequency, THz", row=1, col=1)
    caption = "Imaginary modes are drawn at negative frequencies."
    with_legend(figure)
    return draw("phonon-bands", figure, "Phonon bands and density of states", caption)


def elastic_plot(potential: Elasticity | None, reference: Elasticity | None, reference_name: str) -> Html:
    """Independent elastic constants as pairs of bars."""
    figure = new_figure("", "GPa", height=300, barmode="group", bargap=0.35)
    for elasticity, name, colour in (
        (reference, reference_name, REFERENCE),
        (potential, "potential", POTENTIAL),
    ):
        if elasticity is None:
            continue
        values = [constant.value for constant in elasticity.constants]
        figure.add_bar(
            x=[constant.name for constant in elasticity.constants],
            y=rounded(values, 2),
            text=[f"{value:.0f}" for value in values],
            textposition="outside",
            cliponaxis=False,
            name=name,
            marker={"color": colour},
            hovertemplate="%{x} = %{y} GPa<extra>" + name + "</extra>",
        )
    with_legend(figure)
    return draw("elastic-constants", figure, "Independent elastic constants", kind="narrow")


def _lines(bands: BandStructure) -> tuple[list[float | None], list[float | None]]:
    """All bands as one line with gaps where the path ends or jumps."""
    x: list[float | None] = []
    y: list[float | None] = []
    for segment in bands.segments:
        distances = rounded(bands.distances[segment.start : segment.stop], 4)
        for branch in bands.frequencies[segment.start : segment.stop].T:
            x += [*distances, None]
            y += [*rounded(branch, 3), None]
    return x, y


def _symmetry_points(bands: BandStructure) -> tuple[list[float], list[str]]:
    """Places and names of the symmetry points; two names share a place where the path jumps."""
    names: dict[float, list[str]] = {}
    for segment in bands.segments:
        for index, label in ((segment.start, segment.start_label), (segment.stop - 1, segment.end_label)):
            here = names.setdefault(round(float(bands.distances[index]), 4), [])
            if label not in here:
                here.append(label)
    return list(names), ["|".join(labels) for labels in names.values()]
