"""Spilling factors against projections in an explicit feature space and Gaussian processes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from forgefield.atoms.errors import ForgefieldError
from forgefield.selection.spilling import polynomial_spilling, spilling_factors


def points(count: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width))


@pytest.mark.parametrize("n_references", [1, 3, 5])
def test_linear_kernel_gives_the_share_outside_the_span(n_references):
    rows, references = points(20, 6), points(n_references, 6, seed=1)
    outside = rows - rows @ np.linalg.pinv(references) @ references
    expected = (outside**2).sum(axis=1) / (rows**2).sum(axis=1)
    np.testing.assert_allclose(polynomial_spilling(rows, references, power=1), expected, atol=1e-12)


def test_square_kernel_gives_the_share_outside_the_span_of_squares():
    rows, references = points(20, 4), points(6, 4, seed=1)

    def squares(of: np.ndarray) -> np.ndarray:
        return np.einsum("ma,mb->mab", of, of).reshape(len(of), -1)

    outside = squares(rows) - squares(rows) @ np.linalg.pinv(squares(references)) @ squares(references)
    expected = (outside**2).sum(axis=1) / (squares(rows) ** 2).sum(axis=1)
    np.testing.assert_allclose(polynomial_spilling(rows, references, power=2), expected, atol=1e-10)


def test_any_kernel_gives_the_variance_of_a_gaussian_process():
    rows, references = points(30, 3), points(8, 3, seed=1)
    kernel = RBF(1.3)
    process = GaussianProcessRegressor(kernel, alpha=1e-14, optimizer=None).fit(references, np.zeros(8))
    expected = process.predict(rows, return_std=True)[1] ** 2
    found = spilling_factors(np.ones(30), kernel(rows, references), kernel(references))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-10)


def test_known_environments_spill_nothing():
    references = points(40, 10)
    assert polynomial_spilling(references, references).max() < 1e-9
    assert polynomial_spilling(3.0 * references, references).max() < 1e-9


def test_repeated_references_change_nothing():
    rows, references = points(20, 6), points(5, 6, seed=1)
    repeated = np.concatenate([references] * 4)
    np.testing.assert_allclose(
        polynomial_spilling(rows, repeated), polynomial_spilling(rows, references), atol=1e-9
    )


def test_more_references_spill_less():
    rows, references = points(20, 6), points(30, 6, seed=1)
    spilled = np.array([polynomial_spilling(rows, references[:count]) for count in (0, 1, 5, 15, 30)])
    assert (spilled[0] == 1.0).all()
    assert (np.diff(spilled, axis=0) <= 1e-12).all()
    assert spilled.min() >= 0.0


def test_scale_of_the_kernel_does_not_matter():
    among, between = points(4, 9) @ points(4, 9).T, points(7, 9, seed=1) @ points(4, 9).T
    own = (points(7, 9, seed=1) ** 2).sum(axis=1)
    np.testing.assert_allclose(
        spilling_factors(own, between, among), spilling_factors(1e-8 * own, 1e-8 * between, 1e-8 * among)
    )


def test_nothing_to_judge():
    assert polynomial_spilling(np.empty((0, 4)), points(3, 4)).shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: spilling_factors([1.0], [[0.5]], [[1.0, 0.0], [0.0, 1.0]]),
            r"\(1,\), \(1, 1\) and \(2, 2\) do",
        ),
        (
            lambda: spilling_factors([1.0], [[0.5]], [[1.0, 0.0]]),
            r"the references' kernel has shape \(1, 2\)",
        ),
        (lambda: spilling_factors([1.0], [[np.nan]], [[1.0]]), "kernels are not finite"),
        (
            lambda: spilling_factors([1.0, 0.0], [[0.5], [0.0]], [[1.0]]),
            "environment 1 has kernel 0 with itself",
        ),
        (lambda: spilling_factors([1.0], [[0.5, 0.5]], [[1.0, 2.0], [2.0, 1.0]]), "not positive definite"),
        (lambda: polynomial_spilling(points(2, 3), points(2, 4)), "3 features, known structures 4"),
        (
            lambda: polynomial_spilling(np.array([[1.0], [0.0]]), [[1.0]]),
            "candidate features of row 1 are all zero",
        ),
        (lambda: polynomial_spilling([[1.0]], [[0.0]]), "reference features of row 0 are all zero"),
        (lambda: polynomial_spilling([[1.0]], [[1.0]], power=0), "power 0 gives no kernel"),
    ],
)
def test_senseless_input_is_refused(call, message):
    with pytest.raises(ForgefieldError, match=message):
        call()
