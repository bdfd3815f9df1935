"""Linked cells in compiled code: atoms sorted into bins, and the pairs that a walk over the bins around finds.

The walk goes bin by bin: the atoms around a bin are gathered once, in arrays that the processor reads eight at a
time, and serve all atoms of the bin (after Hockney & Eastwood, Computer Simulation Using Particles, 1981, chapter 8).
Bins are about as wide as the cutoff, half of that where atoms stand densely. In bounded directions they span the atoms.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

# Atoms in a cube of the cutoff above which narrower bins pay, by measurement from 4 to 360 neighbours.
_FULL_BIN = 25.0


@njit(cache=True)
def wrap(positions, inverse, periodic):  # type: ignore[no-untyped-def]
    """Fractions of the lattice vectors (N, 3), brought into the cell along periodic ones, and the (N, 3) whole
    numbers that this took off."""
    scaled = np.empty(positions.shape)
    wraps = np.zeros(positions.shape)
    for i in range(len(positions)):
        x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
        for axis in range(3):
            fraction = x * inverse[0, axis] + y * inverse[1, axis] + z * inverse[2, axis]
            if periodic[axis]:
                wraps[i, axis] = np.floor(fraction)
                fraction -= wraps[i, axis]
            scaled[i, axis] = fraction
    return scaled, wraps


@njit(cache=True)
def choose_bins(scaled, inverse, periodic, cutoff):  # type: ignore[no-untyped-def]
    """Where the bins begin and how far they extend in fractions (3,), their number (3,), how many of them a cutoff
    reaches over (3,), and over how many cells (3,)."""
    n_atoms = len(scaled)
    origin, extent, heights = np.zeros(3), np.ones(3), np.empty(3)
    for axis in range(3):
        if not periodic[axis] and n_atoms > 0:
            low, high = scaled[0, axis], scaled[0, axis]
            for i in range(n_atoms):
                low, high = min(low, scaled[i, axis]), max(high, scaled[i, axis])
            origin[axis] = low
            extent[axis] = max(high - low, 1e-9) * (1 + 1e-9)
        normal = np.sqrt(inverse[0, axis] ** 2 + inverse[1, axis] ** 2 + inverse[2, axis] ** 2)
        heights[axis] = extent[axis] / normal
    density = n_atoms / (heights[0] * heights[1] * heights[2])
    most_bins = 4.0 * n_atoms + 8.0
    edge = cutoff * (1 + 1e-9) / (2.0 if density * cutoff**3 > _FULL_BIN else 1.0)
    bins = np.empty(3, dtype=np.int64)
    for axis in range(3):
        bins[axis] = int(max(1.0, min(heights[axis] / edge, most_bins)))
    while bins[0] * bins[1] * bins[2] > most_bins:
        widest = np.argmax(bins)
        bins[widest] = (bins[widest] + 1) // 2
    reach, most = np.empty(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    for axis in range(3):
        reach[axis] = int(min(np.ceil(cutoff * bins[axis] / heights[axis] * (1 + 1e-12)), 1e9))
        if periodic[axis]:
            most[axis] = -(-reach[axis] // bins[axis])
        else:
            reach[axis] = min(reach[axis], bins[axis] - 1)
    return origin, extent, bins, reach, most


@njit(cache=True)
def sort_into_bins(scaled, cell, origin, extent, bins):  # type: ignore[no-untyped-def]
    """Atoms in order of bins (N,), where each bin starts (bins + 1,), and the positions (3, N) in that order, Å."""
    n_atoms = len(scaled)
    where = np.empty(n_atoms, dtype=np.int64)
    starts = np.zeros(bins[0] * bins[1] * bins[2] + 1, dtype=np.int64)
    for i in range(n_atoms):
        flat = 0
        for axis in range(3):
            place = int((scaled[i, axis] - origin[axis]) / extent[axis] * bins[axis])
            flat = flat * bins[axis] + min(max(place, 0), bins[axis] - 1)
        where[i] = flat
        starts[flat + 1] += 1
    for b in range(len(starts) - 1):
        starts[b + 1] += starts[b]
    cursor = starts[:-1].copy()
    order = np.empty(n_atoms, dtype=np.int32)
    positions = np.empty((3, n_atoms))
    for i in range(n_atoms):
        k = cursor[where[i]]
        cursor[where[i]] += 1
        order[k] = i
        for axis in range(3):
            positions[axis, k] = (
                scaled[i, 0] * cell[0, axis] + scaled[i, 1] * cell[1, axis] + scaled[i, 2] * cell[2, axis]
            )
    return order, starts, positions


@njit(cache=True)
def _runs_around(home, starts, bins, reach, most, runs):  # type: ignore[no-untyped-def]
    """Runs of neighbouring bins around one, as rows (first atom, atom after the last, image); their number, that of
    the atoms in them, and the place of the bin's own first atom among these."""
    bz = home % bins[2]
    by = home // bins[2] % bins[1]
    bx = home // (bins[2] * bins[1])
    low, high = bz - reach[2], bz + reach[2]
    first_z, last_z = max(low // bins[2], -most[2]), min(high // bins[2], most[2])
    n_runs, n, own = 0, 0, 0
    for x in range(bx - reach[0], bx + reach[0] + 1):
        sx = x // bins[0]
        if sx < -most[0] or sx > most[0]:
            continue
        for y in range(by - reach[1], by + reach[1] + 1):
            sy = y // bins[1]
            if sy < -most[1] or sy > most[1]:
                continue
            column = ((x - sx * bins[0]) * bins[1] + y - sy * bins[1]) * bins[2]
            image = ((sx + most[0]) * (2 * most[1] + 1) + sy + most[1]) * (2 * most[2] + 1) + most[2]
            for sz in range(first_z, last_z + 1):
                begin = starts[column + max(low - sz * bins[2], 0)]
                end = starts[column + min(high - sz * bins[2], bins[2] - 1) + 1]
                if x == bx and y == by and sz == 0:
                    own = n + starts[home] - begin
                runs[n_runs, 0], runs[n_runs, 1], runs[n_runs, 2] = begin, end, image + sz
                n_runs += 1
                n += end - begin
    return n_runs, n, own


@njit(cache=True)
def _gather(runs, n_runs, order, positions, translations, points, labels):  # type: ignore[no-untyped-def]
    """Copy the atoms of the runs: points (3, n), labels (atom, image; n)."""
    n = 0
    for run in range(n_runs):
        begin, end, image = runs[run, 0], runs[run, 1], runs[run, 2]
        tx, ty, tz = translations[image, 0], translations[image, 1], translations[image, 2]
        for k in range(begin, end):
            points[0, n] = positions[0, k] + tx
            points[1, n] = positions[1, k] + ty
            points[2, n] = positions[2, k] + tz
            labels[0, n] = order[k]
            labels[1, n] = image
            n += 1


@njit(cache=True)
def _within(points, n, centre, limit, hits):  # type: ignore[no-untyped-def]
    """Mark (n,) the points nearer to one of them, the centre, than the root of limit; return their number."""
    x, y, z = points[0, centre], points[1, centre], points[2, centre]
    found = 0
    for k in range(n):
        dx, dy, dz = points[0, k] - x, points[1, k] - y, points[2, k] - z
        near = dx * dx + dy * dy + dz * dz < limit
        hits[k] = near
        found += near
    hits[centre] = False
    return found - 1


@njit(cache=True)
def _walk(  # type: ignore[no-untyped-def]
    first, last, cells, translations, limit, counts, offsets, neighbours, images, same
):
    """Count the pairs of the atoms in bins first…last−1, or write them where there is room for them."""
    order, starts, positions, bins, reach, most = cells
    points, labels = np.empty((3, 256)), np.empty((2, 256), dtype=np.int32)
    hits, chosen = np.empty(256, dtype=np.bool_), np.empty(256, dtype=np.int32)
    runs = np.empty(((2 * reach[0] + 1) * (2 * reach[1] + 1) * (2 * most[2] + 1), 3), dtype=np.int64)
    for home in range(first, last):
        if starts[home] == starts[home + 1]:
            continue
        n_runs, n, own = _runs_around(home, starts, bins, reach, most, runs)
        if n > len(hits):
            points, labels = np.empty((3, 2 * n)), np.empty((2, 2 * n), dtype=np.int32)
            hits, chosen = np.empty(2 * n, dtype=np.bool_), np.empty(2 * n, dtype=np.int32)
        _gather(runs, n_runs, order, positions, translations, points, labels)
        for k in range(starts[home + 1] - starts[home]):
            i = labels[0, own + k]
            found = _within(points, n, own + k, limit, hits)
            if len(neighbours) == 0:
                counts[i] = found
                continue
            at = 0
            for candidate in range(n):
                chosen[at] = candidate
                at += hits[candidate]
            place = offsets[i]
            for at in range(found):
                j = chosen[at]
                neighbours[place + at] = labels[0, j]
                images[place + at] = labels[1, j]
                if (
                    points[0, j] == points[0, own + k]
                    and points[1, j] == points[1, own + k]
                    and points[2, j] == points[2, own + k]
                ):
                    same[0], same[1] = i, labels[0, j]


@njit(cache=True, parallel=True)
def walk_all(  # type: ignore[no-untyped-def]
    cells, translations, limit, n_chunks, counts, offsets, neighbours, images, same
):
    """Walk over all bins: fills counts (N,) when neighbours and images are empty, otherwise these (P,) themselves.

    Args:
        cells: order, starts, positions of `sort_into_bins`; bins, reach, most of `choose_bins`.
        translations: (S, 3) Å, of all images within `most`.
        limit: cutoff squared.
        n_chunks: into how many shares for the threads; with 1, none is woken.
        counts, offsets, neighbours, images: as in `PairList`.
        same: (2,) gets two atoms that are in the same place, if there are such.
    """
    starts = cells[1]
    if n_chunks == 1:
        _walk(0, len(starts) - 1, cells, translations, limit, counts, offsets, neighbours, images, same)
        return
    shares = np.arange(n_chunks + 1) * starts[-1] // n_chunks
    edges = np.searchsorted(starts, shares)
    edges[0], edges[-1] = 0, len(starts) - 1
    for chunk in prange(n_chunks):
        first, last = edges[chunk], edges[chunk + 1]
        _walk(first, last, cells, translations, limit, counts, offsets, neighbours, images, same)
