"""Heat in the vibrations of a crystal, and how it flows; potential beside reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import units

from forgefield.atoms.records import Array
from forgefield.properties.grueneisen import Grueneisen
from forgefield.properties.quasiharmonic import Quasiharmonic
from forgefield.properties.thermal_conductivity_record import ThermalConductivity
from forgefield.properties.thermal_conductivity_strain import ConductivityAgainstStrain
from forgefield.properties.thermal_properties import ThermalProperties
from forgefield.report.figures_style import (
    POTENTIAL,
    REFERENCE,
    apply_style,
    draw,
    new_figure,
    rounded,
    thinned,
    thinning_note,
    with_legend,
)
from forgefield.report.html import Html

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MOLAR = units.mol / units.J
"""J/mol in an eV per atom."""
_POTENTIAL = "potential"


def thermal_properties_plot(
    potential: ThermalProperties | None, reference: ThermalProperties | None, reference_name: str
) -> Html:
    """Heat capacity, entropy and free energy against temperature."""
    figure = _panels(("heat capacity C_V, J/(mol K)", "entropy, J/(mol K)", "free energy, meV/atom"))
    for found, name in ((reference, reference_name), (potential, _POTENTIAL)):
        if found is None:
            continue
        curves = (_MOLAR * found.heat_capacity, _MOLAR * found.entropy, 1000 * found.free_energy)
        for column, values in enumerate(curves, start=1):
            _curve(figure, found.temperatures, values, name, (1, column), 3)
    with_legend(figure)
    return draw(
        "thermal-properties",
        figure,
        "Thermal properties of the vibrations",
        "Harmonic, at the volume of the phonons, per atom.",
    )


def quasiharmonic_plot(
    potential: Quasiharmonic | None, reference: Quasiharmonic | None, reference_name: str
) -> Html:
    """Volume, thermal expansion, heat capacity and bulk modulus against temperature."""
    figure = _panels(
        ("volume, Å³/atom", "expansion α, 10⁻⁶/K", "heat capacity C_P, J/(mol K)", "bulk modulus, GPa"),
        rows=2,
    )
    for found, name in ((reference, reference_name), (potential, _POTENTIAL)):
        if found is None:
            continue
        curves = (found.volume, 1e6 * found.expansion, _MOLAR * found.heat_capacity, found.bulk_modulus)
        for panel, values in zip(((1, 1), (1, 2), (2, 1), (2, 2)), curves, strict=True):
            _curve(figure, found.temperatures, values, name, panel, 4)
    with_legend(figure)
    return draw(
        "quasiharmonic",
        figure,
        "Thermal expansion in the quasi-harmonic approximation",
        "At zero pressure; α is that of the volume.",
    )


def grueneisen_plot(potential: Grueneisen | None, reference: Grueneisen | None, reference_name: str) -> Html:
    """Grüneisen parameter of each mode of the mesh against its frequency."""
    figure = new_figure("frequency, THz", "mode Grüneisen parameter γ", height=360)
    most = 0
    for found, name, colour, symbol in (
        (reference, reference_name, REFERENCE, "circle-open"),
        (potential, _POTENTIAL, POTENTIAL, "x-thin-open"),
    ):
        if found is None:
            continue
        shown = np.isfinite(found.parameters)
        frequencies, parameters = found.frequencies[shown], found.parameters[shown]
        most = max(most, len(parameters))
        some = thinned(len(parameters))
        figure.add_scatter(
            x=rounded(frequencies[some], 3),
            y=rounded(parameters[some], 3),
            mode="markers",
            name=name,
            marker={"size": 5, "symbol": symbol, "color": colour, "line": {"width": 1}},
            hovertemplate="γ = %{y} at %{x} THz<extra>" + name + "</extra>",
        )
    with_legend(figure)
    caption = "Each point is a mode at an irreducible q-point." + thinning_note(most)
    return draw("grueneisen", figure, "Mode Grüneisen parameters", caption, kind="middling")


def thermal_conductivity_plot(
    potential: ThermalConductivity | None, reference: ThermalConductivity | None, reference_name: str
) -> Html:
    """κ against temperature by both solutions, against the mesh, and by the mean free paths that carry it."""
    figure = _panels(
        ("κ, W/(m K)", "κ, W/(m K)", "share of κ"), x=("temperature, K", "", "mean free path, nm")
    )
    captions = []
    for found, name in ((reference, reference_name), (potential, _POTENTIAL)):
        if found is None:
            continue
        order = np.argsort(found.temperatures)
        _curve(
            figure,
            found.temperatures[order],
            _mean(found.conductivity)[order],
            name,
            (1, 1),
            2,
            error_y={
                "type": "data",
                "array": rounded(_mean(found.error)[order], 3),
                "thickness": 1,
                "width": 3,
            },
        )
        if found.meshes[-1].direct is not None:
            approximate = _mean(found.meshes[-1].relaxation_time)[order]
            _curve(
                figure,
                found.temperatures[order],
                approximate,
                f"{name}, relaxation time",
                (1, 1),
                2,
                dash="dot",
            )
        middle = int(np.argmin(np.abs(found.temperatures - 300)))
        # The limit of an infinitely fine mesh stands at zero, where the line through the two finest ends.
        spacings = [mesh.spacing for mesh in found.meshes]
        values = [_mean(mesh.best)[middle] for mesh in found.meshes]
        if len(found.meshes) > 1:
            spacings, values = [*spacings, 0.0], [*values, _mean(found.conductivity)[middle]]
        _curve(figure, np.array(spacings), np.array(values), name, (1, 2), 2, mode="lines+markers")
        _curve(
            figure, found.carriers.mean_free_paths / 10, found.carriers.within_path[middle], name, (1, 3), 4
        )
        scattering = "with" if found.isotopes else "without"
        captions.append(
            f"{name[:1].upper() + name[1:]}: {found.statistics} statistics, {scattering} isotopes; middle and right "
            f"at {found.temperatures[middle]:g} K."
        )
    figure.update_xaxes(type="log", row=1, col=1)
    figure.update_yaxes(type="log", row=1, col=1)
    figure.update_xaxes(title_text="spacing of q-points, 1/n", rangemode="tozero", row=1, col=2)
    figure.update_xaxes(type="log", row=1, col=3)
    with_legend(figure)
    captions.append("Left: bars reach from the limit of fine meshes to the finest mesh computed.")
    return draw("thermal-conductivity", figure, "Lattice thermal conductivity", " ".join(captions))


def conductivity_strain_plot(
    potential: ConductivityAgainstStrain | None,
    reference: ConductivityAgainstStrain | None,
    reference_name: str,
) -> Html:
    """κ against isotropic strain at each temperature, in units of that without strain or with the least."""
    figure = new_figure("strain of lengths, %", "κ over κ at the smallest strain", height=360)
    for found, name, colour, dash in (
        (reference, reference_name, REFERENCE, "dot"),
        (potential, _POTENTIAL, POTENTIAL, "solid"),
    ):
        if found is None:
            continue
        means = np.array([_mean(result.conductivity) for result in found.results])
        least = int(np.argmin(np.abs(found.strains)))
        for place, temperature in enumerate(found.results[0].temperatures):
            figure.add_scatter(
                x=rounded(100 * found.strains, 4),
                y=rounded(means[:, place] / means[least, place], 4),
                mode="lines+markers",
                name=name,
                legendgroup=name,
                showlegend=place == 0,
                line={"color": colour, "dash": dash, "width": 1.5},
                hovertemplate="%{y} at %{x} %<extra>" + f"{name}, {temperature:g} K</extra>",
            )
    with_legend(figure)
    return draw("conductivity-strain", figure, "Lattice thermal conductivity against strain", kind="middling")


def _mean(tensors: Array) -> Array:
    """Mean of xx, yy and zz."""
    return np.asarray(tensors[..., :3].mean(axis=-1))


def _panels(titles: Sequence[str], rows: int = 1, x: Sequence[str] = ()) -> go.Figure:
    from plotly.subplots import make_subplots

    columns = len(titles) // rows
    figure = make_subplots(rows=rows, cols=columns, horizontal_spacing=0.09, vertical_spacing=0.16)
    apply_style(figure, 340 * rows)
    for place, title in enumerate(titles):
        row, column = divmod(place, columns)
        figure.update_yaxes(title_text=title, row=row + 1, col=column + 1)
        below = x[place] if x else "temperature, K"
        figure.update_xaxes(title_text=below, row=row + 1, col=column + 1)
    return figure


def _curve(
    figure: go.Figure,
    x: Array,
    y: Array,
    name: str,
    panel: tuple[int, int],
    decimals: int,
    mode: str | None = None,
    dash: str = "solid",
    **settings: Any,
) -> None:
    """A curve in the panel of that row and column: dots for a reference, a line for the potential."""
    mine = name.startswith(_POTENTIAL)
    colour = POTENTIAL if mine else REFERENCE
    figure.add_scatter(
        x=rounded(x, 6),
        y=rounded(y, decimals),
        mode=mode or ("lines" if mine or dash != "solid" else "markers"),
        name=name,
        legendgroup=name,
        showlegend=panel == (1, 1),
        line={"color": colour, "width": 1.5, "dash": dash},
        marker={"size": 5, "color": colour},
        hovertemplate="%{y} at %{x}<extra>" + name + "</extra>",
        row=panel[0],
        col=panel[1],
        **settings,
    )
