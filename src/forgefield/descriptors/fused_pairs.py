"""How kernels for training begin: an atom's pairs with neighbours of one element, gathered into rows.

They are given vectors, not positions, and fill an array with a result for each pair, so they want to know which pairs
they took; else `fused_neighbours` says why and how.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from forgefield.descriptors.fused_lanes import WIDTH
from forgefield.descriptors.fused_neighbours import staggered
from forgefield.descriptors.fused_radial import polynomial_cutoff
from forgefield.descriptors.fused_tiles import padded


@njit(cache=True)
def places_of_pairs(offsets):  # type: ignore[no-untyped-def]
    """Places for any atom's pairs in `gather_pairs`."""
    places = WIDTH
    for i in range(len(offsets) - 1):
        places = max(places, padded(offsets[i + 1] - offsets[i]))
    return staggered(places)


@njit(cache=True, fastmath=True)
def gather_pairs(vectors, neighbours, species, first, last, element, cutoff, w, stride, which):  # type: ignore[no-untyped-def]
    """Fill w with those of an atom's pairs whose neighbours are of one element; returns their number.

    Args:
        vectors, neighbours: (P, 3) Å and (P,), of which first … last − 1 are the atom's.
        species: (N,) index of each atom's element.
        first, last, element: which pairs.
        cutoff: Å; pairs beyond it are left out.
        w: flat, for rows of unit vectors (0–2), distances (3), and `polynomial_cutoff` and its derivative (4, 5).
        stride: distance of rows, at least `places_of_pairs`.
        which: for the indices of the pairs.
    """
    found, limit = 0, cutoff * cutoff
    x, y, z, r = w[:stride], w[stride : 2 * stride], w[2 * stride : 3 * stride], w[3 * stride : 4 * stride]
    for p in range(first, last):
        if species[neighbours[p]] == element:
            dx, dy, dz = vectors[p, 0], vectors[p, 1], vectors[p, 2]
            square = dx * dx + dy * dy + dz * dz
            if square < limit:
                x[found], y[found], z[found], r[found] = dx, dy, dz, square
                which[found] = p
                found += 1
    wide = padded(found)
    for at in range(found, wide):
        x[at] = y[at] = z[at] = 0.0
        r[at] = limit
    for at in range(wide):
        inverse = 1.0 / np.sqrt(r[at])
        x[at] *= inverse
        y[at] *= inverse
        z[at] *= inverse
        r[at] *= inverse
    polynomial_cutoff(r, wide, cutoff, w[4 * stride :], w[5 * stride :])
    return found
