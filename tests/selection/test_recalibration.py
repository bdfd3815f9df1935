"""Monotone recalibration of errors whose true spread is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from forgefield.atoms.errors import ForgefieldError
from forgefield.selection.calibration import calibrate
from forgefield.selection.recalibration import (
    Recalibration,
    isotonic,
    pooled_with_structure,
    power_law,
    scaling,
)
from forgefield.selection.reliability import likelihood_scale, negative_log_likelihood, reliability_diagram

MAPS = {
    "scale": lambda u: 2.5 * u,
    "power": lambda u: 0.4 * u**0.6,
    "floor": lambda u: np.hypot(0.03, 1.4 * u),
    "knee": lambda u: np.where(u < 0.05, u, 0.05 * (u / 0.05) ** 2.2),
}


def drawn(count: int, truth: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    predicted = rng.lognormal(mean=-3.0, sigma=0.5, size=count)
    return predicted, rng.normal(size=count) * MAPS[truth](predicted)


def worst_bin(recalibration: Recalibration, truth: str) -> float:
    predicted, errors = drawn(100000, truth, seed=1)
    diagram = reliability_diagram(recalibration(predicted), errors)
    return float(np.abs(diagram.predicted / diagram.actual - 1.0).max())


@pytest.mark.parametrize(
    ("fit", "truth", "largest"),
    [
        (scaling, "scale", 0.04),
        (power_law, "scale", 0.04),
        (power_law, "power", 0.04),
        (isotonic, "scale", 0.06),
        (isotonic, "power", 0.06),
        (isotonic, "floor", 0.06),
        (isotonic, "knee", 0.06),
    ],
)
def test_known_spreads_are_recovered_on_other_data(fit, truth, largest):
    assert worst_bin(fit(*drawn(30000, truth)), truth) < largest


@pytest.mark.parametrize(("fit", "truth"), [(scaling, "power"), (scaling, "floor"), (power_law, "knee")])
def test_too_stiff_a_map_leaves_bins_off(fit, truth):
    assert worst_bin(fit(*drawn(30000, truth)), truth) > 0.15


@pytest.mark.parametrize("fit", [scaling, power_law, isotonic])
def test_order_is_kept(fit):
    recalibration = fit(*drawn(3000, "floor"))
    span = np.logspace(-8, 4, 500)
    assert (np.diff(recalibration(span)) > 0.0).all()
    assert recalibration(np.zeros((2, 3))).tolist() == [[0.0] * 3] * 2
    assert recalibration(0.1).shape == ()


def test_power_law_is_the_most_likely_one():
    predicted, errors = drawn(400, "power")
    fitted = power_law(predicted, errors)
    by_minimisation = minimize(
        lambda x: negative_log_likelihood(np.exp(x[0]) * predicted ** x[1], errors), [0.0, 1.0], tol=1e-12
    )
    assert fitted.exponent == pytest.approx(by_minimisation.x[1], rel=1e-4)
    np.testing.assert_allclose(
        fitted(predicted), np.exp(by_minimisation.x[0]) * predicted**fitted.exponent, rtol=1e-4
    )


def test_power_law_of_an_uncertainty_that_misleads_is_a_constant():
    predicted, _ = drawn(2000, "scale")
    fitted = power_law(predicted, 0.01 / predicted)
    assert fitted.exponent == pytest.approx(0.0, abs=1e-6)


def test_scales_are_the_two_known_ones():
    predicted, errors = drawn(500, "floor")
    assert scaling(predicted, errors)(1.0) == pytest.approx(calibrate(predicted, np.abs(errors)).scale)
    assert scaling(predicted, errors, likelihood=True)(1.0) == pytest.approx(
        likelihood_scale(predicted, errors)
    )


def test_knots_are_those_of_isotonic_regression():
    predicted, errors = drawn(500, "knee")
    fitted = isotonic(predicted, errors, fewest=1)
    variances = IsotonicRegression().fit(predicted, errors**2).predict(predicted)
    levels = np.unique(variances[variances > 0.0])
    np.testing.assert_allclose(fitted.calibrated, np.sqrt(levels))
    blocks = [np.sqrt(np.mean(predicted[variances == level] ** 2)) for level in levels]
    np.testing.assert_allclose(fitted.predicted, blocks)


def test_few_samples_give_a_scale():
    predicted, errors = drawn(150, "floor")
    ratio = np.sqrt(np.mean(errors**2) / np.mean(predicted**2))
    np.testing.assert_allclose(isotonic(predicted, errors)([0.01, 1.0]), [0.01 * ratio, ratio])


def test_equal_uncertainties_are_one_knot():
    errors = drawn(1000, "scale")[1]
    fitted = isotonic(np.full(1000, 0.2), errors, fewest=10)
    assert fitted.predicted == pytest.approx([0.2])
    assert fitted(0.2) == pytest.approx(np.sqrt(np.mean(errors**2)))


def test_a_bin_without_errors_does_no_harm():
    fitted = isotonic([1.0, 1.1, 2.0, 2.1], [0.0, 0.0, 3.0, 3.0], fewest=2)
    np.testing.assert_allclose(fitted.calibrated, [3.0])


@pytest.mark.parametrize("fit", [scaling, power_law, isotonic])
def test_forces_that_vanish_by_symmetry_do_not_count(fit):
    predicted, errors = drawn(1000, "floor")
    more = np.concatenate([predicted, np.full(400, 1e-16)])
    all_errors = np.concatenate([errors, np.full(400, 1e-8)])
    np.testing.assert_allclose(fit(more, all_errors)(predicted), fit(predicted, errors)(predicted))


def test_pooling_reduces_the_noise_of_small_committees():
    """Four members know the variance of an atom's force badly; that of its structure helps."""
    rng = np.random.default_rng(0)
    structures = np.repeat(np.arange(200), 20)
    truth = np.repeat(rng.lognormal(sigma=0.6, size=200), 20) * rng.lognormal(sigma=0.2, size=4000)
    predicted = truth * np.sqrt(rng.chisquare(3, size=4000) / 3)
    pooled = pooled_with_structure(predicted, structures, 0.7)

    def noise(of: np.ndarray) -> float:
        return float(np.std(np.log(of / truth)))

    assert noise(pooled) < 0.6 * noise(predicted)
    np.testing.assert_array_equal(pooled_with_structure(predicted, structures, 0.0), predicted)
    whole = pooled_with_structure(predicted, structures, 1.0)
    np.testing.assert_allclose(whole[:20], np.sqrt(np.mean(predicted[:20] ** 2)))
    one = structures == 7
    np.testing.assert_array_equal(np.argsort(pooled[one]), np.argsort(predicted[one]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: scaling([1.0], [0.0]),
            "no samples with both an uncertainty and an error; calibrate on structures",
        ),
        (lambda: power_law([0.0, 0.0], [1.0, 1.0]), "no samples with both"),
        (lambda: isotonic([1.0, 2.0], [1.0]), r"shape \(2,\), errors \(1,\)"),
        (lambda: isotonic([1.0, np.inf], [1.0, 1.0]), "a number is not finite"),
        (lambda: isotonic([1.0], [1.0], fewest=0), "bins of 0 samples; pass 1 or more"),
        (
            lambda: pooled_with_structure([1.0, 2.0], [0]),
            r"structures has shape \(1,\), the standard .* \(2,\)",
        ),
        (lambda: pooled_with_structure([1.0], [0], 1.5), "share 1.5 lies outside 0 to 1"),
        (lambda: pooled_with_structure([-1.0], [0]), "a predicted standard deviation is negative"),
    ],
)
def test_senseless_input_is_refused(call, message):
    with pytest.raises(ForgefieldError, match=message):
        call()
