"""The slope of a mean square displacement by generalised least squares.

Displacements over overlapping intervals share steps, so values at different lags are strongly correlated, and an
ordinary fit wastes most of what a run says. For a random walk their covariance is known; weighting with it makes the
error of the slope two to three times smaller (as in Bullerjahn, von Bülow & Hummer, J. Chem. Phys. 153, 024116 (2020)),
and the slope of any straight line is found without bias even where the covariance is only roughly right. The intercept
is free: it holds vibrations and the ballistic beginning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.records import Array

_MOST_LAGS = 15
"""More, between the same ends, add next to nothing."""


def fit_lags(shortest: int, longest: int) -> NDArray[np.int64]:
    """Lags from the shortest to the longest, few enough for a well-conditioned covariance."""
    return np.unique(np.linspace(shortest, longest, _MOST_LAGS).astype(np.int64))


def slope_weights(frames: int, lags: NDArray[np.int64]) -> Array:
    """(L,) weights w with which Σ w MSD(lag) is the slope per frame.

    Args:
        frames: of the run whose displacements were averaged over all time origins.
        lags: (L,) in frames, at least two.
    """
    design = np.column_stack([np.ones(len(lags)), lags])
    covariance = random_walk_covariance(frames, lags)
    whitened = np.linalg.solve(covariance, design)
    return np.asarray(np.linalg.solve(design.T @ whitened, whitened.T)[1])


def random_walk_covariance(frames: int, lags: NDArray[np.int64]) -> Array:
    """(L, L) covariance of mean square displacements in one dimension, for steps of variance one.

    Two displacements of a Gaussian walk have as covariance the number of steps n that they share, and their squares
    2 n². Summed over all pairs of time origins.

    Args:
        frames: T, so T − 1 steps.
        lags: (L,) in frames.
    """
    steps = frames - 1
    apart = np.arange(-steps, steps + 1)
    covariance = np.empty((len(lags), len(lags)))
    for a, long in enumerate(lags):
        for b, short in enumerate(lags[: a + 1]):
            shared = np.clip(np.minimum(long, apart + short) - np.maximum(0, apart), 0, None)
            last = np.minimum(steps - long, steps - short - apart)
            pairs = np.clip(last - np.maximum(0, -apart) + 1, 0, None)
            origins = (steps - long + 1) * (steps - short + 1)
            covariance[a, b] = covariance[b, a] = 2.0 * float((shared**2 * pairs).sum()) / origins
    return covariance
