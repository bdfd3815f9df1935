"""The noise of data and the width of a prior, from the data themselves: the hyperparameters of largest evidence.

Bishop, Pattern Recognition and Machine Learning (2006), section 3.5; MacKay, Neural Computation 4, 415 (1992).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.potentials.bayesian_regression import Hyperparameters, Posterior, RegressionSums, posterior

_PRECISIONS = (1e-10, 1e20)
"""Smallest and largest precision of prior and noise."""
_RELATIVE_FLOOR = 1e-6
"""Smallest noise, as a share of the values' root mean square: exact data leave a residual of rounding errors alone."""
_ROUNDING = 1e-16
_HALVINGS = 20


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
