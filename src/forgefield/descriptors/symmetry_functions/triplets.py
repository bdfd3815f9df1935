"""Angular functions that are sums over pairs of neighbours: narrow ones, and wide ones beyond the reach of moments.

    G = 2^(1-ζ) Σ_{j<k} (1 + λ cos θ)^ζ exp(-η [(r_ij - s)² + (r_ik - s)² + (r_jk - s)²]) f(r_ij) f(r_ik) f(r_jk)

without the terms of r_jk if wide (Behler, J. Chem. Phys. 134, 074106 (2011), eqs. 9 and 10). Per block of functions the
pairs of neighbours closer than the cutoff are listed once; everything else runs over that list in vectorised pieces of
CHUNK. Loops count in uint64, since signed indices may be negative, which keeps compilers from vectorising them.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from forgefield.descriptors.symmetry_functions.arithmetic import exponential
from forgefield.descriptors.symmetry_functions.cutoffs import cutoff_function
from forgefield.descriptors.symmetry_functions.workspace import BEND, CHUNK, COSINE, FIRST, SECOND, SLOPE

# A neighbour's record: r², (r - s)², f, 1/r, f'/f/r, 2(r - s)/r, the vector.
SQUARE, SHIFTED, CUTOFF, INVERSE, LOSS, PULL, X = range(7)


@njit(cache=True, fastmath=True, error_model="numpy")
def triplet_values(c, tables, work):  # type: ignore[no-untyped-def]
    """Add the values of centre element c's functions to work.values; keep what their derivatives need."""
    first = 0
    for block in range(tables.triplet_starts[c], tables.triplet_starts[c + 1]):
        local = block - tables.triplet_starts[c]
        e1, e2 = tables.triplet_blocks[block, 0], tables.triplet_blocks[block, 1]
        narrow, cutoff = tables.triplet_blocks[block, 3], tables.cutoffs[tables.triplet_blocks[block, 2]]
        record(block, tables, work)
        j_first, j_end = work.segments[e1, 0], work.segments[e1, 1]
        n = _find(
            j_first, j_end, work.segments[e2, 0], work.segments[e2, 1], cutoff * cutoff if narrow else np.inf,
            first, work.vectors, work.lanes, work.partner, work.squares, work.rows, local,
        )  # fmt: skip
        work.blocks[local, 0] = first
        work.blocks[local, 1] = n
        _join(j_first, j_end, work.rows, local, work.records, work.partner, work.squares, work.per_triplet)
        for begin in range(first, first + n, CHUNK):
            size = min(CHUNK, first + n - begin)
            _exponentials(begin, size, block, cutoff, tables, work)
            _powers(begin, size, block, tables, work)
            _sum(begin, size, block, tables, work)
        first += n


@njit(cache=True, fastmath=True, error_model="numpy")
def record(block, tables, work):  # type: ignore[no-untyped-def]
    """Fill work.records with what a block's functions need of each neighbour."""
    q, shift = tables.triplet_blocks[block, 2], tables.triplet_shifts[block]
    records, r, inverse, vectors = work.records, work.r, work.inverse, work.vectors
    for e in range(tables.n_species):
        for j in range(work.segments[e, 0], work.segments[e, 1]):
            records[j, SQUARE] = r[j] * r[j]
            records[j, SHIFTED] = (r[j] - shift) * (r[j] - shift)
            records[j, CUTOFF] = work.cutoff[q, j]
            records[j, INVERSE] = inverse[j]
            records[j, LOSS] = work.slope[q, j] * inverse[j]
            records[j, PULL] = 2.0 * (r[j] - shift) * inverse[j]
            records[j, X] = vectors[0, j]
            records[j, X + 1] = vectors[1, j]
            records[j, X + 2] = vectors[2, j]


@njit(cache=True, fastmath=True, error_model="numpy")
def _find(j_first, j_end, k_first, k_end, limit, first, vectors, row, partner, squares, rows, local):  # type: ignore[no-untyped-def]
    """List the pairs of neighbours closer than the cutoff; their number."""
    n = np.uint64(first)
    end = np.uint64(k_end)
    for j in range(j_first, j_end):
        rows[local, j - j_first] = n
        begin = np.uint64(j + 1 if j_first == k_first else k_first)
        x, y, z = vectors[0, j], vectors[1, j], vectors[2, j]
        for k in range(begin, end):
            dx = vectors[0, k] - x
            dy = vectors[1, k] - y
            dz = vectors[2, k] - z
            row[k] = dx * dx + dy * dy + dz * dz
        for k in range(begin, end):
            square = row[k]
            partner[n] = k
            squares[n] = square
            n += np.uint64(square < limit)
    rows[local, j_end - j_first] = n
    return np.int64(n) - first


