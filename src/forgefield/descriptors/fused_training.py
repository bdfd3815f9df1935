"""The three kernels of the density expansion for harmonics up to degree 4: an atom's neighbours are taken together.

What they compute is said in `density`; the loops over single pairs there serve higher degrees. Rows of flat arrays
are `stride` apart, one for each radial function or harmonic, with the neighbours of one species side by side.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from forgefield.descriptors.fused_density import slope_of_rows
from forgefield.descriptors.fused_harmonics import harmonic_pull, harmonic_push, harmonic_rows
from forgefield.descriptors.fused_pairs import gather_pairs, places_of_pairs
from forgefield.descriptors.fused_radial import chebyshev_rows
from forgefield.descriptors.fused_tiles import padded, product, product_added, transposed

_Y00 = 0.5 / np.sqrt(np.pi)
_ROWS = 12
"""Rows for unit vectors (0–2), distances (3), radial work (4–7), a slope (8) and a vector (9–11) of each pair."""


@njit(cache=True)
def _sizes(offsets, n_radial, l_max):  # type: ignore[no-untyped-def]
    """Places for an atom's neighbours, padded numbers of radial functions and of harmonics, work space of a thread."""
    places, functions, rows = places_of_pairs(offsets), padded(n_radial), padded((l_max + 1) ** 2 - 1)
    return (
        places,
        functions,
        rows,
        (_ROWS + 4 * functions + 4 * rows) * places + 2 * functions * rows + functions,
    )


@njit(cache=True, fastmath=True, parallel=True)
def values(vectors, neighbours, offsets, species, cutoff, n_species, n_radial, l_max, n_threads):  # type: ignore[no-untyped-def]
    """A (N, S, R, L)."""
    n_atoms, harmonics = len(offsets) - 1, (l_max + 1) ** 2
    result = np.zeros((n_atoms, n_species, n_radial, harmonics))
    stride, functions, rows, size = _sizes(offsets, n_radial, l_max)
    work = np.zeros((n_threads, size))
    indices = np.zeros((n_threads, stride), dtype=np.int64)
    for t in prange(n_threads):
        _values_of(t * n_atoms // n_threads, (t + 1) * n_atoms // n_threads, vectors, neighbours, offsets, species,
                   cutoff, n_species, n_radial, l_max, stride, functions, rows,
                   work[t], indices[t], result)  # fmt: skip
    return result


@njit(cache=True, fastmath=True)
def _values_of(  # type: ignore[no-untyped-def]
    start, stop, vectors, neighbours, offsets, species, cutoff, n_species, n_radial, l_max, stride,
    functions, rows, w, which, result,
):  # fmt: skip
    f = w[_ROWS * stride :]
    df, y = f[functions * stride :], f[2 * functions * stride :]
    f_turned = y[rows * stride :]
    y_turned, block = f_turned[functions * stride :], f_turned[(functions + rows) * stride :]
    for i in range(start, stop):
        for z in range(n_species):
            found = gather_pairs(
                vectors, neighbours, species, offsets[i], offsets[i + 1], z, cutoff, w, stride, which
            )
            n = padded(found)
            if n == 0:
                continue
            chebyshev_rows(w[3 * stride :], n, cutoff, n_radial, w[4 * stride :], stride, f, 0, df, 0, stride)
            harmonic_rows(w, 0, stride, n, l_max, y, 0, stride)
            transposed(f, 0, stride, functions, n, f_turned, functions)
            transposed(y, 0, stride, rows, n, y_turned, rows)
            product(f_turned, 0, functions, y_turned, 0, rows, n, block, 0, rows, functions, rows)
            out = result[i, z]
            for k in range(n_radial):
                total = 0.0
                row = f[k * stride : k * stride + n]
                for at in range(n):
                    total += row[at]
                out[k, 0] = _Y00 * total
                for h in range(1, out.shape[1]):
                    out[k, h] = block[k * rows + h - 1]


@njit(cache=True, fastmath=True, parallel=True)
def pull(vectors, neighbours, offsets, species, cutoff, n_radial, l_max, cotangent, n_threads):  # type: ignore[no-untyped-def]
    """(P, 3) gradient of Σ cotangent·A with respect to pair vectors."""
    n_atoms = len(offsets) - 1
    result = np.zeros(vectors.shape)
    stride, functions, rows, size = _sizes(offsets, n_radial, l_max)
    work = np.zeros((n_threads, size))
    indices = np.zeros((n_threads, stride), dtype=np.int64)
    for t in prange(n_threads):
        _pull_of(t * n_atoms // n_threads, (t + 1) * n_atoms // n_threads, vectors, neighbours, offsets, species,
                 cutoff, n_radial, l_max, cotangent, stride, functions, rows, work[t], indices[t], result)  # fmt: skip
    return result


