"""Heat in motion: fluctuations of its current, its flow between two reservoirs, lifetimes of its carriers."""

from __future__ import annotations

import numpy as np

from forgefield.properties.green_kubo_record import GreenKubo
from forgefield.properties.mode_lifetimes_record import ModeLifetimes
from forgefield.properties.nonequilibrium_conductivity_record import NonequilibriumConductivity
from forgefield.report.figures_curves import band, methods
from forgefield.report.figures_style import draw, faint, new_figure, rounded, with_legend
from forgefield.report.html import Html

_DASHES = ("solid", "dash", "dot")


def heat_spectrum_plot(potential: GreenKubo | None, reference: GreenKubo | None, reference_name: str) -> Html:
    """Power spectrum of the heat current, as it is and as few cepstral coefficients have it."""
    figure = new_figure("frequency, THz", "S/(2 V k<sub>B</sub>T²), W/(m K)", height=320)
    for found, name, colour in methods(potential, reference, reference_name):
        for each, dash in zip(found.components, _DASHES, strict=False):
            label = f"{name} {each.direction}".strip()
            figure.add_scatter(
                x=rounded(each.frequencies, 4),
                y=rounded(each.spectrum, 4),
                mode="lines",
                line={"color": faint(colour, 0.35), "width": 1},
                showlegend=False,
                hoverinfo="skip",
            )
            figure.add_scatter(
                x=rounded(each.frequencies, 4),
                y=rounded(each.smooth, 4),
                mode="lines",
                name=label,
                line={"color": colour, "width": 2, "dash": dash},
                hovertemplate="%{x} THz: %{y} W/(m K)<extra>" + label + "</extra>",
            )
            figure.add_scatter(
                x=[0.0],
                y=rounded([each.conductivity], 4),
                mode="markers",
                showlegend=False,
                marker={"color": colour, "size": 7},
                error_y={"type": "data", "array": rounded([each.error], 4), "color": colour},
                hovertemplate="κ = %{y} W/(m K)<extra>" + label + "</extra>",
            )
    figure.update_yaxes(type="log")
    with_legend(figure)
    caption = "The thermal conductivity is the value at frequency zero."
    return draw("heat-spectrum", figure, "Spectrum of the heat current", caption, kind="middling")


def heat_integral_plot(potential: GreenKubo | None, reference: GreenKubo | None, reference_name: str) -> Html:
    """Running integrals of the heat current's autocorrelation, and where cepstral analysis has their end."""
    figure = new_figure("time, ps", "∫ ⟨J(0) J(t)⟩ dt/(V k<sub>B</sub>T²), W/(m K)", height=320)
    for found, name, colour in methods(potential, reference, reference_name):
        for each, dash in zip(found.components, _DASHES, strict=False):
            label = f"{name} {each.direction}".strip()
            band(figure, found.times, each.integral, each.integral_error, colour)
            figure.add_scatter(
                x=rounded(found.times, 4),
                y=rounded(each.integral, 4),
                mode="lines",
                name=label,
                line={"color": colour, "width": 2, "dash": dash},
                hovertemplate="%{x} ps: %{y} W/(m K)<extra>" + label + "</extra>",
            )
            figure.add_hline(each.conductivity, line={"color": colour, "width": 1, "dash": "dot"})
    with_legend(figure)
    caption = "Bands are standard errors over the runs; dotted lines are the results of cepstral analysis."
    return draw(
        "heat-integral", figure, "Running integral of the heat current's correlation", caption, "middling"
    )


def temperature_profile_plot(
    potential: NonequilibriumConductivity | None,
    reference: NonequilibriumConductivity | None,
    reference_name: str,
) -> Html:
    """Temperatures from the hot reservoir's middle to the cold one's in the longest cell."""
    figure = new_figure("distance, nm", "temperature, K", height=320)
    for found, name, colour in methods(potential, reference, reference_name):
        longest = found.lengths[-1]
        inside, nanometres = longest.fitted, longest.places / 10
        figure.add_scatter(
            x=rounded(nanometres, 3),
            y=rounded(longest.temperatures, 2),
            mode="markers",
            name=f"{name}, {longest.length / 10:.3g} nm",
            marker={
                "color": colour,
                "size": 7,
                "symbol": ["circle" if each else "circle-open" for each in inside],
            },
            error_y={"type": "data", "array": rounded(longest.temperature_errors, 2), "color": colour},
            hovertemplate="%{x} nm: %{y} K<extra>" + name + "</extra>",
        )
        centred = longest.places[inside] - longest.places[inside].mean()
        figure.add_scatter(
            x=rounded(nanometres[inside], 3),
            y=rounded(longest.temperatures[inside].mean() + longest.gradient * centred, 2),
            mode="lines",
            showlegend=False,
            line={"color": colour, "width": 1.5},
            hoverinfo="skip",
        )
    with_legend(figure)
    caption = "Filled points belong to the straight line whose slope is the gradient."
    return draw("temperature-profile", figure, "Temperature along an imposed heat flow", caption, "middling")


def conductivity_length_plot(
    potential: NonequilibriumConductivity | None,
    reference: NonequilibriumConductivity | None,
    reference_name: str,
) -> Html:
    """1/κ against 1/L, and the straight line to infinite length."""
    figure = new_figure("1/L, 1/nm", "1/κ, m K/W", height=320)
    for found, name, colour in methods(potential, reference, reference_name):
        inverse = np.array([10.0 / each.length for each in found.lengths])
        values = np.array([1.0 / each.conductivity for each in found.lengths])
        errors = np.array([each.error / each.conductivity**2 for each in found.lengths])
        figure.add_scatter(
            x=rounded(inverse, 5),
            y=rounded(values, 6),
            mode="markers",
            name=name,
            marker={"color": colour, "size": 8},
            error_y={"type": "data", "array": rounded(errors, 6), "color": colour},
            hovertemplate="%{x} 1/nm: %{y} m K/W<extra>" + name + "</extra>",
        )
        if len(found.lengths) > 1:
            ends = np.array([0.0, inverse.max()])
            figure.add_scatter(
                x=rounded(ends, 5),
                y=rounded((1.0 + found.path / 10 * ends) / found.conductivity, 6),
                mode="lines",
                showlegend=False,
                line={"color": colour, "width": 1.5},
                hoverinfo="skip",
            )
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(rangemode="tozero")
    with_legend(figure)
    return draw("conductivity-length", figure, "Conductivity and length", "", kind="narrow")


def mode_lifetimes_plot(
    potential: ModeLifetimes | None, reference: ModeLifetimes | None, reference_name: str
) -> Html:
    """Lifetime of every mode against its frequency."""
    figure = new_figure("frequency, THz", "lifetime, ps", height=320)
    for found, name, colour in methods(potential, reference, reference_name):
        known = found.runs > 1
        figure.add_scatter(
            x=rounded(found.frequencies, 3),
            y=rounded(found.lifetimes, 4),
            mode="markers",
            name=name,
            marker={"color": colour, "size": 6},
            error_y={"type": "data", "array": rounded(found.errors, 4), "color": colour} if known else None,
            hovertemplate="%{x} THz: %{y} ps<extra>" + name + "</extra>",
        )
    figure.update_yaxes(type="log")
    with_legend(figure)
    caption = "Lifetimes of energies in motion; modes that are alike by symmetry share a point."
    return draw("mode-lifetimes", figure, "Lifetimes of the modes", caption, kind="middling")
