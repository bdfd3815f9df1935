"""Bayesian linear regression on sums: every prediction with its variance, every hyperparameter from the data.

Values t of several kinds k (energies, forces, stresses) are linear in the same C weights w, each kind with a noise
of its own: t = φ·w + noise of precision β_k times the row's weight, prior p(w) = N(0, 1/α). Bishop, Pattern
Recognition and Machine Learning (2006), sections 3.3 and 3.5; MacKay, Neural Computation 4, 415 (1992). The data enter
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

_PRECISIONS = (1e-10, 1e20)
"""Smallest and largest precision of prior and noise."""
_RELATIVE_FLOOR = 1e-6
"""Smallest noise, as a share of the values' root mean square: exact data leave a residual of rounding errors alone."""
_ROUNDING = 1e-16
_HALVINGS = 20
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


def maximise_evidence(
    sums: RegressionSums,
    start: Hyperparameters | None = None,
    noise_floors: tuple[float, ...] | None = None,
    noise_ratios: tuple[float, ...] | None = None,
    tolerance: float = 1e-3,
    most_steps: int = 200,
) -> Posterior:
    """The posterior for the hyperparameters that make the data most probable, by MacKay's fixed-point updates.

    With γ_k = β_k tr(G_k Σ): α = (C − α tr Σ)/|mean|² and β_k = (n_k − γ_k)/residual_k. Where such a step would lower
    the evidence, half of it (in the logarithms) is taken, and so on.

    Args:
        sums: data; a kind without rows keeps its noise precision.
        start: hyperparameters to begin with, such as those of fewer data.
        noise_floors: (K,) smallest standard deviations of the noise; those of rounding errors are kept in any case.
        noise_ratios: (K,) largest standard deviations of the noise as multiples of the first kind's, which has
            rows; infinite for none. A kind at its limit shares one precision with the first.
        tolerance: change of the logarithm of the evidence at which it ends.
        most_steps: updates after which it ends in any case.

    Raises:
        ForgefieldError: there are no rows.
    """
    if not sums.counts.any():
        raise ForgefieldError("a regression without rows has no evidence to maximise", "add data first")
    limits = _Limits.of(sums, noise_floors, noise_ratios)
    best = posterior(sums, limits.within(_default_start(sums) if start is None else start))
    for _ in range(most_steps):
        wanted = limits.within(_update(sums, best, limits.ratios))
        found = posterior(sums, wanted)
        halvings = 0
        while found.log_evidence < best.log_evidence - tolerance and halvings < _HALVINGS:
            wanted, halvings = _between(best.hyperparameters, wanted), halvings + 1
            found = posterior(sums, wanted)
        gained = found.log_evidence - best.log_evidence
        if gained > 0:
            best = found
        if gained < tolerance:
            break
    return best


@dataclass(frozen=True)
class _Limits:
    """Largest noise precisions (K,), and largest noises as multiples of the first kind's (K,)."""

    largest: Array
    ratios: Array

    @staticmethod
    def of(
        sums: RegressionSums, floors: tuple[float, ...] | None, ratios: tuple[float, ...] | None
    ) -> _Limits:
        variances = _RELATIVE_FLOOR**2 * sums.squares / np.maximum(sums.counts, 1)
        if floors is not None:
            variances = np.maximum(variances, np.square(floors))
        multiples = np.full(len(variances), np.inf)
        if ratios is not None:
            multiples[1:] = ratios[1:]
        return _Limits(1 / np.maximum(variances, 1 / _PRECISIONS[1]), multiples)

    def within(self, wanted: Hyperparameters) -> Hyperparameters:
        noise = np.clip(wanted.noise_precisions, *_PRECISIONS)
        noise = np.minimum(np.maximum(noise, noise[0] / self.ratios**2), self.largest)
        return Hyperparameters(float(np.clip(wanted.prior_precision, *_PRECISIONS)), tuple(noise.tolist()))


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


def _update(sums: RegressionSums, now: Posterior, ratios: Array) -> Hyperparameters:
    alpha, betas = now.hyperparameters.prior_precision, np.array(now.hyperparameters.noise_precisions)
    present = sums.counts > 0
    determined = max(len(now.mean) - alpha * float((now.root**2).sum()), 1e-12)
    # Rounding may make a kind seem to determine no weights, or more weights than it has rows.
    free = sums.counts - np.clip(now.effective_parameters, 0.0, sums.counts * (1 - 1e-9))
    residuals = np.maximum(now.residuals, 1e-300)
    wanted = np.where(present, np.minimum(free / residuals, _PRECISIONS[1]), betas)
    tied = np.arange(len(betas)) == 0
    while present[0]:
        # The kinds that share a precision are one kind with residuals in units of their ratios.
        scales = np.where(tied & (np.arange(len(betas)) > 0), ratios, 1.0)
        shared = free[tied].sum() / (residuals / scales**2)[tied].sum()
        wanted = np.where(tied & present, shared / scales**2, wanted)
        beyond = present & ~tied & (wanted * ratios**2 < wanted[0])
        if not beyond.any():
            break
        tied |= beyond
    # Below this the prior would be lost in the rounding errors of the sums.
    smallest = _ROUNDING * float(betas @ np.trace(sums.grams, axis1=1, axis2=2))
    prior = determined / max(float(now.mean @ now.mean), 1e-300)
    return Hyperparameters(max(prior, smallest), tuple(wanted.tolist()))


def _default_start(sums: RegressionSums) -> Hyperparameters:
    """Noise of a tenth of the values, weights of order one."""
    mean_squares = sums.squares / np.maximum(sums.counts, 1)
    precisions = np.where(mean_squares > 0, 100 / np.where(mean_squares > 0, mean_squares, 1.0), 1.0)
    return Hyperparameters(1.0, tuple(precisions.tolist()))


def _between(one: Hyperparameters, other: Hyperparameters) -> Hyperparameters:
    """Geometric means."""
    pairs = zip(one.noise_precisions, other.noise_precisions, strict=True)
    return Hyperparameters(
        float(np.sqrt(one.prior_precision * other.prior_precision)),
        tuple(float(np.sqrt(a * b)) for a, b in pairs),
    )
