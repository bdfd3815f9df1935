"""Bayesian regression on sums: against dense formulas on stacked rows, and against data whose truth is known."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.bayesian_regression import (
    Hyperparameters,
    RegressionSums,
    posterior,
)
from forgefield.potentials.evidence import maximise_evidence

KNOWN = Hyperparameters(0.7, (4.0, 25.0, 1.5))


def case(seed=0, counts=(5, 30, 6), columns=8):
    rng = np.random.default_rng(seed)
    rows = [rng.normal(size=(n, columns)) for n in counts]
    values = [rng.normal(size=n) for n in counts]
    weights = [rng.uniform(0.3, 3.0, size=n) for n in counts]
    return rows, values, weights


def summed(rows, values, weights):
    sums = RegressionSums.empty(len(rows), rows[0].shape[1])
    for kind, parts in enumerate(zip(rows, values, weights, strict=True)):
        sums = sums.plus(kind, *parts)
    return sums


def synthetic(seed, counts=(60, 900, 120), columns=40, alpha=0.25, noises=(0.02, 0.3, 1.5)):
    rng = np.random.default_rng(seed)
    weights = rng.normal(scale=alpha**-0.5, size=columns)
    rows = [rng.normal(size=(n, columns)) for n in counts]
    values = [
        each @ weights + rng.normal(scale=noise, size=len(each))
        for each, noise in zip(rows, noises, strict=True)
    ]
    return summed(rows, values, [np.ones(n) for n in counts]), weights, noises


def test_mean_covariance_and_evidence_are_the_textbook_s():
    rows, values, weights = case()
    found = posterior(summed(rows, values, weights), KNOWN)
    precision = np.concatenate([b * w for b, w in zip(KNOWN.noise_precisions, weights, strict=True)])
    stacked, targets = np.concatenate(rows), np.concatenate(values)
    covariance = np.linalg.inv(KNOWN.prior_precision * np.eye(8) + stacked.T @ (precision[:, None] * stacked))
    mean = covariance @ stacked.T @ (precision * targets)
    marginal = stacked @ stacked.T / KNOWN.prior_precision + np.diag(1 / precision)
    evidence = multivariate_normal(np.zeros(len(targets)), marginal).logpdf(targets)
    np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.root @ found.root.T, covariance, rtol=0, atol=1e-10)
    assert found.log_evidence == pytest.approx(evidence, rel=1e-10)
    assert found.jitter == 0.0
    for kind, (row, value, weight) in enumerate(zip(rows, values, weights, strict=True)):
        gram = row.T @ (weight[:, None] * row)
        expected = KNOWN.noise_precisions[kind] * np.trace(gram @ covariance)
        assert found.effective_parameters[kind] == pytest.approx(expected, rel=1e-10)
        assert found.residuals[kind] == pytest.approx(weight @ (value - row @ mean) ** 2, rel=1e-10)


def test_variances_are_those_of_the_covariance():
    found = posterior(summed(*case()), KNOWN)
    rows = np.random.default_rng(3).normal(size=(5, 8))
    expected = rows @ found.root @ found.root.T @ rows.T
    np.testing.assert_allclose(found.covariance(rows), expected, atol=1e-12)
    np.testing.assert_allclose(found.variance(rows), np.diag(expected), atol=1e-12)


def test_samples_have_the_posterior_s_mean_and_covariance():
    found = posterior(summed(*case()), KNOWN)
    drawn = found.samples(np.random.default_rng(0), 200_000)
    assert drawn.shape == (200_000, 8)
    np.testing.assert_allclose(drawn.mean(axis=0), found.mean, atol=3e-3)
    np.testing.assert_allclose(np.cov(drawn.T), found.root @ found.root.T, atol=2e-3)


def test_row_by_row_is_all_at_once_and_sums_add_up():
    rows, values, weights = case()
    whole = summed(rows, values, weights)
    steps = RegressionSums.empty(3, 8)
    for kind in range(3):
        for k in range(len(values[kind])):
            steps = steps.plus(kind, rows[kind][k : k + 1], values[kind][k : k + 1], float(weights[kind][k]))
    parts = [summed(*([each[part] for each in side] for side in (rows, values, weights)))
             for part in (slice(0, 3), slice(3, None))]  # fmt: skip
    for other in (steps, parts[0] + parts[1]):
        for name, expected in vars(whole).items():
            np.testing.assert_allclose(getattr(other, name), expected, rtol=1e-12, atol=1e-12)
    one, other = maximise_evidence(whole), maximise_evidence(steps)
    np.testing.assert_allclose(other.mean, one.mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(other.root, one.root, rtol=0, atol=1e-9)


def test_scaled_chosen_and_shifted_sums_are_those_of_changed_rows():
    rows, values, weights = case()
    sums = summed(rows, values, weights)
    factors = np.linspace(0.1, 3.0, 8)
    chosen = np.array([5, 2, 3])
    shifted = [values[0] - 0.8 * rows[0][:, 2], *values[1:]]
    for given, expected in (
        (sums.scaled(factors), summed([each * factors for each in rows], values, weights)),
        (sums.of(chosen), summed([each[:, chosen] for each in rows], values, weights)),
        (sums.shifted(0, 2, 0.8), summed(rows, shifted, weights)),
    ):
        for name, field in vars(expected).items():
            np.testing.assert_allclose(getattr(given, name), field, rtol=1e-12, atol=1e-12)


def test_weight_zero_leaves_out_and_weight_is_precision():
    rows, values, _ = case()
    sums = summed(rows, values, [np.ones(len(each)) for each in values])
    same = sums.plus(1, rows[1], 100 * values[1], 0.0)
    for name, field in vars(sums).items():
        np.testing.assert_array_equal(getattr(same, name), field)
    heavy = summed(rows, values, [np.full(len(each), 4.0) for each in values])
    strong = dataclasses.replace(KNOWN, noise_precisions=tuple(4 * b for b in KNOWN.noise_precisions))
    one, other = posterior(heavy, KNOWN), posterior(sums, strong)
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-12)
    assert one.log_evidence == pytest.approx(other.log_evidence, rel=1e-12)


def test_the_evidence_is_at_its_maximum():
    sums, _, _ = synthetic(1)
    best = maximise_evidence(sums, tolerance=1e-10)
    for factor in (0.97, 1.03):
        for place in range(4):
            alpha, betas = (
                best.hyperparameters.prior_precision,
                list(best.hyperparameters.noise_precisions),
            )
            if place == 3:
                alpha *= factor
            else:
                betas[place] *= factor
            assert posterior(sums, Hyperparameters(alpha, tuple(betas))).log_evidence < best.log_evidence


def test_noise_levels_are_found():
    found = np.array(
        [maximise_evidence(synthetic(seed)[0]).hyperparameters.noise_precisions for seed in range(8)]
    )
    noises = (found**-0.5).mean(axis=0)
    assert (np.abs(noises / (0.02, 0.3, 1.5) - 1) < (0.1, 0.03, 0.05)).all()
    alphas = [maximise_evidence(synthetic(seed)[0]).hyperparameters.prior_precision for seed in range(8)]
    assert np.mean(alphas) == pytest.approx(0.25, rel=0.15)


def test_variances_are_calibrated():
    scores = []
    for seed in range(20):
        sums, truth, _ = synthetic(seed, counts=(10, 60, 10))
        found = maximise_evidence(sums)
        rows = np.random.default_rng((seed, 1)).normal(size=(100, 40))
        errors = rows @ (found.mean - truth)
        scores.append(np.mean(errors**2 / found.variance(rows)))
    assert np.mean(scores) == pytest.approx(1.0, abs=0.2)


def test_a_warm_start_ends_at_the_same_place():
    sums, _, _ = synthetic(2)
    cold = maximise_evidence(sums, tolerance=1e-9)
    warm = maximise_evidence(sums, cold.hyperparameters, tolerance=1e-9, most_steps=2)
    assert warm.log_evidence == pytest.approx(cold.log_evidence, abs=1e-6)
    np.testing.assert_allclose(warm.mean, cold.mean, atol=1e-6)
    far = maximise_evidence(sums, Hyperparameters(1e6, (1e-4, 1e8, 1e4)), tolerance=1e-9)
    np.testing.assert_allclose(far.mean, cold.mean, atol=1e-4)


def test_exact_data_do_not_blow_up():
    sums, truth, _ = synthetic(3, noises=(0.0, 0.0, 0.0))
    found = maximise_evidence(sums)
    assert np.isfinite(found.log_evidence)
    assert np.isfinite(found.hyperparameters.noise_precisions).all()
    np.testing.assert_allclose(found.mean, truth, atol=1e-6)


def test_noise_floors_hold():
    sums, _, _ = synthetic(3, noises=(0.0, 0.0, 0.0))
    found = maximise_evidence(sums, noise_floors=(1e-2, 1e-3, 0.0))
    assert found.hyperparameters.noise_precisions[:2] == pytest.approx((1e4, 1e6))


def test_a_kind_at_its_limit_shares_one_precision_with_the_first():
    sums, _, _ = synthetic(4)
    free = maximise_evidence(sums, tolerance=1e-10)
    loose = maximise_evidence(sums, noise_ratios=(np.inf, 100.0, np.inf), tolerance=1e-10)
    assert loose.hyperparameters.noise_precisions == pytest.approx(
        free.hyperparameters.noise_precisions, rel=1e-4
    )
    start = Hyperparameters(1.0, (1.0, 1e-6, 1.0))
    tied = maximise_evidence(sums, start, noise_ratios=(np.inf, 5.0, np.inf), tolerance=1e-10)
    alpha, (first, second, third) = vars(tied.hyperparameters).values()
    assert second == pytest.approx(first / 25, rel=1e-9)
    assert tied.log_evidence < free.log_evidence
    for factor in (0.97, 1.03):
        for other in (
            Hyperparameters(alpha * factor, (first, second, third)),
            Hyperparameters(alpha, (first * factor, second * factor, third)),
            Hyperparameters(alpha, (first, second, third * factor)),
        ):
            assert posterior(sums, other).log_evidence < tied.log_evidence


def test_fewer_rows_than_weights_and_values_of_zero():
    rows, values, _ = case(counts=(1, 3, 0))
    sums = summed(rows, values, [np.ones(len(each)) for each in values])
    found = maximise_evidence(sums, Hyperparameters(1.0, (1.0, 1.0, 7.0)))
    assert np.isfinite(found.log_evidence)
    assert found.hyperparameters.noise_precisions[2] == 7.0
    nothing = maximise_evidence(
        summed(rows, [0 * each for each in values], [np.ones(len(v)) for v in values])
    )
    np.testing.assert_array_equal(nothing.mean, 0.0)
    assert np.isfinite(nothing.log_evidence)


def test_columns_that_say_the_same_are_told_apart_by_the_prior():
    rows, values, weights = case(counts=(40, 0, 0), columns=3)
    twice = [np.concatenate([each, each], axis=1) for each in rows]
    found = posterior(summed(twice, values, weights), Hyperparameters(1e-2, (1e5, 1.0, 1.0)))
    np.testing.assert_allclose(found.mean[:3], found.mean[3:], rtol=1e-3)
    assert np.isfinite(found.root).all()


def test_a_singular_matrix_is_jittered_and_says_so():
    rows, values, weights = case(counts=(40, 0, 0), columns=3)
    twice = [np.concatenate([each, each], axis=1) for each in rows]
    found = posterior(summed(twice, values, weights), Hyperparameters(1e-10, (1e16, 1.0, 1.0)))
    assert found.jitter > 0
    assert np.isfinite(found.mean).all()


def test_impossible_rows_are_refused():
    sums = RegressionSums.empty(1, 2)
    for rows, values, weight in (
        ([[1.0, np.nan]], [1.0], 1.0),
        ([[1.0, 1.0]], [np.inf], 1.0),
        ([[1.0, 1.0]], [1.0], -1.0),
    ):
        with pytest.raises(ForgefieldError, match="not finite, or a negative weight; look at the labels"):
            sums.plus(0, np.array(rows), np.array(values), weight)
    with pytest.raises(ForgefieldError, match="without rows has no evidence"):
        maximise_evidence(sums)
    broken = dataclasses.replace(sums, grams=-np.eye(2)[None], counts=np.ones(1))
    with pytest.raises(ForgefieldError, match="their matrix is not positive"):
        posterior(broken, Hyperparameters(1e-3, (1.0,)))
