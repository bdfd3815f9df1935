"""What motion tells about energy, volume and melting, potential beside reference."""

from __future__ import annotations

import numpy as np

from forgefield.properties.energy_conservation import EnergyConservation
from forgefield.properties.melting import Melting
from forgefield.properties.thermal_expansion_md import ThermalExpansionByMotion
from forgefield.report.figures_curves import curve, methods, stacked
from forgefield.report.figures_style import draw, faint, new_figure, rounded, thinned, with_legend
from forgefield.report.html import Html
from forgefield.report.wording import number


def energy_conservation_plot(
    potential: EnergyConservation | None, reference: EnergyConservation | None, reference_name: str
) -> Html:
    """Total energy of a free motion, and the straight line whose slope is the drift."""
    figure = new_figure("time, ps", "total energy − its mean, meV/atom", height=320)
    slopes = []
    for found, name, colour in methods(potential, reference, reference_name):
        some = thinned(len(found.times))
        figure.add_scatter(
            x=rounded(found.times[some], 4),
            y=rounded(found.energies[some], 5),
            mode="lines",
            name=name,
            legendgroup=name,
            line={"color": faint(colour, 0.5), "width": 1},
            hovertemplate="%{x} ps: %{y} meV/atom<extra>" + name + "</extra>",
        )
        ends = found.times[[0, -1]]
        figure.add_scatter(
            x=rounded(ends, 4),
            y=rounded(found.drift * (ends - found.times.mean()), 5),
            mode="lines",
            legendgroup=name,
            showlegend=False,
            line={"color": colour, "width": 2},
            hoverinfo="skip",
        )
        drift = f"{number(found.drift, '', 2)} ± {number(found.drift_error, 'meV/atom/ps', 1)}"
        slopes.append(f"{name} {drift} with {found.timestep:g} fs at {found.temperature:.0f} K")
    with_legend(figure)
    caption = f"Drift: {'; '.join(slopes)}."
    return draw("energy-conservation", figure, "Energy of a free motion", caption, kind="middling")


def thermal_expansion_plot(
    potential: ThermalExpansionByMotion | None,
    reference: ThermalExpansionByMotion | None,
    reference_name: str,
) -> Html:
    """Mean volumes with their errors, and the parabola through them."""
    figure = new_figure("temperature, K", "volume, Å³/atom", height=320)
    for found, name, colour in methods(potential, reference, reference_name):
        figure.add_scatter(
            x=rounded(found.temperatures, 2),
            y=rounded(found.volumes, 5),
            error_y={"type": "data", "array": rounded(found.volume_errors, 5), "color": colour},
            mode="markers",
            name=name,
            legendgroup=name,
            marker={"size": 7, "color": colour},
            hovertemplate="%{x} K: %{y} Å³/atom<extra>" + name + "</extra>",
        )
        if len(found.coefficients):
            grid = np.linspace(found.temperatures[0], found.temperatures[-1], 60)
            figure.add_scatter(
                x=rounded(grid, 2),
                y=rounded(np.polyval(found.coefficients, grid), 5),
                mode="lines",
                legendgroup=name,
                showlegend=False,
                line={"color": colour, "width": 1.5},
                hoverinfo="skip",
            )
    with_legend(figure)
    caption = "Bars are one standard error. Nuclei move classically."
    return draw("thermal-expansion-md", figure, "Volume and temperature by motion", caption, kind="middling")


def melting_plot(potential: Melting | None, reference: Melting | None, reference_name: str) -> Html:
    """Temperature and crystalline share of a cold start and a hot one, which have to meet."""
    figure = stacked(("temperature, K", "crystalline share"), "time, ps")
    results = []
    for found, name, colour in methods(potential, reference, reference_name):
        some = thinned(len(found.times))
        for start in range(2):
            for row, series in enumerate((found.temperatures, found.shares), start=1):
                shade = faint(colour, 0.55) if start == 0 else colour
                label = f"{name}, {('cold', 'hot')[start]} start"
                curve(figure, row, found.times[some], series[start][some], None, label, shade)
        figure.add_hline(found.temperature, line={"color": colour, "width": 1, "dash": "dot"}, row=1, col=1)
        melts = f"{found.temperature:.0f} ± {found.error:.0f} K"
        results.append(f"{name} {melts} with {found.n_atoms} atoms")
    figure.update_yaxes(rangemode="normal", row=1, col=1)
    figure.update_yaxes(range=[0, 1], row=2, col=1)
    with_legend(figure)
    caption = f"Melting temperature, from the second halves: {'; '.join(results)}."
    return draw("melting", figure, "A crystal beside its melt", caption, kind="middling")
