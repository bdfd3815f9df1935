"""Derivatives of the functions in `triplets.py`.

All functions of a block together need, per pair of neighbours, only dE/dcos θ, Σ dE/dlnf and Σ -dE/d[…]; from these
follow a_j, a_k and b, with a_j r_ij + b r_ik the gradient for j and a_k r_ik + b r_ij that for k.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from forgefield.descriptors.symmetry_functions.triplets import INVERSE, LOSS, PULL, X, record
from forgefield.descriptors.symmetry_functions.workspace import (
    BEND,
    CHUNK,
    COSINE,
    FIRST,
    SECOND,
    SLOPE,
    STRETCH,
)


@njit(cache=True, fastmath=True, error_model="numpy")
def triplet_gradients(c, tables, work):  # type: ignore[no-untyped-def]
    """Add the gradients Σ work.cotangent · dG/dr_ij to work.gradients, after `triplet_values`."""
    for block in range(tables.triplet_starts[c], tables.triplet_starts[c + 1]):
        local = block - tables.triplet_starts[c]
        first, n = work.blocks[local, 0], work.blocks[local, 1]
        record(block, tables, work)
        for begin in range(first, first + n, CHUNK):
            size = min(CHUNK, first + n - begin)
            _weigh(begin, size, block, tables, work)
        e1, e2 = tables.triplet_blocks[block, 0], tables.triplet_blocks[block, 1]
        _scatter(
            work.segments[e1, 0], work.segments[e1, 1], work.segments[e2, 0], work.segments[e2, 1],
            work.rows, local, work.records, work.partner, work.per_triplet, work.sums, work.gradients,
        )  # fmt: skip


@njit(cache=True, fastmath=True, error_model="numpy")
def _weigh(begin, size, block, tables, work):  # type: ignore[no-untyped-def]
    """dE/dlnf to FIRST, -dE/d[…] to SECOND, dE/dcos to STRETCH; 2 dE/d(r_jk²) to BEND."""
    first, end = np.uint64(begin), np.uint64(size)
    chunk, per_triplet, exponentials = work.chunk, work.per_triplet, work.exponentials
    power, lowered = work.powers, work.lowered
    for t in range(end):
        chunk[0, t] = 0.0
        chunk[1, t] = 0.0
        chunk[2, t] = 0.0
    first_eta = tables.triplet_eta_starts[block]
    start = tables.triplet_power_starts[block]
    for eta in range(first_eta, tables.triplet_eta_starts[block + 1]):
        m = eta - first_eta
        width = tables.triplet_etas[eta]
        for t in range(end):
            chunk[3, t] = 0.0
            chunk[4, t] = 0.0
        for f in range(tables.triplet_function_starts[eta], tables.triplet_function_starts[eta + 1]):
            p = tables.triplet_functions[f, 0]
            weight = work.cotangent[tables.triplet_functions[f, 1]] * tables.triplet_factors[f]
            steep = weight * tables.triplet_powers[start + p, 0] * tables.triplet_powers[start + p, 1]
            for t in range(end):
                chunk[3, t] += weight * power[p, first + t]
                chunk[4, t] += steep * lowered[p, first + t]
        for t in range(end):
            share = exponentials[m, first + t] * chunk[3, t]
            chunk[0, t] += share
            chunk[1, t] += width * share
            chunk[2, t] += exponentials[m, first + t] * chunk[4, t]
    for t in range(end):
        per_triplet[BEND, first + t] = (
            chunk[0, t] * per_triplet[SLOPE, first + t] - chunk[1, t] * per_triplet[BEND, first + t]
        )
    for t in range(end):
        per_triplet[FIRST, first + t] = chunk[0, t]
        per_triplet[SECOND, first + t] = chunk[1, t]
        per_triplet[STRETCH, first + t] = chunk[2, t]


@njit(cache=True, fastmath=True, error_model="numpy")
def _scatter(j_first, j_end, k_first, k_end, rows, local, records, partner, per_triplet, sums, gradients):  # type: ignore[no-untyped-def]
    for k in range(k_first, k_end):
        sums[k, 0] = 0.0
        sums[k, 1] = 0.0
        sums[k, 2] = 0.0
        sums[k, 3] = 0.0
    for j in range(j_first, j_end):
        x, y, z, inverse = records[j, X], records[j, X + 1], records[j, X + 2], records[j, INVERSE]
        cutoffs = spreads = turns = bends = gx = gy = gz = 0.0
        for t in range(np.uint64(rows[local, j - j_first]), np.uint64(rows[local, j - j_first + 1])):
            k = partner[t]
            cutoff, spread = per_triplet[FIRST, t], per_triplet[SECOND, t]
            bend, stretch = per_triplet[BEND, t], per_triplet[STRETCH, t]
            other = records[k, INVERSE]
            turn = stretch * per_triplet[COSINE, t]
            across = stretch * inverse * other - bend
            cutoffs += cutoff
            spreads += spread
            turns += turn
            bends += bend
            gx += across * records[k, X]
            gy += across * records[k, X + 1]
            gz += across * records[k, X + 2]
            sums[k, 0] += across * x
            sums[k, 1] += across * y
            sums[k, 2] += across * z
            sums[k, 3] += cutoff * records[k, LOSS] - spread * records[k, PULL] - turn * other * other + bend
        along = cutoffs * records[j, LOSS] - spreads * records[j, PULL] - turns * inverse * inverse + bends
        gradients[0, j] += gx + along * x
        gradients[1, j] += gy + along * y
        gradients[2, j] += gz + along * z
    for k in range(k_first, k_end):
        for axis in range(3):
            gradients[axis, k] += sums[k, axis] + sums[k, 3] * records[k, X + axis]


@njit(cache=True, fastmath=True, error_model="numpy")
def triplet_derivatives(c, tables, work):  # type: ignore[no-untyped-def]
    """Add the derivatives of the values along work.tangent to work.values, after `triplet_values`."""
    for block in range(tables.triplet_starts[c], tables.triplet_starts[c + 1]):
        local = block - tables.triplet_starts[c]
        first, n = work.blocks[local, 0], work.blocks[local, 1]
        record(block, tables, work)
        e1 = tables.triplet_blocks[block, 0]
        _rates(
            work.segments[e1, 0], work.segments[e1, 1], work.rows, local, work.records, work.partner,
            work.per_triplet, work.tangent,
        )  # fmt: skip
        for begin in range(first, first + n, CHUNK):
            size = min(CHUNK, first + n - begin)
            _sum_derivatives(begin, size, block, tables, work)


@njit(cache=True, fastmath=True, error_model="numpy")
def _rates(j_first, j_end, rows, local, records, partner, per_triplet, tangent):  # type: ignore[no-untyped-def]
    """Rates of Σ ln f to FIRST, of […] to SECOND, of the cosine to STRETCH."""
    for j in range(j_first, j_end):
        rate_j = inverse_j = 0.0
        for axis in range(3):
            rate_j += records[j, X + axis] * tangent[axis, j]
        inverse_j = records[j, INVERSE]
        for t in range(rows[local, j - j_first], rows[local, j - j_first + 1]):
            k = partner[t]
            inverse_k = records[k, INVERSE]
            rate_k = across = between = 0.0
            for axis in range(3):
                rate_k += records[k, X + axis] * tangent[axis, k]
                across += records[j, X + axis] * tangent[axis, k] + records[k, X + axis] * tangent[axis, j]
                away = records[k, X + axis] - records[j, X + axis]
                between += away * (tangent[axis, k] - tangent[axis, j])
            per_triplet[FIRST, t] = (
                records[j, LOSS] * rate_j + records[k, LOSS] * rate_k + per_triplet[SLOPE, t] * between
            )
            per_triplet[SECOND, t] = (
                records[j, PULL] * rate_j + records[k, PULL] * rate_k + per_triplet[BEND, t] * between
            )
            per_triplet[STRETCH, t] = across * inverse_j * inverse_k - per_triplet[COSINE, t] * (
                rate_j * inverse_j * inverse_j + rate_k * inverse_k * inverse_k
            )


@njit(cache=True, fastmath=True, error_model="numpy")
def _sum_derivatives(begin, size, block, tables, work):  # type: ignore[no-untyped-def]
    per_triplet = work.per_triplet
    first_eta = tables.triplet_eta_starts[block]
    start = tables.triplet_power_starts[block]
    for eta in range(first_eta, tables.triplet_eta_starts[block + 1]):
        width = tables.triplet_etas[eta]
        for f in range(tables.triplet_function_starts[eta], tables.triplet_function_starts[eta + 1]):
            p = tables.triplet_functions[f, 0]
            steep = tables.triplet_powers[start + p, 0] * tables.triplet_powers[start + p, 1]
            total = 0.0
            for t in range(size):
                at = begin + t
                change = work.powers[p, at] * (per_triplet[FIRST, at] - width * per_triplet[SECOND, at])
                change += steep * work.lowered[p, at] * per_triplet[STRETCH, at]
                total += work.exponentials[eta - first_eta, at] * change
            work.values[tables.triplet_functions[f, 1]] += tables.triplet_factors[f] * total
