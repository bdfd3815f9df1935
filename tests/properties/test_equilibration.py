"""Equilibration and errors of series whose correlation is known in closed form."""

import numpy as np
import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties.block_averages import blocked_errors, blocked_mean, blocking
from forgefield.properties.equilibration import find_equilibration, statistical_inefficiency

from .trajectories import autoregressive


def series(coefficient, samples, seed):
    return autoregressive(coefficient, samples, np.random.default_rng(seed))


def vibrating(samples, seed):
    """A slow series and a vibration of nine times its variance, and the exact g of the sum.

    The vibration is x_t = 2ρ cos ω x_{t−1} − ρ² x_{t−2} + noise (Yule), whose variance and sum of correlations follow
    from its spectrum.
    """
    from scipy.signal import lfilter

    damping, angle = 0.95, 2 * np.pi / 6
    noise = np.random.default_rng(seed + 1000).standard_normal(samples + 500)
    vibration = lfilter([1.0], [1.0, -2 * damping * np.cos(angle), damping**2], noise)[500:]
    square = damping**2
    variance = (1 + square) / ((1 - square) * (1 + square**2 - 2 * square * np.cos(2 * angle)))
    at_zero = 1 / (1 - 2 * damping * np.cos(angle) + square) ** 2
    exact = (9 * at_zero / variance + 1.97 / 0.03) / 10
    return 3 * vibration / np.sqrt(variance) + series(0.97, samples, seed), exact


def test_vibrations_do_not_hide_a_slow_correlation():
    found, errors = [], []
    for seed in range(30):
        values, exact = vibrating(10_000, seed)
        found.append(statistical_inefficiency(values) / exact)
        errors.append(blocked_mean(values).error / np.sqrt(10 * exact / 10_000))
    assert np.mean(found) == pytest.approx(1, abs=0.3)
    assert np.mean(errors) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.9])
def test_statistical_inefficiency_of_an_autoregressive_series(coefficient):
    exact = (1 + coefficient) / (1 - coefficient)
    found = [statistical_inefficiency(series(coefficient, 20_000, seed)) for seed in range(20)]
    assert np.median(found) == pytest.approx(exact, rel=0.1)
    assert statistical_inefficiency(np.full(100, 3.7)) == 1.0


@pytest.mark.parametrize(("coefficient", "samples"), [(0.0, 1000), (0.9, 4000), (0.97, 20_000)])
def test_error_bars_hold_the_mean_as_often_as_they_should(coefficient, samples):
    """The mean is zero: it lies within 1σ in 68.3 % and within 2σ in 95.4 %; 400 seeds tell that to 2.3 and 1 %."""
    means = [blocked_mean(series(coefficient, samples, seed)) for seed in range(400)]
    deviations = np.array([abs(each.value) / each.error for each in means])
    assert (deviations < 1).mean() == pytest.approx(0.683, abs=0.07)
    assert (deviations < 2).mean() == pytest.approx(0.954, abs=0.04)
    exact = np.sqrt((1 + coefficient) / (1 - coefficient) / samples)
    assert np.mean([each.error for each in means]) == pytest.approx(exact, rel=0.06)
    assert all(each.settled for each in means)


def test_naive_errors_are_too_small_and_rise_to_a_plateau():
    lengths, errors = blocking(series(0.95, 2**16, 1)[:, None])
    assert lengths[:4].tolist() == [1, 2, 4, 8]
    assert errors[0, 0] == pytest.approx(2**-8, rel=0.05)
    assert errors[9, 0] == pytest.approx(2**-8 * np.sqrt(39), rel=0.2)


def test_many_columns_at_once_have_the_errors_of_each():
    columns = np.column_stack([series(0.0, 2000, 1), series(0.9, 2000, 2), np.full(2000, 5.0)])
    assert blocked_errors(columns).tolist() == [blocked_mean(column).error for column in columns.T]
    assert blocked_errors(columns.reshape(2000, 3, 1)).shape == (3, 1)
    assert blocked_errors(columns)[2] == 0.0
    assert np.isnan(blocked_errors(columns[:1])).all()


def test_series_shorter_than_its_correlation_is_not_settled():
    assert not blocked_mean(series(0.999, 500, 3)).settled
    assert blocked_mean(np.full(10, 1.0)).settled


@pytest.mark.parametrize("seed", range(5))
def test_transient_is_found(seed):
    """It has fallen from 8 to 1 standard deviation after 624 samples, to a tenth after 1315."""
    values = series(0.9, 5000, seed) + 8 * np.exp(-np.arange(5000) / 300)
    found = find_equilibration(values)
    assert 400 < found.start < 1500
    assert found.statistical_inefficiency == pytest.approx(19, rel=0.35)
    assert found.independent_samples == (5000 - found.start) / found.statistical_inefficiency
    assert found.warnings == ()
    assert abs(values.mean()) > 0.3
    assert abs(values[found.start :].mean()) < 4 * np.sqrt(19 / (5000 - found.start))


def test_stationary_series_is_kept():
    starts = [find_equilibration(series(0.9, 10_000, seed)).start / 10_000 for seed in range(20)]
    assert np.mean(starts) < 0.05


def test_all_columns_have_to_be_equilibrated():
    quiet, late = series(0.5, 4000, 1), series(0.5, 4000, 2)
    late[:1500] += 5
    assert find_equilibration(np.column_stack([quiet, late])).start == find_equilibration(late).start > 1400


def test_runs_that_are_too_short_say_so():
    drifting = series(0.9, 5000, 1) + np.linspace(0, 4, 5000)
    assert (
        "not equilibrated: the run still changes after 50% of its length"
        in find_equilibration(drifting).warnings[0]
    )
    jumping = series(0.9, 5000, 2)
    jumping[3500:] += 4
    assert "independent samples, fewer than 20" in find_equilibration(jumping).warnings[-1]


def test_series_that_say_nothing_are_refused():
    with pytest.raises(
        ForgefieldError, match=r"cannot be found in 19 samples; give at least 20 finite samples"
    ):
        find_equilibration(np.arange(19.0))
    with pytest.raises(ForgefieldError, match="some of which are not finite"):
        find_equilibration(np.append(np.arange(30.0), np.nan))
    with pytest.raises(ForgefieldError, match="no error can be estimated from 1 samples"):
        blocked_mean(np.array([1.0]))
    with pytest.raises(ForgefieldError, match=r"2 samples, some of which are not finite; sample more often"):
        blocked_mean(np.array([1.0, np.inf]))
