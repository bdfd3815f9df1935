"""Small dense products for kernels that do everything for one atom: register tiles written as vector instructions.

A fused kernel spends its time in products of matrices with 10 to 80 rows, too small for a library and too irregular
for the compiler to keep in registers by itself. `product` and `product_added` hold a tile of the result in registers
while they run over the terms. Matrices lie row by row in flat arrays and are named by (array, place of first element).
Row counts are multiples of 4, column counts multiples of 8; use `padded`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

from forgefield.atoms.records import Array
from forgefield.descriptors.fused_lanes import FAST, VECTOR, WIDTH, data_of, spread, vector_at


@register_jitable
def padded(count: int, multiple: int = WIDTH) -> int:
    """Smallest multiple that is not below count; also for compiled code."""
    return (count + multiple - 1) // multiple * multiple


def aligned_zeros(*shape: int) -> Array:
    """Zeros that start on a cache line, so that no vector straddles two of them if rows are multiples of 8."""
    size = int(np.prod(shape))
    memory = np.zeros(size + WIDTH)
    start = (-memory.ctypes.data // memory.itemsize) % WIDTH
    return memory[start : start + size].reshape(shape)


def padded_rows(matrix: Array, multiple: int = WIDTH) -> Array:
    """Flat and aligned, each row of a matrix (…, columns) padded with zeros to a multiple."""
    wide = aligned_zeros(*matrix.shape[:-1], padded(matrix.shape[-1], multiple))
    wide[..., : matrix.shape[-1]] = matrix
    return wide.ravel()


def _tile(rows: int, vectors: int, added: bool) -> Any:
    """Compiled out[r, c] (+)= Σ_t a[t, r] b[t, c] for `rows` rows and 8 `vectors` columns, held in registers."""

    @intrinsic  # type: ignore[untyped-decorator, unused-ignore]
    def tile(typing_context, a, a_at, a_term, b, b_at, b_term, terms, out, out_at, out_row):  # type: ignore[no-untyped-def]
        signature = types.void(
            a, types.intp, types.intp, b, types.intp, types.intp, types.intp, out, types.intp, types.intp
        )  # fmt: skip

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            first, second, result = (
                data_of(context, builder, signature, arguments, which) for which in (0, 3, 7)
            )
            _, a_at, a_term, _, b_at, b_term, terms, _, out_at, out_row = arguments
            places = [
                builder.add(
                    builder.add(out_at, builder.mul(out_row, out_row.type(r))), out_row.type(WIDTH * v)
                )
                for r in range(rows)
                for v in range(vectors)
            ]
            sums = [cgutils.alloca_once(builder, VECTOR) for _ in places]
            for place, total in zip(places, sums, strict=True):
                builder.store(
                    builder.load(vector_at(builder, result, place), align=8)
                    if added
                    else VECTOR([0.0] * WIDTH),
                    total,
                )
            with cgutils.for_range(builder, terms) as loop:
                a_place = builder.add(a_at, builder.mul(loop.index, a_term))
                b_place = builder.add(b_at, builder.mul(loop.index, b_term))
                columns = [
                    builder.load(
                        vector_at(builder, second, builder.add(b_place, b_place.type(WIDTH * v))), align=8
                    )
                    for v in range(vectors)
                ]
                for r in range(rows):
                    scalar = builder.load(builder.gep(first, [builder.add(a_place, a_place.type(r))]))
                    same = spread(builder, scalar)
                    for v in range(vectors):
                        total = sums[r * vectors + v]
                        term = builder.fmul(same, columns[v], flags=FAST)
                        builder.store(builder.fadd(builder.load(total), term, flags=FAST), total)
            for place, total in zip(places, sums, strict=True):
                builder.store(builder.load(total), vector_at(builder, result, place), align=8)
            return context.get_dummy_value()

        return signature, generate

    return tile


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def _turn(typing_context, a, a_at, a_row, out, out_at, out_row):  # type: ignore[no-untyped-def]
    """out[c, r] = a[r, c] for an 8 × 8 block: three rounds that exchange halves, quarters and neighbours."""
    signature = types.void(a, types.intp, types.intp, out, types.intp, types.intp)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        def rows(which, at, step):  # type: ignore[no-untyped-def]
            data = data_of(context, builder, signature, arguments, which)
            places = [builder.add(at, builder.mul(step, step.type(r))) for r in range(WIDTH)]
            return [vector_at(builder, data, place) for place in places]

        block = [builder.load(place, align=8) for place in rows(0, arguments[1], arguments[2])]
        for half in (4, 2, 1):
            lanes = [c if not c & half else c - half + WIDTH for c in range(WIDTH)]
            mirror = [c + half if not c & half else c + WIDTH for c in range(WIDTH)]
            masks = [ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), each) for each in (lanes, mirror)]
            for r in range(WIDTH):
                if not r & half:
                    pair = block[r], block[r + half]
                    block[r], block[r + half] = (builder.shuffle_vector(*pair, mask) for mask in masks)
        for row, place in zip(block, rows(3, arguments[4], arguments[5]), strict=True):
            builder.store(row, place, align=8)
        return context.get_dummy_value()

    return signature, generate


_tile_8_2, _tile_8_1, _tile_4_2, _tile_4_1 = (_tile(r, v, False) for r, v in ((8, 2), (8, 1), (4, 2), (4, 1)))
_more_8_2, _more_8_1, _more_4_2, _more_4_1 = (_tile(r, v, True) for r, v in ((8, 2), (8, 1), (4, 2), (4, 1)))
_tile_1_8, _tile_1_4, _tile_1_1 = (_tile(1, v, False) for v in (8, 4, 1))


@njit(cache=True)
def product(a, a_at, a_term, b, b_at, b_term, n_terms, out, out_at, out_row, n_rows, n_columns):  # type: ignore[no-untyped-def]
    """out[r, c] = Σ_t a[t, r] b[t, c]; element (t, r) of a lies at ``a_at + t a_term + r``, and so on."""
    for row in range(0, n_rows, 8):
        column = 0
        while column + 16 <= n_columns:
            at, b_from = out_at + row * out_row + column, b_at + column
            if row + 8 <= n_rows:
                _tile_8_2(a, a_at + row, a_term, b, b_from, b_term, n_terms, out, at, out_row)
            else:
                _tile_4_2(a, a_at + row, a_term, b, b_from, b_term, n_terms, out, at, out_row)
            column += 16
        if column < n_columns:
            at, b_from = out_at + row * out_row + column, b_at + column
            if row + 8 <= n_rows:
                _tile_8_1(a, a_at + row, a_term, b, b_from, b_term, n_terms, out, at, out_row)
            else:
                _tile_4_1(a, a_at + row, a_term, b, b_from, b_term, n_terms, out, at, out_row)


@njit(cache=True)
def product_added(a, a_at, a_term, b, b_at, b_term, n_terms, out, out_at, out_row, n_rows, n_columns):  # type: ignore[no-untyped-def]
    """As `product`, but added to what is in out."""
    for row in range(0, n_rows, 8):
        column = 0
        while column + 16 <= n_columns:
            at, b_from = out_at + row * out_row + column, b_at + column
            if row + 8 <= n_rows:
                _more_8_2(a, a_at + row, a_term, b, b_from, b_term, n_terms, out, at, out_row)
            else:
                _more_4_2(a, a_at + row, a_term, b, b_from, b_term, n_terms, out, at, out_row)
            column += 16
        if column < n_columns:
            at, b_from = out_at + row * out_row + column, b_at + column
            if row + 8 <= n_rows:
                _more_8_1(a, a_at + row, a_term, b, b_from, b_term, n_terms, out, at, out_row)
            else:
                _more_4_1(a, a_at + row, a_term, b, b_from, b_term, n_terms, out, at, out_row)


@njit(cache=True)
def row_product(a, a_at, b, b_at, b_term, n_terms, out, out_at, n_columns):  # type: ignore[no-untyped-def]
    """out[c] = Σ_t a[t] b[t, c]: a vector times a matrix; fastest where n_columns is a multiple of 32."""
    column = 0
    while column + 64 <= n_columns:
        _tile_1_8(a, a_at, 1, b, b_at + column, b_term, n_terms, out, out_at + column, 0)
        column += 64
    while column + 32 <= n_columns:
        _tile_1_4(a, a_at, 1, b, b_at + column, b_term, n_terms, out, out_at + column, 0)
        column += 32
    while column < n_columns:
        _tile_1_1(a, a_at, 1, b, b_at + column, b_term, n_terms, out, out_at + column, 0)
        column += 8


@njit(cache=True)
def transposed(a, a_at, a_row, n_rows, n_columns, out, out_row):  # type: ignore[no-untyped-def]
    """out[c, r] = a[r, c]; both counts are multiples of 8."""
    for row in range(0, n_rows, 8):
        for column in range(0, n_columns, 8):
            _turn(a, a_at + row * a_row + column, a_row, out, column * out_row + row, out_row)
