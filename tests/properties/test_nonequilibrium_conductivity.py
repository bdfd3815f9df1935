"""Conductivity from heat flows that are known, and from a bar of silicon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import units
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import nonequilibrium_conductivity as property_
from forgefield.properties.green_kubo import WATT_PER_METRE_KELVIN
from forgefield.properties.nonequilibrium_conductivity import NonequilibriumConductivitySpec
from forgefield.properties.nonequilibrium_conductivity_record import NonequilibriumConductivity
from forgefield.properties.stored import from_json, to_json
from forgefield.sampling.heat_flow import HeatFlow
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

SPEC = NonequilibriumConductivitySpec(temperature=500.0)
LIMIT, PATH = 50.0, 300.0
"""W/(m K) and Å of 1/κ = 1/50 (1 + 300/L)."""


def flow(length=100.0, seed=0, noise=0.5, bend=0.0, kept=0.0, settling=0.0):
    """Twenty blocks through a cell of this length with a temperature that falls from 550 to 450 K."""
    rng, layers, blocks, area, time = np.random.default_rng(seed), 20, 20, 400.0, 1000.0
    places = (np.arange(layers) + 0.5) * length / (2 * layers)
    x = (places / (0.5 * length) - 0.1) / 0.8
    fall = 100.0 * (1 + settling * np.linspace(-1, 1, blocks))[:, None]
    temperatures = 550.0 - fall * (x + bend * (x - 0.5) ** 2) + noise * rng.standard_normal((blocks, layers))
    counts = np.full((blocks, layers), 5000.0)
    between = 0.4 * length
    conductivity = LIMIT / (1 + PATH / between) * WATT_PER_METRE_KELVIN
    heat = conductivity * 100.0 / between * 2 * area * time
    given = heat * np.array([1 + kept, kept - 1]) * (1 + 0.01 * rng.standard_normal((blocks, 2)))
    kinetic = 3 * units.kB * temperatures * counts * 999 / 1000
    return HeatFlow(kinetic, counts, given, time, length, area, 1000)


def test_a_known_flow():
    (only,) = property_.analyse([flow()], SPEC).lengths
    expected = LIMIT / (1 + PATH / 40.0)
    assert only.length == pytest.approx(40.0)
    assert only.gradient == pytest.approx(-100.0 / 40.0, rel=0.01)
    assert only.conductivity == pytest.approx(expected, abs=3 * only.error)
    assert 0 < only.error < 0.02 * expected
    assert only.flux == pytest.approx(expected * 2.5e10 / 1e9, rel=0.01)
    assert np.abs(only.temperatures - 550 + 100 * (only.places / 50 - 0.1) / 0.8).max() < 0.6
    assert only.temperature_errors == pytest.approx(0.5 / np.sqrt(20), rel=0.6)
    assert 10 <= only.fitted.sum() <= 12
    assert not only.warnings


def test_errors_are_those_that_repetitions_show():
    found = [property_.analyse([flow(seed=seed, noise=4.0)], SPEC).lengths[0] for seed in range(40)]
    scatter = np.std([each.conductivity for each in found], ddof=1)
    assert np.mean([each.error for each in found]) == pytest.approx(scatter, rel=0.3)


def test_the_limit_of_infinite_length():
    lengths = (200.0, 300.0, 500.0, 1000.0)
    found = property_.analyse([flow(length, seed=int(length)) for length in reversed(lengths)], SPEC)
    assert [each.length for each in found.lengths] == pytest.approx([0.4 * length for length in lengths])
    assert found.conductivity == pytest.approx(LIMIT, abs=3 * found.error)
    assert found.error < 0.05 * LIMIT
    assert found.path == pytest.approx(PATH, rel=0.1)
    assert found.misfit < 4
    assert [each.name for each in found.quantities][:2] == [
        "thermal conductivity, 500 K, heat flow",
        "thermal conductivity, 500 K, 8 nm",
    ]
    assert from_json(NonequilibriumConductivity, to_json(found)).quantities == found.quantities


def test_what_makes_it_doubtful_is_said():
    def warnings(*flows):
        return " ".join(property_.analyse(flows, SPEC).warnings)

    assert "falls on no straight line" in warnings(flow(bend=0.6))
    assert "100% of the heat stays in the cell" in warnings(flow(kept=0.5))
    assert "not steady, 32% is the change of the gradient" in warnings(flow(settling=0.3, noise=0.1))
    assert "no fall of the temperature stands out" in warnings(flow(noise=2000.0))
    assert "one length only" in warnings(flow())
    assert "two lengths cannot tell" in warnings(flow(400.0), flow(1600.0))
    assert "κ of infinite length is 4.7 times" in warnings(flow(100.0), flow(200.0, noise=0.01, seed=1))
    assert "lengths do not tell the limit" in warnings(
        flow(100.0, noise=20.0), flow(104.0, noise=20.0, seed=3)
    )
    short = flow(60.0)
    assert "1/κ is not linear in 1/L" in warnings(
        replace(short, given=2 * short.given), flow(200.0), flow(300.0), flow(500.0)
    )
    with pytest.raises(ForgefieldError, match="no heat flow was given; give at least one"):
        property_.analyse([], SPEC)


def test_skewed_cells_are_refused():
    with pytest.raises(ForgefieldError, match=r"cannot be sent along cell vector 2.*; give a cell"):
        property_.run(bulk("Si"), StillingerWeberSilicon().calculator(), SPEC, 50.0)


def test_silicon_conducts_from_hot_to_cold():
    spec = NonequilibriumConductivitySpec(
        temperature=500.0, difference=300.0, lengths=(40.0,), width=10.0, layers=8, settling=2.0, duration=6.0,
        timestep=2.0, damping_time=100.0, blocks=5,
    )  # fmt: skip
    found = property_.compute(bulk("Si", cubic=True), StillingerWeberSilicon().calculator(), spec)
    (only,) = found.lengths
    assert only.n_atoms == 8 * 4 * 8
    assert only.flux > 3 * only.flux_error
    assert only.temperatures[0] > 580
    assert only.temperatures[-1] < 420
    assert 0.3 < only.conductivity < 20.0
