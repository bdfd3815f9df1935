"""Cepstral analysis of processes whose spectrum at frequency zero is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties.cepstral import cepstral_estimate, periodogram, zero_frequency

PROCESSES = {"white": (), "relaxing": (0.9,), "oscillating": (1.6, -0.8), "slow": (0.98,)}
"""Coefficients of autoregressive processes x_t = Σ φ_k x_{t−k} + noise, whose spectrum at zero is 1/(1 − Σ φ)²."""


def process(coefficients, length, columns, rng):
    noise = rng.standard_normal((length + 1000, columns))
    return lfilter([1.0], [1.0, *(-np.array(coefficients))], noise, axis=0)[1000:]


@pytest.mark.parametrize("name", PROCESSES)
def test_error_bars_cover_the_truth(name):
    coefficients, rng = PROCESSES[name], np.random.default_rng(0)
    deviations = []
    for _ in range(100):
        series = process(coefficients, 20000 if name == "slow" else 4000, 3, rng)
        found = zero_frequency(periodogram(series, 1.0).mean(axis=1), 3)
        deviations.append(np.log(found.value * (1 - sum(coefficients)) ** 2) * found.value / found.error)
    assert 0.5 < np.mean(np.abs(deviations) < 1) < 0.83
    assert np.mean(np.abs(deviations) < 2) > 0.85
    assert abs(np.mean(deviations)) < 0.5


def test_a_narrow_peak_beside_strong_oscillations_is_seen():
    """The whole band misses half of it; a narrower one is chosen."""
    rng, whole, chosen = np.random.default_rng(1), [], []
    truth = (0.02 / (1 - 0.995)) ** 2 + (1 / (1 - 0.3)) ** 2
    for _ in range(12):
        series = 0.02 * process((0.995,), 50000, 3, rng) + process((1.2, -0.9), 50000, 3, rng)
        mean = periodogram(series, 1.0).mean(axis=1)
        whole.append(cepstral_estimate(mean, 3).value / truth)
        chosen.append(zero_frequency(mean, 3).value / truth)
    assert np.mean(whole) < 0.85
    assert np.mean(chosen) == pytest.approx(1.0, abs=0.12)


def test_scale_and_number_of_series():
    rng = np.random.default_rng(2)
    series = 3.0 * rng.standard_normal((3000, 40))
    found = zero_frequency(periodogram(series, 0.5).mean(axis=1), 40)
    assert found.value == pytest.approx(9.0 * 0.5, rel=0.05)
    assert found.error < 0.03 * found.value
    assert len(found.smooth) == found.available + 1
    assert found.smooth[0] == found.value


def test_the_periodogram_obeys_parseval():
    series = np.random.default_rng(3).standard_normal((501, 2))
    spectrum = periodogram(series, 0.2)
    power = (2 * spectrum[1:].sum(axis=0) + spectrum[0]) / (501 * 0.2)
    np.testing.assert_allclose(power, (series**2).mean(axis=0), rtol=1e-12)


def test_what_has_no_logarithm_or_is_too_short_is_refused():
    with pytest.raises(ForgefieldError, match=r"spectrum of 5 points is too short .*; run longer"):
        zero_frequency(np.ones(5), 1)
    with pytest.raises(ForgefieldError, match=r"spectrum has zeros.*; look whether the series moves"):
        zero_frequency(np.zeros(500), 1)
