"""Figures of energy, volume and melting, from results of real runs and analyses."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk

from forgefield.properties import energy_conservation, melting, thermal_expansion_md
from forgefield.properties.coexistence import FreeCoexistence
from forgefield.properties.energy_conservation import EnergyConservationSpec
from forgefield.properties.melting import MeltingSpec
from forgefield.properties.thermal_expansion_md import ThermalExpansionSpec
from forgefield.report import figures_motion
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

from .page_reader import PageReader


def read(html):
    page = PageReader(f"<section id='here'>{html}</section>")
    (figure,) = page.figures.values()
    return page.text, figure["data"]


def test_the_drift_is_the_slope_of_the_line():
    spec = EnergyConservationSpec(duration=0.2, minimum_length=5.0)
    found = energy_conservation.compute(bulk("Si", cubic=True), StillingerWeberSilicon().calculator(), spec)
    text, (curve, line) = read(figures_motion.energy_conservation_plot(found, None, "GPAW"))
    assert "Drift: potential" in text
    assert curve["y"] == pytest.approx(found.energies, abs=1e-5)
    slope = (line["y"][1] - line["y"][0]) / (line["x"][1] - line["x"][0])
    assert slope == pytest.approx(found.drift, abs=1e-4)
    _, traces = read(figures_motion.energy_conservation_plot(found, found, "GPAW"))
    assert [trace.get("name") for trace in traces] == ["GPAW", None, "potential", None]


@pytest.mark.parametrize("temperatures", [(300.0,), (200.0, 400.0, 600.0)])
def test_volumes_have_errors_and_a_curve_where_there_are_several(temperatures):
    spec = ThermalExpansionSpec(temperatures=temperatures, duration=0.5, minimum_length=5.0)
    found = thermal_expansion_md.compute(bulk("Si", cubic=True), StillingerWeberSilicon().calculator(), spec)
    _, traces = read(figures_motion.thermal_expansion_plot(found, None, "GPAW"))
    assert traces[0]["x"] == list(temperatures)
    assert traces[0]["error_y"]["array"] == pytest.approx(found.volume_errors, abs=1e-5)
    assert len(traces) == (2 if len(temperatures) > 1 else 1)


def test_melting_shows_both_starts_and_their_shares():
    rng = np.random.default_rng(0)
    times = np.arange(400) * 20.0 * units.fs
    runs = [
        FreeCoexistence(times, 1690.0 + rng.normal(0.0, 20.0, 400), np.full(400, share), 0.0)
        for share in (0.6, 0.4)
    ]
    found = melting.analyse(runs, 576, MeltingSpec(), 1700.0)
    text, traces = read(figures_motion.melting_plot(found, None, "GPAW"))
    assert f"potential {found.temperature:.0f} ± {found.error:.0f} K with 576 atoms" in text
    assert [trace["name"] for trace in traces if trace["showlegend"]] == [
        "potential, cold start", "potential, hot start",
    ]  # fmt: skip
    assert {trace["y"][0] for trace in traces if trace["yaxis"] == "y2"} == {0.6, 0.4}
