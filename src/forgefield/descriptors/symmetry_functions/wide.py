"""Wide angular functions with whole exponents, as products of moments: no loop over pairs of neighbours.

    (1 + λ cos θ)^ζ = Σ_n C(ζ, n) λ^n (û_j · û_k)^n,   (û_j · û_k)^n = Σ_{a+b+c=n} n!/(a! b! c!) m_abc(û_j) m_abc(û_k)

with m_abc(û) = x^a y^b z^c, so that G needs only M_abc = Σ_j g(r_j) m_abc(û_j), g = exp(-η (r - s)²) f(r). Where both
elements are the same, the terms j = k are subtracted: (1 + λ)^ζ Σ_j g². Monomials are ordered by degree; those of
degree n are x times all of degree n - 1, then y times those of them without x, then z times the last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.descriptors.symmetry_functions.arithmetic import LANES, accumulate_lanes, multiply_lanes

MAX_DEGREE = 8


class Wide(NamedTuple):
    """Products of moments: blocks of one pair of elements, each with its row of Gaussians."""

    degree: int  # largest of all
    rows: NDArray[np.int64]  # (C·E,) how many rows of Gaussians have moments
    degrees: NDArray[np.int64]  # (C·E,) of their moments
    starts: NDArray[np.int64]  # (C + 1,) of blocks
    blocks: NDArray[np.int64]  # (blocks, 5) e1, e2, row of e1, row of e2, degree
    function_starts: NDArray[np.int64]  # (blocks + 1,)
    coefficients: Array  # (functions, MAX_DEGREE + 1) of (û_j · û_k)^n, with all prefactors
    own: Array  # (functions,) of the terms j = k
    values: NDArray[np.int64]  # (functions,) index of the value
    multiplicities: Array  # (monomials,) n!/(a! b! c!)


def n_monomials(degree: int) -> int:
    """How many monomials there are up to a degree."""
    return (degree + 1) * (degree + 2) * (degree + 3) // 6


def multiplicities(degree: int) -> Array:
    """n!/(a! b! c!) of each monomial."""
    previous, found = [(0, 0, 0)], [1.0]
    for n in range(1, degree + 1):
        level = [(a + 1, b, c) for a, b, c in previous]
        level += [(0, b + 1, c) for a, b, c in previous if a == 0]
        level += [(0, 0, n)]
        found += [
            math.factorial(n) / (math.factorial(a) * math.factorial(b) * math.factorial(c))
            for a, b, c in level
        ]
        previous = level
    return np.array(found)


def products(
    species: Sequence[str], entries: Sequence[Sequence[Any]], rows: Sequence[Sequence[tuple[float, ...]]]
) -> Wide:
    """Tables of the wide functions.

    Args:
        species: E elements.
        entries: per centre element, its wide functions (`layout.Entry`).
        rows: per pair (c, e), the (cutoff, eta, shift) of its Gaussians.
    """
    blocks: list[dict[tuple[int, ...], list[Any]]] = []
    n_rows, degrees = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    for c, part in enumerate(entries):
        mine: dict[tuple[int, ...], list[Any]] = {}
        for entry in part:
            f = entry.function
            pairs = [c * len(species) + e for e in entry.elements]
            key = tuple(rows[pair].index((f.cutoff, f.eta, f.shift)) for pair in pairs)
            mine.setdefault((*entry.elements, *key), []).append(entry)
            for pair, row in zip(pairs, key, strict=True):
                n_rows[pair] = max(n_rows[pair], row + 1)
                degrees[pair] = max(degrees[pair], round(f.zeta))
        blocks.append(mine)
    keys = [
        (*key, max(round(x.function.zeta) for x in members))
        for mine in blocks
        for key, members in mine.items()
    ]
    flat = [(key, entry) for mine in blocks for key, members in mine.items() for entry in members]
    coefficients, own = np.zeros((len(flat), MAX_DEGREE + 1)), np.zeros(len(flat))
    for place, (key, entry) in enumerate(flat):
        zeta, lambda_ = round(entry.function.zeta), entry.function.lambda_
        factor = entry.weight * 2.0 ** (1 - zeta) * (0.5 if key[0] == key[1] else 1.0)
        for n in range(zeta + 1):
            coefficients[place, n] = factor * math.comb(zeta, n) * lambda_**n
        own[place] = factor * (1.0 + lambda_) ** zeta if key[0] == key[1] else 0.0
    sizes = [len(members) for mine in blocks for members in mine.values()]
    degree = int(degrees.max(initial=0))
    return Wide(
        degree=degree,
        rows=n_rows,
        degrees=degrees,
        starts=np.concatenate([[0], np.cumsum([len(mine) for mine in blocks])]).astype(np.int64),
        blocks=np.array(keys, dtype=np.int64).reshape(-1, 5),
        function_starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        coefficients=coefficients,
        own=own,
        values=np.array([entry.value for _, entry in flat], dtype=np.int64),
        multiplicities=multiplicities(degree),
    )


@njit(cache=True, fastmath=True, error_model="numpy")
def monomials(units, at, degree, out, offset):  # type: ignore[no-untyped-def]
    """Monomials of LANES unit vectors from place `at` on; units is flat, x, y and z one third each."""
    third = len(units) // 3
    for lane in range(LANES):
        out[offset + lane] = 1.0
    previous, current = offset, offset + LANES
    for n in range(1, degree + 1):
        size = n * (n + 1) // 2
        for t in range(size):
            multiply_lanes(out, current + t * LANES, out, previous + t * LANES, units, at)
        for t in range(n):
            source, target = previous + (size - n + t) * LANES, current + (size + t) * LANES
            multiply_lanes(out, target, out, source, units, third + at)
        multiply_lanes(
            out, current + (size + n) * LANES, out, previous + (size - 1) * LANES, units, 2 * third + at
        )
        previous = current
        current += (size + n + 1) * LANES


@njit(cache=True, fastmath=True, error_model="numpy")
def wide_values(c, tables, work):  # type: ignore[no-untyped-def]
    """Add the wide functions of centre element c to work.values; keep the moments."""
    for e in range(tables.n_species):
        pair = c * tables.n_species + e
        if tables.wide_rows[pair] > 0:
            _moments(e, tables.wide_rows[pair], tables.wide_degrees[pair], work)
    multiplicity = tables.wide_multiplicities
    for block in range(tables.wide_starts[c], tables.wide_starts[c + 1]):
        e1, e2, row1, row2 = tables.wide_blocks[block, :4]
        first = 0
        for n in range(tables.wide_blocks[block, 4] + 1):
            size = (n + 1) * (n + 2) // 2
            total = 0.0
            for t in range(first, first + size):
                total += multiplicity[t] * work.moments[e1, row1, t] * work.moments[e2, row2, t]
            first += size
            for f in range(tables.wide_function_starts[block], tables.wide_function_starts[block + 1]):
                work.values[tables.wide_values[f]] += tables.wide_coefficients[f, n] * total
        if e1 == e2:
            own = 0.0
            for j in range(work.segments[e1, 0], work.segments[e1, 1]):
                own += work.gaussians[row1, j] ** 2
            for f in range(tables.wide_function_starts[block], tables.wide_function_starts[block + 1]):
                work.values[tables.wide_values[f]] -= tables.wide_own[f] * own


@njit(cache=True, fastmath=True, error_model="numpy")
def _moments(e, n_rows, degree, work):  # type: ignore[no-untyped-def]
    n = (degree + 1) * (degree + 2) * (degree + 3) // 6
    lanes, units, gaussians = work.lanes, work.units.ravel(), work.gaussians.ravel()
    stride = work.gaussians.shape[1]
    sums = n * LANES
    for t in range(n_rows * n * LANES):
        lanes[sums + t] = 0.0
    for j in range(work.segments[e, 0], work.segments[e, 1], LANES):
        monomials(units, j, degree, lanes, 0)
        for row in range(n_rows):
            for t in range(n):
                accumulate_lanes(
                    lanes, sums + (row * n + t) * LANES, lanes, t * LANES, gaussians, row * stride + j
                )
    for row in range(n_rows):
        for t in range(n):
            total = 0.0
            for lane in range(LANES):
                total += lanes[sums + (row * n + t) * LANES + lane]
            work.moments[e, row, t] = total