@njit(cache=True, fastmath=True, error_model="numpy")
def _join(j_first, j_end, rows, local, records, partner, squares, per_triplet):  # type: ignore[no-untyped-def]
    """Cosine, sum of the squared distances to the centre, product of the cutoff functions."""
    for j in range(j_first, j_end):
        square, shifted = records[j, SQUARE], records[j, SHIFTED]
        cutoff, half = records[j, CUTOFF], 0.5 * records[j, INVERSE]
        for t in range(np.uint64(rows[local, j - j_first]), np.uint64(rows[local, j - j_first + 1])):
            k = partner[t]
            per_triplet[COSINE, t] = (square + records[k, SQUARE] - squares[t]) * half * records[k, INVERSE]
            per_triplet[FIRST, t] = shifted + records[k, SHIFTED]
            per_triplet[SECOND, t] = cutoff * records[k, CUTOFF]


@njit(cache=True, fastmath=True, error_model="numpy")
def _exponentials(begin, size, block, cutoff, tables, work):  # type: ignore[no-untyped-def]
    """exp(-η […]) times all cutoff functions for each η; d ln f(r_jk)/dr_jk/r_jk to SLOPE, 2(r_jk - s)/r_jk to BEND."""
    first, end = np.uint64(begin), np.uint64(size)
    chunk, per_triplet, out = work.chunk, work.per_triplet, work.exponentials
    squares, shift = work.squares, tables.triplet_shifts[block]
    if tables.triplet_blocks[block, 3]:
        for t in range(end):
            chunk[0, t] = math.sqrt(squares[first + t])
        cutoff_function(tables.cutoff_kind, tables.cutoff_inner, cutoff, chunk[0][:size], chunk[1], chunk[2])
        for t in range(end):
            inverse = 1.0 / chunk[0, t]
            away = chunk[0, t] - shift
            chunk[3, t] = per_triplet[FIRST, first + t] + away * away
            per_triplet[SLOPE, first + t] = chunk[2, t] * inverse
            per_triplet[BEND, first + t] = 2.0 * away * inverse
        for t in range(end):
            chunk[1, t] *= per_triplet[SECOND, first + t]
    else:
        for t in range(end):
            chunk[3, t] = per_triplet[FIRST, first + t]
            chunk[1, t] = per_triplet[SECOND, first + t]
            per_triplet[SLOPE, first + t] = 0.0
            per_triplet[BEND, first + t] = 0.0
    first_eta = tables.triplet_eta_starts[block]
    for m in range(tables.triplet_eta_starts[block + 1] - first_eta):
        eta = -tables.triplet_etas[first_eta + m]
        for t in range(end):
            out[m, first + t] = exponential(eta * chunk[3, t]) * chunk[1, t]


@njit(cache=True, fastmath=True, error_model="numpy")
def _powers(begin, size, block, tables, work):  # type: ignore[no-untyped-def]
    """(1 + λ cos)^(ζ-1) and (1 + λ cos)^ζ for each pair (λ, ζ) of the block, to work.lowered and work.powers."""
    first, end = np.uint64(begin), np.uint64(size)
    chunk, per_triplet, power, lowered = work.chunk, work.per_triplet, work.powers, work.lowered
    start = tables.triplet_power_starts[block]
    for p in range(tables.triplet_power_starts[block + 1] - start):
        lambda_, zeta = tables.triplet_powers[start + p, 0], tables.triplet_powers[start + p, 1]
        for t in range(end):
            chunk[4, t] = max(0.0, 1.0 + lambda_ * per_triplet[COSINE, first + t])
        if zeta == int(zeta) and zeta <= 256:
            _whole_power(int(zeta) - 1, first, end, chunk, lowered, p)
        else:
            for t in range(end):
                lowered[p, first + t] = chunk[4, t] ** (zeta - 1.0) if chunk[4, t] > 0.0 else 0.0
        for t in range(end):
            power[p, first + t] = lowered[p, first + t] * chunk[4, t]


@njit(cache=True, fastmath=True, error_model="numpy")
def _whole_power(exponent, first, end, chunk, out, p):  # type: ignore[no-untyped-def]
    """By repeated squaring of chunk[4]."""
    for t in range(end):
        out[p, first + t] = chunk[4, t] if exponent & 1 else 1.0
    exponent >>= 1
    if exponent > 0:
        for t in range(end):
            chunk[5, t] = chunk[4, t] * chunk[4, t]
    while exponent > 0:
        if exponent & 1:
            for t in range(end):
                out[p, first + t] *= chunk[5, t]
        exponent >>= 1
        if exponent > 0:
            for t in range(end):
                chunk[5, t] *= chunk[5, t]


@njit(cache=True, fastmath=True, error_model="numpy")
def _sum(begin, size, block, tables, work):  # type: ignore[no-untyped-def]
    first, end = np.uint64(begin), np.uint64(size)
    exponentials, power = work.exponentials, work.powers
    first_eta = tables.triplet_eta_starts[block]
    for eta in range(first_eta, tables.triplet_eta_starts[block + 1]):
        m = eta - first_eta
        for f in range(tables.triplet_function_starts[eta], tables.triplet_function_starts[eta + 1]):
            p = tables.triplet_functions[f, 0]
            total = 0.0
            for t in range(end):
                total += exponentials[m, first + t] * power[p, first + t]
            work.values[tables.triplet_functions[f, 1]] += tables.triplet_factors[f] * total
