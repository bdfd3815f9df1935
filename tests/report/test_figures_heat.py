"""Figures of heat transport: what is in them, and that either method may be missing."""

from __future__ import annotations

import numpy as np
import pytest

from forgefield.properties.green_kubo_record import GreenKubo, GreenKuboComponent
from forgefield.properties.mode_lifetimes_record import ModeLifetimes
from forgefield.properties.nonequilibrium_conductivity_record import ConductedHeat, NonequilibriumConductivity
from forgefield.report.figures_heat import (
    conductivity_length_plot,
    heat_integral_plot,
    heat_spectrum_plot,
    mode_lifetimes_plot,
    temperature_profile_plot,
)
from forgefield.report.figures_style import POTENTIAL, REFERENCE

from .page_reader import PageReader

TIMES = np.linspace(0, 2, 5)


def equilibrium(conductivity: float) -> GreenKubo:
    component = GreenKuboComponent(
        direction="", conductivity=conductivity, error=1.0, spread=1.2, coefficients=8, band=2.0,
        frequencies=np.array([0.5, 1.5]), spectrum=np.array([30.0, 10.0]), smooth=np.array([28.0, 12.0]),
        integral=conductivity * (1 - np.exp(-TIMES)), integral_error=0.1 * TIMES,
    )  # fmt: skip
    return GreenKubo((component,), TIMES, 300.0, 300.0, 0.0, 64, 4, 100.0, 0.0, False)


def conducted(length: float, conductivity: float) -> ConductedHeat:
    places = np.array([5.0, 15.0, 25.0, 35.0])
    return ConductedHeat(
        length, 64, places, 400.0 - 2.0 * places, np.ones(4), np.array([False, True, True, False]), -2.0, 0.1, 10.0,
        0.5, conductivity, 0.5, 0.0, 0.1, 0.0, 0.1, 0.0, 0.1,
    )  # fmt: skip


IMPOSED = NonequilibriumConductivity(
    300.0, (conducted(100.0, 10.0), conducted(200.0, 16.0)), 40.0, 4.0, 300.0, np.nan
)


def test_spectrum_and_value_at_zero():
    data = PageReader(heat_spectrum_plot(equilibrium(40.0), None, "DFT")).figures["heat-spectrum"]["data"]
    noisy, smooth, value = data
    assert noisy["y"] == [30.0, 10.0]
    assert (smooth["y"], smooth["line"]["color"]) == ([28.0, 12.0], POTENTIAL)
    assert (value["x"], value["y"], value["error_y"]["array"]) == ([0.0], [40.0], [1.0])


def test_integral_with_its_band_and_end():
    figure = PageReader(heat_integral_plot(equilibrium(40.0), equilibrium(30.0), "DFT")).figures[
        "heat-integral"
    ]
    band, reference, _, potential = figure["data"]
    assert (reference["name"], reference["line"]["color"]) == ("DFT", REFERENCE)
    assert potential["y"] == pytest.approx((40 * (1 - np.exp(-TIMES))).tolist(), abs=1e-4)
    assert len(band["x"]) == 10
    assert [shape["y0"] for shape in figure["layout"]["shapes"]] == [30.0, 40.0]


def test_profile_of_the_longest_cell():
    data = PageReader(temperature_profile_plot(IMPOSED, None, "DFT")).figures["temperature-profile"]["data"]
    points, line = data
    assert points["name"] == "potential, 20 nm"
    assert points["y"] == [390.0, 370.0, 350.0, 330.0]
    assert points["marker"]["symbol"] == ["circle-open", "circle", "circle", "circle-open"]
    assert line["y"] == [370.0, 350.0]


def test_line_to_infinite_length():
    data = PageReader(conductivity_length_plot(IMPOSED, None, "DFT")).figures["conductivity-length"]["data"]
    points, line = data
    assert points["x"] == [0.1, 0.05]
    assert points["y"] == pytest.approx([0.1, 0.0625])
    assert line["x"] == [0.0, 0.1]
    assert line["y"] == pytest.approx([0.025, 0.1])


@pytest.mark.parametrize(
    ("plot", "found", "name"),
    [
        (heat_spectrum_plot, equilibrium(40.0), "heat-spectrum"),
        (heat_integral_plot, equilibrium(40.0), "heat-integral"),
        (temperature_profile_plot, IMPOSED, "temperature-profile"),
        (conductivity_length_plot, IMPOSED, "conductivity-length"),
    ],
)
def test_either_may_be_missing(plot, found, name):
    assert not PageReader(plot(None, None, "DFT")).figures[name]["data"]
    both = PageReader(plot(found, found, "DFT")).figures[name]["data"]
    assert len(both) == 2 * len(PageReader(plot(None, found, "DFT")).figures[name]["data"])


def test_lifetimes_of_modes():
    def lived(longest: float, runs: int) -> ModeLifetimes:
        errors = np.array([0.1, 0.5]) if runs > 1 else np.full(2, np.nan)
        return ModeLifetimes(
            np.array([15.0, 2.0]), np.array([24, 6]), np.array([10.0, 50.0]), np.array([1.0, longest]), errors,
            np.eye(3), np.eye(3), 300.0, 300.0, 54, runs, 100.0, 0.0,
        )  # fmt: skip

    page = PageReader(mode_lifetimes_plot(lived(20.0, 2), lived(25.0, 1), "DFT"))
    theirs, mine = page.figures["mode-lifetimes"]["data"]
    assert (mine["x"], mine["y"], mine["error_y"]["array"]) == ([15.0, 2.0], [1.0, 20.0], [0.1, 0.5])
    assert theirs["y"] == [1.0, 25.0]
    assert "error_y" not in theirs
