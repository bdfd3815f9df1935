"""Time correlation by fast Fourier transform, for long series of many columns."""

from __future__ import annotations

import numpy as np
from scipy import fft

from forgefield.atoms.records import Array

_MOST_NUMBERS = 4_000_000
"""Of one transform, so that memory stays bounded for many atoms."""


def autocorrelation(series: Array, lags: int) -> Array:
    """⟨x(t) x(t + k)⟩ over all T − k time origins, for each column (Wiener–Khinchin, padded with zeros).

    Args:
        series: (T, …) evenly spaced in time; a mean that should not count is taken off before.
        lags: at most T.

    Returns:
        (lags, …).
    """
    n_times = len(series)
    length = fft.next_fast_len(n_times + lags, real=True)
    columns = np.asarray(series, dtype=np.float64).reshape(n_times, -1)
    found = np.empty((lags, columns.shape[1]))
    width = max(1, _MOST_NUMBERS // length)
    for first in range(0, columns.shape[1], width):
        spectrum = fft.rfft(columns[:, first : first + width], length, axis=0)
        found[:, first : first + width] = fft.irfft(np.abs(spectrum) ** 2, length, axis=0)[:lags]
    origins = n_times - np.arange(lags)
    return np.asarray((found / origins[:, None]).reshape(lags, *series.shape[1:]))


def mean_square_displacement(positions: Array, lags: int) -> Array:
    """⟨|r(t + k) − r(t)|²⟩ over all T − k time origins, Å², for each column.

    The squares are summed by recursion, the product is a correlation: Kneller, Keiner, Kneller & Schiller, Comput.
    Phys. Commun. 91, 191 (1995).

    Args:
        positions: (T, …) unwrapped coordinates, Å, evenly spaced in time.
        lags: at most T.

    Returns:
        (lags, …).
    """
    # The mean does not matter, but would cost digits where atoms have come far.
    centred = positions - positions.mean(axis=0)
    squares = centred**2
    sums = np.empty((lags, *squares.shape[1:]))
    sums[0] = 2 * squares.sum(axis=0)
    sums[1:] = sums[0] - np.cumsum(squares[: lags - 1] + squares[::-1][: lags - 1], axis=0)
    origins = (len(positions) - np.arange(lags)).reshape(-1, *[1] * (squares.ndim - 1))
    found = sums / origins - 2 * autocorrelation(centred, lags)
    found[0] = 0.0
    return np.asarray(np.maximum(found, 0.0))