@njit(cache=True, fastmath=True)
def _pull_of(  # type: ignore[no-untyped-def]
    start, stop, vectors, neighbours, offsets, species, cutoff, n_radial, l_max, cotangent, stride,
    functions, rows, w, which, result,
):  # fmt: skip
    f = w[_ROWS * stride :]
    df, y = f[functions * stride :], f[2 * functions * stride :]
    g = y[rows * stride :]
    block = g[(functions + rows) * stride :]
    turned, constants = block[functions * rows :], block[2 * functions * rows :]
    for i in range(start, stop):
        for z in range(cotangent.shape[1]):
            found = gather_pairs(
                vectors, neighbours, species, offsets[i], offsets[i + 1], z, cutoff, w, stride, which
            )
            n = padded(found)
            if n == 0:
                continue
            given = cotangent[i, z]
            for k in range(n_radial):
                constants[k] = _Y00 * given[k, 0]
                for h in range(1, given.shape[1]):
                    block[k * rows + h - 1] = given[k, h]
            transposed(block, 0, rows, functions, rows, turned, functions)
            chebyshev_rows(w[3 * stride :], n, cutoff, n_radial, w[4 * stride :], stride, f, 0, df, 0, stride)
            harmonic_rows(w, 0, stride, n, l_max, y, 0, stride)
            n_rows = given.shape[1] - 1
            product(turned, 0, functions, y, 0, stride, n_rows, g, 0, stride, padded(n_radial, 4), n)
            slope_of_rows(df, 0, g, 0, stride, constants, n_radial, w, 8 * stride, n)
            product(block, 0, rows, f, 0, stride, n_radial, g, 0, stride, rows, n)
            harmonic_pull(w, 0, stride, n, l_max, g, 0, stride, w, 9 * stride, stride)
            for at in range(found):
                ux, uy, uz = w[at], w[stride + at], w[2 * stride + at]
                gx, gy, gz = w[9 * stride + at], w[10 * stride + at], w[11 * stride + at]
                inverse = 1.0 / w[3 * stride + at]
                along = w[8 * stride + at] - (gx * ux + gy * uy + gz * uz) * inverse
                out = result[which[at]]
                out[0] = gx * inverse + along * ux
                out[1] = gy * inverse + along * uy
                out[2] = gz * inverse + along * uz


@njit(cache=True, fastmath=True, parallel=True)
def push(vectors, neighbours, offsets, species, cutoff, n_species, n_radial, l_max, tangent, n_threads):  # type: ignore[no-untyped-def]
    """(N, S, R, L) derivative of A when pair vectors move along tangent (P, 3)."""
    n_atoms, harmonics = len(offsets) - 1, (l_max + 1) ** 2
    result = np.zeros((n_atoms, n_species, n_radial, harmonics))
    stride, functions, rows, size = _sizes(offsets, n_radial, l_max)
    work = np.zeros((n_threads, size))
    indices = np.zeros((n_threads, stride), dtype=np.int64)
    for t in prange(n_threads):
        _push_of(t * n_atoms // n_threads, (t + 1) * n_atoms // n_threads, vectors, neighbours, offsets, species,
                 cutoff, n_species, n_radial, l_max, tangent, stride, functions, rows,
                 work[t], indices[t], result)  # fmt: skip
    return result


@njit(cache=True, fastmath=True)
def _push_of(  # type: ignore[no-untyped-def]
    start, stop, vectors, neighbours, offsets, species, cutoff, n_species, n_radial, l_max, tangent, stride,
    functions, rows, w, which, result,
):  # fmt: skip
    f = w[_ROWS * stride :]
    df, y = f[functions * stride :], f[2 * functions * stride :]
    moved = y[rows * stride :]
    f_turned = moved[rows * stride :]
    y_turned, block = f_turned[functions * stride :], f_turned[(functions + rows) * stride :]
    for i in range(start, stop):
        for z in range(n_species):
            found = gather_pairs(
                vectors, neighbours, species, offsets[i], offsets[i + 1], z, cutoff, w, stride, which
            )
            n = padded(found)
            if n == 0:
                continue
            chebyshev_rows(w[3 * stride :], n, cutoff, n_radial, w[4 * stride :], stride, f, 0, df, 0, stride)
            # The pair's motion along its vector, and across it over its length.
            for at in range(found):
                ux, uy, uz = w[at], w[stride + at], w[2 * stride + at]
                tx, ty, tz = tangent[which[at], 0], tangent[which[at], 1], tangent[which[at], 2]
                along, inverse = ux * tx + uy * ty + uz * tz, 1.0 / w[3 * stride + at]
                w[8 * stride + at] = along
                w[9 * stride + at] = (tx - along * ux) * inverse
                w[10 * stride + at] = (ty - along * uy) * inverse
                w[11 * stride + at] = (tz - along * uz) * inverse
            for at in range(found, n):
                w[8 * stride + at] = w[9 * stride + at] = w[10 * stride + at] = w[11 * stride + at] = 0.0
            harmonic_rows(w, 0, stride, n, l_max, y, 0, stride)
            harmonic_push(w, 0, 9 * stride, stride, n, l_max, moved, 0, stride)
            transposed(f, 0, stride, functions, n, f_turned, functions)
            transposed(moved, 0, stride, rows, n, y_turned, rows)
            product(f_turned, 0, functions, y_turned, 0, rows, n, block, 0, rows, functions, rows)
            along_rows = w[8 * stride : 8 * stride + n]
            for k in range(n_radial):
                row = df[k * stride : k * stride + n]
                for at in range(n):
                    row[at] *= along_rows[at]
            transposed(df, 0, stride, functions, n, f_turned, functions)
            transposed(y, 0, stride, rows, n, y_turned, rows)
            product_added(f_turned, 0, functions, y_turned, 0, rows, n, block, 0, rows, functions, rows)
            out = result[i, z]
            for k in range(n_radial):
                total = 0.0
                row = df[k * stride : k * stride + n]
                for at in range(n):
                    total += row[at]
                out[k, 0] = _Y00 * total
                for h in range(1, out.shape[1]):
                    out[k, h] = block[k * rows + h - 1]
