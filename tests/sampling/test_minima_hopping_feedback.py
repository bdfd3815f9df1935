"""The arithmetic of minima hopping, number by number, and its settings."""

from __future__ import annotations

from math import log

import pytest
from pydantic import ValidationError

from forgefield.sampling.minima_hopping_feedback import feedback
from forgefield.sampling.minima_hopping_spec import MinimaHoppingSpec

FACTORS = MinimaHoppingSpec(
    beta1=1.5, beta2=1.25, beta3=0.8, alpha1=0.9, alpha2=1.2, revisits=0.0, temperature_window=None
)


def test_defaults_are_those_of_the_papers():
    spec = MinimaHoppingSpec()
    assert (spec.beta1, spec.beta2, spec.beta3) == (1.05, 1.05, 1 / 1.05)
    assert (spec.alpha1, spec.alpha2) == (1 / 1.02, 1.02)
    assert spec.revisits == 0.1


def test_same_minimum_only_heats():
    answer = feedback(FACTORS, 1000.0, 0.5, "same", 0.0, visits=7)
    assert (answer.temperature, answer.energy_difference, answer.accepted) == (1500.0, 0.5, False)


@pytest.mark.parametrize(("found", "temperature"), [("known", 1250.0), ("new", 800.0)])
@pytest.mark.parametrize(
    ("rise", "threshold", "accepted"), [(-3.0, 0.45, True), (0.4999, 0.45, True), (0.5, 0.6, False)]
)
def test_other_minima_heat_or_cool_and_are_accepted_below_the_threshold(
    found, temperature, rise, threshold, accepted
):
    answer = feedback(FACTORS, 1000.0, 0.5, found, rise, visits=3)
    assert answer.temperature == pytest.approx(temperature, rel=1e-15)
    assert answer.energy_difference == pytest.approx(threshold, rel=1e-15)
    assert answer.accepted is accepted


@pytest.mark.parametrize("visits", [1, 2, 40])
def test_frequent_minima_heat_more(visits):
    spec = FACTORS.model_copy(update={"revisits": 0.1})
    heated = feedback(spec, 1000.0, 0.5, "known", 0.0, visits).temperature
    assert heated == pytest.approx(1250.0 * (1.0 + 0.1 * log(visits)), rel=1e-15)
    assert feedback(spec, 1000.0, 0.5, "new", 0.0, visits).temperature == 800.0


def test_feedback_is_in_balance_where_half_of_the_minima_are_new():
    spec = MinimaHoppingSpec(revisits=0.0)
    temperature, threshold = 700.0, 0.3
    for _ in range(50):
        for found, rise in (("new", -1.0), ("known", 1e3)):
            answer = feedback(spec, temperature, threshold, found, rise, visits=1)
            temperature, threshold = answer.temperature, answer.energy_difference
    assert temperature == pytest.approx(700.0)
    assert threshold == pytest.approx(0.3)


def test_temperature_stays_in_its_window():
    spec = FACTORS.model_copy(update={"temperature_window": (900.0, 1100.0)})
    assert feedback(spec, 1000.0, 0.5, "same", 0.0).temperature == 1100.0
    assert feedback(spec, 1000.0, 0.5, "new", 0.0).temperature == 900.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pressure": 5.0}, "a pressure of 5.0 GPa needs a moving cell: cell: true"),
        (
            {"temperature_window": (900.0, 300.0)},
            r"temperature_window \[900.0, 300.0\]: the lower one comes first and lies above 0 K",
        ),
        ({"temperature_window": (0.0, 300.0)}, "lies above 0 K"),
        ({"timestep_fs": 20.0}, "timestep_fs 20.0 must lie above 0"),
        ({"beta1": 0.9}, "greater than or equal to 1"),
        ({"alpha1": 1.1}, "less than or equal to 1"),
        ({"mdmin": 3}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        MinimaHoppingSpec(**settings)
