"""The rule of the threshold, and the running calibration."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

from forgefield.sampling.threshold import HISTORY, Threshold, start_threshold, with_errors, with_refit


def after_refits(levels, target: float = 0.05) -> Threshold:
    return reduce(with_refit, levels, start_threshold(target, halving=100.0))


def test_target_holds_until_ten_refits_are_known():
    assert after_refits([1.0] * (HISTORY - 1)).value == 0.05
    assert after_refits([1.0] * HISTORY).value == pytest.approx(1.2)


def test_never_below_the_target():
    assert after_refits([0.001] * 30).value == 0.05


def test_follows_the_last_ten_both_ways():
    assert after_refits([0.1] * 20 + [0.4] * 10).value == pytest.approx(1.2 * 0.4)
    assert after_refits([0.4] * 20 + [0.1] * 10).value == pytest.approx(1.2 * 0.1)


def test_stays_where_the_spread_is_large():
    wild = [0.1, 1.0] * 5
    assert after_refits([0.2] * 10).value == pytest.approx(0.24)
    assert after_refits([0.2] * 10 + [1.0] * 3).value == pytest.approx(0.24)
    assert after_refits(wild).value == 0.05


def test_large_spread_does_not_block_it_for_ever():
    """Standard deviation over mean of (0.1, 0.1, 1.0) is about one: never small, but the median is clear."""
    threshold = after_refits([0.1, 0.1, 1.0] * 7)
    assert threshold.value == pytest.approx(1.2 * 0.1)


def test_too_high_a_threshold_sinks_while_nothing_is_asked():
    threshold = after_refits([1.0] * 10)
    assert threshold.after(0) == threshold.value
    assert threshold.after(100) - 0.05 == pytest.approx((threshold.value - 0.05) / 2)
    assert threshold.after(10000) == pytest.approx(0.05)


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_calibration_finds_the_scale(factor):
    rng = np.random.default_rng(0)
    threshold = start_threshold(0.05, 100.0)
    assert threshold.scale == 1.0
    for _ in range(60):
        predicted = rng.uniform(0.02, 0.2, size=64)
        actual = factor * predicted * np.sqrt(rng.chisquare(3, size=64) / 3)
        threshold = with_errors(threshold, predicted, actual)
    assert len(threshold.squares) == 2 * HISTORY
    # Ten imagined atoms with a scale of one against 20 times 64.
    assert threshold.scale == pytest.approx(factor, rel=0.06)
    levels = reduce(with_refit, [0.2] * 10, threshold)
    assert levels.value == pytest.approx(max(0.05, 1.2 * 0.2 * threshold.scale))


def test_one_outlier_does_not_spoil_the_calibration_but_many_are_believed():
    threshold = start_threshold(0.05, 100.0)
    for _ in range(10):
        threshold = with_errors(threshold, np.full(16, 0.1), np.full(16, 0.1))
    errors = np.full(16, 0.1)
    errors[3] = 100.0
    assert with_errors(threshold, np.full(16, 0.1), errors).scale < 1.1
    for _ in range(40):
        threshold = with_errors(threshold, np.full(16, 0.001), np.full(16, 0.1))
    assert threshold.scale > 30.0


def test_potential_that_is_certain_of_everything():
    threshold = with_errors(start_threshold(0.05, 100.0), np.zeros(4), np.ones(4))
    assert threshold.scale == 1.0
