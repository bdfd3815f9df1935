"""Figures of structure and motion, from results of real analyses."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk

from forgefield.properties import angular_distribution, diffusion, radial_distribution, vibrational_spectrum
from forgefield.properties.angular_distribution import AngularDistributionSpec
from forgefield.properties.arrhenius import fit_arrhenius
from forgefield.properties.diffusion import DiffusionSpec
from forgefield.properties.production_run import equilibrated_part
from forgefield.properties.radial_distribution import RadialDistributionSpec
from forgefield.properties.trajectory_frames import from_frames
from forgefield.properties.vibrational_spectrum import VibrationalSpectrumSpec
from forgefield.report import figures_dynamics

from .page_reader import PageReader


def trajectory(amplitude, seed):
    """Fluorite whose atoms jump about their places, with velocities, every 10 fs."""
    rng, frames = np.random.default_rng(seed), []
    crystal = bulk("CaF2", crystalstructure="fluorite", a=5.46, cubic=True)
    for _ in range(200):
        frame = crystal.copy()
        frame.positions += rng.normal(scale=amplitude, size=(12, 3))
        frame.set_velocities(rng.normal(scale=0.02, size=(12, 3)))
        frames.append(frame)
    return equilibrated_part(from_frames(frames, 10.0))


@pytest.fixture(scope="module")
def results():
    """Of two methods: g(r), angles, diffusion, spectrum."""
    found = []
    for amplitude, seed in ((0.05, 0), (0.08, 1)):
        run = trajectory(amplitude, seed)
        radial = radial_distribution.analyse(run, RadialDistributionSpec(most_frames=20))
        spec = AngularDistributionSpec(most_frames=20, bond_lengths={"Ca-Ca": 0.1})
        angular = angular_distribution.analyse(run, spec, radial)
        motion = diffusion.analyse(run, DiffusionSpec())
        spectrum = vibrational_spectrum.analyse(run, VibrationalSpectrumSpec(resolution=2.0))
        found.append((radial, angular, motion, spectrum))
    return found


def read(html):
    page = PageReader(f"<section id='here'>{html}</section>")
    (figure,) = page.figures.values()
    return page.text, [trace for trace in figure["data"] if trace.get("line", {}).get("width") != 0], figure


def test_distances_and_angles_have_a_row_for_each_kind(results):
    (mine, angles, *_), (theirs, their_angles, *_) = results
    text, traces, figure = read(figures_dynamics.radial_plot(mine, theirs, "GPAW"))
    assert "Distances between atoms" in text
    assert [trace["name"] for trace in traces] == ["GPAW", "potential"] * 3
    assert sum(trace["showlegend"] for trace in traces) == 2
    assert [figure["layout"][axis]["title"]["text"] for axis in ("yaxis", "yaxis2", "yaxis3")] == [
        "Ca–Ca", "Ca–F", "F–F",
    ]  # fmt: skip
    assert len(traces[3]["x"]) == len(mine.distances)
    assert traces[3]["y"] == pytest.approx(mine.pairs[1].density, abs=1e-5)
    _, traces, _ = read(figures_dynamics.angular_plot(angles, their_angles, "GPAW"))
    assert len(traces) == 2 * len({triplet.name for triplet in (*angles.triplets, *their_angles.triplets)})


def test_one_method_alone_has_figures_too(results):
    radial, angular, motion, spectrum = results[0]
    for html in (
        figures_dynamics.radial_plot(radial, None, "GPAW"),
        figures_dynamics.angular_plot(None, angular, "GPAW"),
        figures_dynamics.diffusion_plot(motion, None, "GPAW"),
        figures_dynamics.spectrum_plot(None, spectrum, "GPAW"),
    ):
        _, traces, _ = read(html)
        assert len({trace["name"] for trace in traces}) == 1


def test_diffusion_says_bounds_and_window(results):
    text, traces, _ = read(figures_dynamics.diffusion_plot(results[0][2], results[1][2], "GPAW"))
    assert "Ca, potential: below" in text
    assert "Diffusion coefficients from 0.06–0.12 ps." in text
    assert len(traces) == 4


def test_spectrum_is_cut_where_modes_end(results):
    spectrum = results[0][3]
    text, traces, figure = read(figures_dynamics.spectrum_plot(spectrum, results[1][3], "GPAW"))
    assert "Lines are widened to 2 THz" in text
    assert len(traces) == 2
    assert 0 < figure["layout"]["xaxis"]["range"][1] < 1.2 * spectrum.frequencies[-1]


def test_arrhenius_line_goes_through_its_points():
    temperatures = np.array([600.0, 800.0, 1000.0])
    values = np.exp(-0.3 / (units.kB * temperatures))
    found = fit_arrhenius("Li, diffusion", "Å²/ps", temperatures, values, 0.1 * values)
    text, traces, figure = read(figures_dynamics.arrhenius_plot(found, None, "GPAW"))
    assert "Activation energies: potential 0.3" in text
    assert figure["layout"]["yaxis"]["type"] == "log"
    line = next(trace for trace in traces if trace["mode"] == "lines")
    assert line["y"][0] == pytest.approx(values[-1])
    assert line["y"][-1] == pytest.approx(values[0])
