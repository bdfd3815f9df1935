"""Calibration of force uncertainties on errors of known size."""

from __future__ import annotations

import numpy as np
import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.selection.calibration import calibrate


def drawn(n_atoms: int, ratio: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Predicted spreads, and errors of three Gaussian components whose true spread is ``ratio`` times it."""
    rng = np.random.default_rng(seed)
    predicted = rng.lognormal(mean=-3.0, sigma=0.6, size=n_atoms)
    components = rng.normal(size=(n_atoms, 3)) * (ratio * predicted / np.sqrt(3))[:, None]
    return predicted, np.linalg.norm(components, axis=1)


@pytest.mark.parametrize("ratio", [0.4, 1.0, 3.0])
def test_scale_recovers_the_true_spread(ratio):
    predicted, actual = drawn(20000, ratio)
    calibration = calibrate(predicted, actual)
    assert calibration.scale == pytest.approx(ratio, rel=0.03)
    rms = np.sqrt(np.mean(actual**2))
    assert np.sqrt(np.mean((calibration.scale * predicted) ** 2)) == pytest.approx(rms, rel=5e-3)
    assert 0.4 < calibration.rank_correlation < 0.9


def test_scale_follows_units():
    predicted, actual = drawn(300, 2.0)
    one, thousand = calibrate(predicted, actual), calibrate(1000 * predicted, 1000 * actual)
    assert thousand.scale == pytest.approx(one.scale)
    assert thousand.select_above == pytest.approx(1000 * one.select_above)
    assert thousand.stop_above == pytest.approx(1000 * one.stop_above)


def test_few_atoms_hardly_move_the_scale():
    predicted, actual = drawn(2, 3.0)
    assert 1.0 < calibrate(predicted, actual).scale < 1.4


def test_committee_without_spread():
    """Members that agree to the last digit tell nothing; the scale stays finite and thresholds usable."""
    actual = drawn(400, 1.0)[1]
    calibration = calibrate(np.zeros(400), actual)
    assert calibration.scale == pytest.approx(np.sqrt(41.0))
    assert calibration.rank_correlation == 0.0
    assert 0.0 < calibration.select_above < calibration.stop_above


def test_nothing_but_zeros():
    calibration = calibrate(np.zeros(5), np.zeros(5))
    assert (calibration.scale, calibration.rank_correlation) == (1.0, 0.0)


def test_one_wild_error_hardly_moves_the_thresholds():
    predicted, actual = drawn(1000, 1.0)
    calm = calibrate(predicted, actual).typical_error
    actual[17] = 50.0
    assert calibrate(predicted, actual).typical_error < 1.1 * calm


def test_half_of_the_validation_structures_lie_above_the_threshold():
    predicted, actual = drawn(64 * 41, 1.0)
    structures = np.repeat(np.arange(41), 64)
    calibration = calibrate(predicted, actual, structures=structures)
    worst = (calibration.scale * predicted).reshape(41, 64).max(axis=1)
    assert calibration.select_above == pytest.approx(np.median(worst))
    assert calibration.select_above > 1.5 * calibration.typical_error
    shuffled = np.random.default_rng(0).permutation(len(predicted))
    assert calibrate(predicted[shuffled], actual[shuffled], structures=structures[shuffled]).select_above == (
        pytest.approx(calibration.select_above)
    )


@pytest.mark.parametrize(
    ("typical_force", "expected"), [(0.3, "twice"), (1.0, "half"), (3.0, "four times"), (30.0, "tenth")]
)
def test_typical_forces_bound_the_stop(typical_force, expected):
    predicted = actual = np.full(500, 0.2)
    calibration = calibrate(predicted, actual, forces=np.full(500, typical_force))
    assert calibration.select_above == pytest.approx(0.2)
    stops = {"twice": 0.4, "half": 0.5, "four times": 0.8, "tenth": 3.0}
    assert calibration.stop_above == pytest.approx(stops[expected])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), "at least one"),
        (([0.1, 0.2], [0.1]), "2 predicted but 1 actual"),
        (([0.1, np.nan], [0.1, 0.1]), "predicted holds negative or non-finite"),
        (([0.1], [-0.1]), "actual holds negative"),
        (([0.1], [0.1], [1.0, 2.0]), "2 forces for 1 atoms"),
        (([0.1], [0.1], None, [1, 2]), "structures has shape"),
    ],
)
def test_senseless_input_is_refused(arguments, message):
    with pytest.raises(ForgefieldError, match=message):
        calibrate(*arguments)
