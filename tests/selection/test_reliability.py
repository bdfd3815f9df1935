"""Measures of an uncertainty on synthetic Gaussian errors and against closed formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, norm, spearmanr

from forgefield.atoms.errors import ForgefieldError
from forgefield.selection.reliability import (
    ReliabilityDiagram,
    calibration_error,
    likelihood_scale,
    miscalibration_area,
    negative_log_likelihood,
    reliability,
    reliability_diagram,
    vanishing,
)


def drawn(
    count: int, ratio: float = 1.0, components: int = 1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted spreads, and Gaussian errors whose true spread is ``ratio`` times as large."""
    rng = np.random.default_rng(seed)
    predicted = rng.lognormal(mean=-3.0, sigma=0.6, size=count)
    errors = rng.normal(size=(count, components)) * (ratio * predicted / np.sqrt(components))[:, None]
    return predicted, errors[:, 0] if components == 1 else np.linalg.norm(errors, axis=1)


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_known_miscalibration_is_measured(ratio, components):
    found = reliability(*drawn(40000, ratio, components), components=components)
    assert found.likelihood_scale == pytest.approx(ratio, rel=0.02)
    assert found.scale == pytest.approx(ratio, rel=0.03)
    assert found.calibration_error == pytest.approx(abs(ratio - 1.0), abs=0.03)
    np.testing.assert_allclose(found.diagram.actual, ratio * found.diagram.predicted, rtol=0.1)
    assert found.diagram.counts.tolist() == [4000] * 10
    if ratio == 1.0:
        assert found.miscalibration_area < 0.01
    else:
        assert found.miscalibration_area > 0.1
    predicted, errors = drawn(40000, ratio, components)
    assert found.rank_correlation == pytest.approx(spearmanr(predicted, np.abs(errors)).statistic)
    assert found.left_out == 0


def test_signs_and_order_do_not_matter():
    predicted, errors = drawn(500)
    plain = reliability(predicted, errors)
    order = np.random.default_rng(1).permutation(500)
    shuffled = reliability(predicted[order], np.abs(errors)[order])
    assert shuffled.miscalibration_area == pytest.approx(plain.miscalibration_area)
    assert shuffled.negative_log_likelihood == pytest.approx(plain.negative_log_likelihood)
    np.testing.assert_allclose(shuffled.diagram.actual, plain.diagram.actual)


def test_likelihood_against_scipy():
    predicted, errors = drawn(300, 1.3)
    expected = -norm.logpdf(errors, scale=predicted).mean()
    assert negative_log_likelihood(predicted, errors) == pytest.approx(expected)
    vectors = np.random.default_rng(0).normal(size=(300, 3)) * predicted[:, None]
    lengths = np.linalg.norm(vectors, axis=1)
    expected = -norm.logpdf(vectors, scale=predicted[:, None] / np.sqrt(3)).mean()
    assert negative_log_likelihood(predicted, lengths, components=3) == pytest.approx(expected)


def test_scale_is_the_most_likely_one():
    predicted, errors = drawn(300, 1.3)
    scale = likelihood_scale(predicted, errors)
    least = negative_log_likelihood(scale * predicted, errors)
    assert least < negative_log_likelihood(1.01 * scale * predicted, errors)
    assert least < negative_log_likelihood(0.99 * scale * predicted, errors)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 4.0])
def test_area_against_fine_quadrature_of_central_intervals(ratio):
    predicted, errors = drawn(70, ratio)
    shares = (np.arange(200000) + 0.5) / 200000
    bounds = norm.ppf(0.5 + shares / 2)
    observed = np.searchsorted(np.sort(np.abs(errors) / predicted), bounds, side="right") / 70
    assert miscalibration_area(predicted, errors) == pytest.approx(np.abs(observed - shares).mean(), abs=1e-5)


def test_area_of_vectors_follows_their_own_distribution():
    predicted, lengths = drawn(20000, 1.0, components=3)
    assert miscalibration_area(predicted, lengths, components=3) < 0.01
    assert miscalibration_area(predicted, lengths, components=1) > 0.05
    assert (
        kstest(norm.cdf(drawn(20000)[1] / drawn(20000)[0]), "uniform").pvalue > 0.01
    )  # the draws themselves


def test_area_of_certain_and_hopeless_predictions():
    assert miscalibration_area(np.ones(10), np.zeros(10)) == pytest.approx(0.5)
    assert miscalibration_area(np.full(10, 1e-9), np.ones(10)) == pytest.approx(0.5)


def test_diagram_by_hand():
    diagram = reliability_diagram([3.0, 1.0, 2.0, 4.0, 5.0], [1.0, 2.0, -2.0, 1.0, 7.0], bins=2)
    np.testing.assert_allclose(diagram.predicted, [np.sqrt(14 / 3), np.sqrt(41 / 2)])
    np.testing.assert_allclose(diagram.actual, [np.sqrt(3), 5.0])
    assert diagram.counts.tolist() == [3, 2]


def test_calibration_error_by_hand():
    diagram = ReliabilityDiagram(np.array([1.0, 2.0]), np.array([1.5, 1.0]), np.array([4, 4]))
    assert calibration_error(diagram) == pytest.approx(0.5)


def test_forces_that_vanish_by_symmetry_do_not_count():
    predicted, errors = drawn(1000)
    more = np.concatenate([predicted, np.full(300, 1e-16), np.zeros(5)])
    all_errors = np.concatenate([errors, np.full(300, 1e-7), np.zeros(5)])
    found, expected = reliability(more, all_errors), reliability(predicted, errors)
    assert found.left_out == 305
    assert found.negative_log_likelihood == pytest.approx(expected.negative_log_likelihood)
    assert found.likelihood_scale == pytest.approx(expected.likelihood_scale)
    assert vanishing(more)[1000:].all()
    assert not vanishing(predicted).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reliability([], []), r"have shape \(0,\), errors \(0,\); pass one of each for every sample"),
        (lambda: reliability([1.0, 2.0], [1.0]), r"shape \(2,\), errors \(1,\)"),
        (lambda: reliability([1.0, np.nan], [1.0, 1.0]), "negative, or a number is not finite"),
        (lambda: reliability([1.0, -1.0], [1.0, 1.0]), "a predicted standard deviation is negative"),
        (lambda: reliability([0.0, 0.0], [1.0, 1.0]), "all predicted standard deviations are zero"),
        (lambda: reliability([1.0, 2.0], [1.0, 1.0]), "2 samples cannot fill 10 bins; choose 1 to 2 bins"),
        (lambda: reliability_diagram([1.0], [1.0], bins=0), "1 samples cannot fill 0 bins"),
        (lambda: likelihood_scale([1.0, 0.0], [1.0, 1.0]), "standard deviation is zero; leave out samples"),
        (lambda: negative_log_likelihood([0.0], [1.0]), "a predicted standard deviation is zero"),
        (lambda: miscalibration_area([0.0], [1.0]), "forces that vanish by symmetry"),
        (lambda: miscalibration_area([1.0], [1.0], components=0), "0 components; pass 1 for single numbers"),
        (lambda: negative_log_likelihood([1.0], [1.0], components=0), "0 components"),
        (lambda: calibration_error(reliability_diagram([0.0], [1.0], bins=1)), "standard deviation is zero"),
    ],
)
def test_senseless_input_is_refused(call, message):
    with pytest.raises(ForgefieldError, match=message):
        call()
