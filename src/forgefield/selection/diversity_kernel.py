"""Compiled code of the diversity check: the nearest of many rows within a tolerance, and plain distances.

A projection onto orthonormal axes shortens no distance, so two rows whose projections (sketches) lie farther apart than
the tolerance need not be compared in full. Sketches are compared with many others at a time, others side by side.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

_TILE = 64
_RUN = 32
"""Features after which a full comparison asks whether it may stop."""


@njit(cache=True, fastmath=True)
def _squared(a, b, limit):  # type: ignore[no-untyped-def]
    """Squared distance of two rows, or a part of it that is above the limit already."""
    total, n = 0.0, len(a)
    for begin in range(0, n, _RUN):
        for k in range(begin, min(begin + _RUN, n)):
            difference = np.float64(a[k]) - np.float64(b[k])
            total += difference * difference
        if total > limit:
            break
    return total


@njit(cache=True, fastmath=True)
def _nearest(row, sketch, energy, others, first, last, window, slack, twin, square):  # type: ignore[no-untyped-def]
    """Nearest of the others first…last−1 that is nearer than what is known: its place, or −1, and its squared distance.

    A distance that equals the tolerance counts as within it, as long as there is no twin yet; ties go to the first.
    """
    rows, columns, energies, index = others
    tile, found = np.empty(_TILE), -1
    bound = (np.sqrt(square) + slack) ** 2
    for begin in range(first, last, _TILE):
        n = min(_TILE, last - begin)
        tile[:] = 0.0
        for c in range(len(sketch)):
            x, column = sketch[c], columns[c, begin : begin + n]
            for t in range(n):
                tile[t] += (column[t] - x) * (column[t] - x)
        for t in range(n):
            at = begin + t
            if tile[t] > bound or abs(energies[at] - energy) > window:
                continue
            given = _squared(row, rows[index[at]], square)
            if given < square or (given == square and twin < 0 and found < 0):
                found, square = at, given
                bound = (np.sqrt(square) + slack) ** 2
    return found, square


@njit(cache=True, parallel=True)
def search(order, own, others, n_others, window, slack, twins, squares, from_kept, kept):  # type: ignore[no-untyped-def]
    """Find for each row the nearest of the others, side by side.

    Args:
        order: (n,) which rows.
        own: rows (M, D), sketches (M, C), energies (M,).
        others: rows (K, D); then, for those that count, sketches as columns (C, ≥ n_others), energies and the place
            of their rows (≥ n_others,).
        n_others: how many count.
        window: largest difference of the energies.
        slack: rounding error of a sketch.
        twins: (n,) places of the nearest others, −1 where none is within the tolerance; updated.
        squares: (n,) squared distances to them, elsewhere the squared tolerance; updated.
        from_kept: (n,) set to ``kept`` where a twin was found here.
        kept: whether the others are rows that were kept.
    """
    rows, sketches, energies = own
    for p in prange(len(order)):
        i = order[p]
        found, square = _nearest(
            rows[i], sketches[i], energies[i], others, 0, n_others, window, slack, twins[p], squares[p]
        )
        if found >= 0:
            twins[p], squares[p], from_kept[p] = others[3][found], square, kept


@njit(cache=True)
def settle(order, own, kept, n_kept, window, slack, twins, squares, from_kept):  # type: ignore[no-untyped-def]
    """Go through rows one after the other, keep those without a twin, and compare each with those kept here.

    Args:
        order, own, window, slack, twins, squares, from_kept: as in `search`.
        kept: as the others of `search`, with room for all.
        n_kept: how many are kept before.

    Returns:
        How many are kept now.
    """
    rows, sketches, energies = own
    _, columns, kept_energies, index = kept
    before = n_kept
    for p in range(len(order)):
        i = order[p]
        found, square = _nearest(
            rows[i], sketches[i], energies[i], kept, before, n_kept, window, slack, twins[p], squares[p]
        )
        if found >= 0:
            twins[p], squares[p], from_kept[p] = index[found], square, True
        elif twins[p] < 0:
            columns[:, n_kept] = sketches[i]
            kept_energies[n_kept], index[n_kept] = energies[i], i
            n_kept += 1
    return n_kept


@njit(cache=True, fastmath=True, parallel=True)
def distances(rows, others):  # type: ignore[no-untyped-def]
    """(A, B) Euclidean distances, from plain differences: the shorter x² − 2xy + y² loses small ones to rounding."""
    result = np.empty((len(rows), len(others)))
    for i in prange(len(rows)):
        for j in range(len(others)):
            result[i, j] = np.sqrt(_squared(rows[i], others[j], np.finfo(np.float64).max))
    return result
