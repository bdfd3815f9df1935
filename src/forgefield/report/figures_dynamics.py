"""Structure and motion of the atoms at a temperature, potential beside reference."""

from __future__ import annotations

import numpy as np

from forgefield.properties.angular_distribution import AngularDistribution
from forgefield.properties.arrhenius import Arrhenius
from forgefield.properties.diffusion import Diffusion
from forgefield.properties.phonons import Phonons
from forgefield.properties.radial_distribution import RadialDistribution
from forgefield.properties.vibrational_spectrum import VibrationalSpectrum
from forgefield.report.figures_curves import curve, distinct, methods, stacked
from forgefield.report.figures_style import POTENTIAL, QUIET, anchor, draw, new_figure, rounded, with_legend
from forgefield.report.html import Html
from forgefield.report.wording import number


def radial_plot(
    potential: RadialDistribution | None, reference: RadialDistribution | None, reference_name: str
) -> Html:
    """g(r) of every pair of species, one above the other."""
    names = distinct(pair.name for each in (potential, reference) if each is not None for pair in each.pairs)
    figure = stacked(names, "distance, Å")
    for row, name in enumerate(names, start=1):
        for result, title, colour in methods(potential, reference, reference_name):
            for pair in (each for each in result.pairs if each.name == name):
                curve(figure, row, result.distances, pair.density, pair.errors, title, colour)
                if pair.shell is not None and colour == POTENTIAL:
                    figure.add_vline(
                        x=pair.shell.minimum, line={"color": QUIET, "dash": "dot"}, row=row, col=1
                    )
    caption = "Partial radial distribution functions g(r). Bands are one standard error; a dotted line is where the "
    caption += "potential's first shell ends."
    with_legend(figure)
    return draw("radial-distribution", figure, "Distances between atoms", caption, kind="middling")


def angular_plot(
    potential: AngularDistribution | None, reference: AngularDistribution | None, reference_name: str
) -> Html:
    """Distribution of every kind of bond angle, one above the other."""
    sides = [each for each in (potential, reference) if each is not None]
    names = distinct(triplet.name for each in sides for triplet in each.triplets)
    figure = stacked(names, "bond angle, °")
    for row, name in enumerate(names, start=1):
        for result, title, colour in methods(potential, reference, reference_name):
            for triplet in (each for each in result.triplets if each.name == name):
                curve(figure, row, result.angles, triplet.density, triplet.errors, title, colour)
    caption = (
        "Share per degree; the atom in the middle of a name is the centre. Bands are one standard error."
    )
    with_legend(figure)
    return draw("angular-distribution", figure, "Angles between bonds", caption, kind="middling")


def diffusion_plot(potential: Diffusion | None, reference: Diffusion | None, reference_name: str) -> Html:
    """Mean square displacement of every species, one above the other."""
    sides = [each for each in (potential, reference) if each is not None]
    names = distinct(one.species for each in sides for one in each.species)
    figure = stacked(names, "time, ps")
    captions = []
    for row, name in enumerate(names, start=1):
        for result, title, colour in methods(potential, reference, reference_name):
            for each in (each for each in result.species if each.species == name):
                curve(figure, row, result.times, each.displacements, None, title, colour)
                value = f"{number(each.coefficient, '', 3)} ± {number(each.error, 'Å²/ps', 2)}"
                if each.upper_bound is not None:
                    value = f"below {number(each.upper_bound, 'Å²/ps', 2)}"
                captions.append(f"{name}, {title}: {value}")
    fitted = " and ".join(dict.fromkeys(f"{each.fitted[0]:g}–{each.fitted[1]:g} ps" for each in sides))
    caption = f"Mean square displacements in Å². Diffusion coefficients from {fitted}. {'; '.join(captions)}."
    with_legend(figure)
    return draw("diffusion", figure, "Mean square displacements", caption, kind="middling")


def arrhenius_plot(potential: Arrhenius | None, reference: Arrhenius | None, reference_name: str) -> Html:
    """A rate against the inverse temperature: points with errors, and the fitted line."""
    some = potential or reference
    label = ", ".join(part for part in (some.name, some.unit) if part) if some is not None else ""
    figure = new_figure("1000/T, 1/K", label, height=360)
    energies = []
    for found, title, colour in methods(potential, reference, reference_name):
        grid = np.linspace(1 / found.temperatures.max(), 1 / found.temperatures.min(), 40)
        figure.add_scatter(
            x=rounded(1000 / found.temperatures, 4),
            y=[float(value) for value in found.values],
            error_y={"type": "data", "array": [float(error) for error in found.errors], "color": colour},
            mode="markers",
            name=title,
            legendgroup=title,
            marker={"size": 8, "color": colour},
            hovertemplate="%{y:.3g}<extra>" + title + "</extra>",
        )
        figure.add_scatter(
            x=rounded(1000 * grid, 4),
            y=[found.at(1 / inverse).value for inverse in grid],
            mode="lines",
            name=title,
            legendgroup=title,
            showlegend=False,
            line={"color": colour, "width": 1.5},
            hoverinfo="skip",
        )
        energy = (
            f"{number(found.activation_energy, '', 3)} ± {number(found.activation_energy_error, 'eV', 2)}"
        )
        energies.append(f"{title} {energy}")
    figure.update_yaxes(type="log")
    with_legend(figure)
    caption = f"Activation energies: {', '.join(energies)}."
    identifier = anchor("arrhenius", "" if some is None else some.name)
    return draw(identifier, figure, "Rates against temperature", caption, kind="middling")


def spectrum_plot(
    potential: VibrationalSpectrum | None,
    reference: VibrationalSpectrum | None,
    reference_name: str,
    harmonic: Phonons | None = None,
) -> Html:
    """Vibrational density of states from motion and, if given, that of the potential's phonons."""
    figure = stacked([""], "frequency, THz")
    for result, title, colour in methods(potential, reference, reference_name):
        curve(figure, 1, result.frequencies, result.density, result.errors, title, colour)
        # Up to the Nyquist frequency there is mostly nothing.
        share = np.cumsum(result.density) / result.density.sum()
        figure.update_xaxes(range=[0, 1.15 * float(result.frequencies[np.searchsorted(share, 0.99)])])
    if harmonic is not None and harmonic.dos is not None:
        modes = harmonic.frequencies.shape[1]
        curve(figure, 1, harmonic.dos.frequencies, harmonic.dos.density * 3 / modes, None, "phonons", QUIET)
    some = potential or reference
    width = f" Lines are widened to {some.resolution:.2g} THz." if some is not None else ""
    with_legend(figure)
    caption = f"States per THz and atom, from velocities; bands are one standard error.{width}"
    return draw("vibrational-spectrum", figure, "Vibrational density of states", caption, kind="middling")
