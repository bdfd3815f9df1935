"""Standard errors of correlated series by blocking.

Flyvbjerg & Petersen, J. Chem. Phys. 91, 461 (1989): means over ever longer blocks become independent, and the error
estimated from them rises to a plateau. The length at which it is read balances what is left of the correlation
against the scatter of the estimate itself: the shortest B with B³ > 2 T (σ_B/σ_1)⁴ (Lee, Conduit, Nemec, López Ríos &
Drummond, Phys. Rev. E 83, 066706 (2011)). Vibrations make errors fall first and rise later, so the largest of all σ_B
takes the place of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array

_FEWEST_BLOCKS = 6
"""With fewer, the error itself is wrong by a third."""


@dataclass(frozen=True, slots=True)
class BlockedMean:
    """The mean of a correlated series.

    Attributes:
        value: mean.
        error: its standard error.
        block_length: samples of a block in which the error was read.
        settled: whether blocks of that length are independent; otherwise the error is a lower bound.
    """

    value: float
    error: float
    block_length: int
    settled: bool


def blocked_mean(series: Array) -> BlockedMean:
    """Mean and standard error of a stationary series.

    Args:
        series: (T,) evenly spaced samples.

    Raises:
        ForgefieldError: fewer than two samples, or one that is not finite.
    """
    if len(series) < 2 or not np.isfinite(series).all():
        raise ForgefieldError(
            f"no error can be estimated from {len(series)} samples"
            + ("" if np.isfinite(series).all() else ", some of which are not finite"),
            "sample more often or run longer, and look for a run that broke down",
        )
    error, length, settled = _read(np.asarray(series, dtype=np.float64)[:, None])
    return BlockedMean(float(np.mean(series)), float(error[0]), int(length[0]), bool(settled[0]))


def standard_error(values: Array) -> Array:
    """Of the mean over the first axis of independent values (n, …); not a number for a single one."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(len(values)))


def blocked_errors(series: Array) -> Array:
    """Standard errors of the means over time of many columns at once, such as the bins of a curve.

    Args:
        series: (T, …); of a single sample nothing is known: not a number.

    Returns:
        (…), the shape of one sample.
    """
    columns = np.asarray(series, dtype=np.float64).reshape(len(series), -1)
    if len(columns) < 2:
        return np.full(series.shape[1:], np.nan)
    return _read(columns)[0].reshape(series.shape[1:])


def blocking(series: Array) -> tuple[NDArray[np.int64], Array]:
    """Block lengths 1, 2, 4 … (L,) and the standard errors (L, K) that they give for the means of K columns."""
    means = np.asarray(series, dtype=np.float64)
    lengths, errors = [], []
    length = 1
    while len(means) >= 2:
        lengths.append(length)
        errors.append(means.std(axis=0, ddof=1) / np.sqrt(len(means)))
        means = pair_means(means)
        length *= 2
    return np.array(lengths, dtype=np.int64), np.array(errors)


def pair_means(series: Array) -> Array:
    """(T // 2, …) means of neighbouring samples; a last one without a partner is left out."""
    even = len(series) // 2 * 2
    return np.asarray(0.5 * (series[0:even:2] + series[1:even:2]))


def _read(columns: Array) -> tuple[Array, NDArray[np.int64], NDArray[np.bool_]]:
    """Error, block length and whether it is settled, each (K,)."""
    n_samples = len(columns)
    lengths, errors = blocking(columns)
    usable = (n_samples // lengths >= _FEWEST_BLOCKS) | (lengths == 1)
    seen = np.where(usable[:, None], errors, 0.0)
    growth = seen.max(axis=0) / np.where(errors[0] > 0, errors[0], 1.0)
    enough = usable[:, None] & (lengths[:, None] ** 3.0 > 2.0 * n_samples * growth**4)
    settled = enough.any(axis=0)
    # Where no length will do, the largest error seen is nearest to the truth.
    place = np.where(settled, enough.argmax(axis=0), seen.argmax(axis=0))
    return errors[place, np.arange(columns.shape[1])], lengths[place], settled
