"""Bayesian linear regression on sums: every prediction with its variance.

Values t of several kinds k (energies, forces, stresses) are linear in the same C weights w, each kind with a noise
of its own: t = φ·w + noise of precision β_k times the row's weight, prior p(w) = N(0, 1/α). Bishop, Pattern
Recognition and Machine Learning (2006), section 3.3. The data enter
through sums over rows alone, so memory does not grow with them and a new row costs no second look at the old ones.
Columns are to come scaled, so that one prior precision suits them all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array

_JITTERS = (0.0, 1e-15, 1e-13, 1e-11, 1e-9)


@dataclass(frozen=True)
class RegressionSums:
    """Sums over weighted rows, for each of K kinds.

    Attributes:
        grams: (K, C, C) Σ g φ φᵀ with the rows' weights g.
        sides: (K, C) Σ g φ t.
        squares: (K,) Σ g t².
        counts: (K,) number of rows.
        log_weights: (K,) Σ ln g.
    """

    grams: Array
    sides: Array
    squares: Array
    counts: Array
    log_weights: Array

    @staticmethod
    def empty(n_kinds: int, n_columns: int) -> RegressionSums:
        """Sums over no row."""
        none = np.zeros(n_kinds)
        return RegressionSums(
            np.zeros((n_kinds, n_columns, n_columns)), np.zeros((n_kinds, n_columns)), none, none, none
        )

    def plus(self, kind: int, rows: Array, values: Array, weight: Array | float = 1.0) -> RegressionSums:
        """The sums with rows (n, C) and values (n,) of one kind added.

        Args:
            kind: 0 … K − 1.
            rows, values: what is added.
            weight: factor of the noise precision, of all rows or of each (n,); rows of weight 0 are left out.

        Raises:
            ForgefieldError: numbers that are not finite, or a negative weight.
        """
        weights = np.broadcast_to(np.asarray(weight, dtype=np.float64), (len(values),))
        if not (np.isfinite(rows).all() and np.isfinite(values).all() and (weights >= 0).all()):
            raise ForgefieldError(
                f"{len(values)} rows for a regression hold numbers that are not finite, or a negative weight",
                "look at the labels and weights of the structure that they belong to",
            )
        used = weights > 0
        roots = np.sqrt(weights[used])
        rows, values = rows[used] * roots[:, None], values[used] * roots
        sums = [each.copy() for each in vars(self).values()]
        parts = (rows.T @ rows, rows.T @ values, values @ values, len(values), 2 * np.log(roots).sum())
        for each, part in zip(sums, parts, strict=True):
            each[kind] += part
        return RegressionSums(*sums)

    def __add__(self, other: RegressionSums) -> RegressionSums:
        return RegressionSums(
            *(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True))
        )

    def scaled(self, factors: Array) -> RegressionSums:
        """The sums as if every column c had been multiplied by ``factors[c]`` before."""
        return replace(self, grams=self.grams * np.outer(factors, factors), sides=self.sides * factors)

    def of(self, columns: NDArray[np.int64]) -> RegressionSums:
        """The sums of some columns, in the order of their indices."""
        return replace(self, grams=self.grams[:, columns[:, None], columns], sides=self.sides[:, columns])

    def shifted(self, kind: int, column: int, change: float) -> RegressionSums:
        """The sums as if ``change`` times a column had been taken from the values of one kind before."""
        sides, squares = self.sides.copy(), self.squares.copy()
        squares[kind] += change * (change * self.grams[kind, column, column] - 2 * sides[kind, column])
        sides[kind] -= change * self.grams[kind, column]
        return replace(self, sides=sides, squares=squares)


@dataclass(frozen=True)
class Hyperparameters:
    """Precisions, which are inverse variances.

    Attributes:
        prior_precision: α of every weight.
        noise_precisions: β_k of each kind of rows, for rows of weight 1.
    """

    prior_precision: float
    noise_precisions: tuple[float, ...]


@dataclass(frozen=True)
class Posterior:
    """What the data say about the weights.

    Attributes:
        mean: (C,).
        root: (C, C) whose product with its transpose is the covariance.
        hyperparameters: from which it follows.
        log_evidence: ln p(values | hyperparameters).
        effective_parameters: (K,) how many weights each kind of rows determines.
        residuals: (K,) Σ g (t − φ·mean)².
        jitter: added to the diagonal so that it could be factorised; 0 in all but degenerate cases.
    """

    mean: Array
    root: Array
    hyperparameters: Hyperparameters
    log_evidence: float
    effective_parameters: Array
    residuals: Array
    jitter: float = 0.0

    def variance(self, rows: Array) -> Array:
        """(n,) posterior variance of rows (n, C) times the weights, without noise."""
        spread = rows @ self.root
        return np.einsum("nc,nc->n", spread, spread)

    def covariance(self, rows: Array) -> Array:
        """(n, n) posterior covariance of rows (n, C) times the weights, without noise."""
        spread = rows @ self.root
        result: Array = spread @ spread.T
        return result

    def samples(self, rng: np.random.Generator, count: int) -> Array:
        """(count, C) weights drawn from the posterior."""
        drawn: Array = self.mean + rng.standard_normal((count, self.root.shape[1])) @ self.root.T
        return drawn


def posterior(sums: RegressionSums, hyperparameters: Hyperparameters) -> Posterior:
    """Mean and covariance of the weights, and the evidence, for given hyperparameters.

    Raises:
        ForgefieldError: the sums are not those of finite rows.
    """
    alpha, betas = hyperparameters.prior_precision, np.array(hyperparameters.noise_precisions)
    matrix = np.tensordot(betas, sums.grams, axes=1)
    matrix = (matrix + matrix.T) / 2
    matrix[np.diag_indices_from(matrix)] += alpha
    factor, jitter = _factorised(matrix)
    side = betas @ sums.sides
    mean = cho_solve((factor, True), side)
    # One step of refinement: it costs a product and gains the digits that an ill-conditioned matrix loses.
    mean += cho_solve((factor, True), side - matrix @ mean)
    root = solve_triangular(factor, np.eye(len(factor)), lower=True).T
    covariance = root @ root.T
    residuals = np.maximum(sums.squares - sums.sides @ mean + (sums.grams @ mean - sums.sides) @ mean, 0.0)
    present = sums.counts > 0
    log_evidence = 0.5 * (
        len(mean) * np.log(alpha)
        + sums.counts[present] @ np.log(betas[present])
        + sums.log_weights.sum()
        - sums.counts.sum() * np.log(2 * np.pi)
        - betas @ residuals
        - alpha * (mean @ mean)
        - 2 * np.log(np.diag(factor)).sum()
    )
    return Posterior(
        mean=mean,
        root=root,
        hyperparameters=hyperparameters,
        log_evidence=float(log_evidence),
        effective_parameters=betas * np.einsum("kcd,cd->k", sums.grams, covariance),
        residuals=residuals,
        jitter=jitter,
    )


def _factorised(matrix: Array) -> tuple[Array, float]:
    """Lower Cholesky factor, and what had to be added to the diagonal for it."""
    size = float(np.trace(matrix)) / len(matrix)
    for share in _JITTERS:
        try:
            added = np.eye(len(matrix)) * (share * size) if share else 0.0
            factor: Array = cholesky(matrix + added, lower=True)
            return factor, share * size
        except (np.linalg.LinAlgError, ValueError):
            continue
    raise ForgefieldError(
        f"the equations of a regression with {len(matrix)} weights have no solution: their matrix is not positive",
        "look for numbers that are huge or not finite in the data",
    )
