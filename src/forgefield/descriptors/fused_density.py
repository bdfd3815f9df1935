"""From one group of neighbours to sums A[k, lm] = Σ_j f_k(r_j) Y_lm(r̂_j), and from ∂E/∂A back to the neighbours.

What families of density expansions share of their fused kernels; what they make of A is their own. Rows of flat
arrays over neighbours are `stride` apart; a group begins at place `begin` of each row and is padded to a multiple
of 8. Degree 0, whose harmonic is constant, is the row of plain sums Σ_j f_k that `accumulate_sums` gives.
"""

from __future__ import annotations

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from forgefield.descriptors.fused_harmonics import harmonic_pull, harmonic_rows
from forgefield.descriptors.fused_lanes import VECTOR, WIDTH, Lanes, data_of, spread, vector_at
from forgefield.descriptors.fused_tiles import padded, product, transposed


@njit(cache=True, fastmath=True)
def accumulate_sums(f, begin, n, stride, n_functions, sums):  # type: ignore[no-untyped-def]
    """sums[k] = Σ_j f[k, j] over places begin … begin + n − 1."""
    for k in range(n_functions):
        row = f[k * stride + begin : k * stride + begin + n]
        total = 0.0
        for j in range(n):
            total += row[j]
        sums[k] = total


@njit(cache=True, fastmath=True)
def accumulate(here, f, begin, n, stride, l_max, y, turned, width, expansion, rows):  # type: ignore[no-untyped-def]
    """expansion[k, lm] = Σ_j f_k Y_lm for degrees 1 … l_max, and y[lm, j] for the way back.

    Args:
        here: `Surroundings` with unit vectors.
        f: flat radial functions, row k at ``k * stride``; `width` rows.
        begin, n: the group, n a multiple of 8.
        stride: length of a row of f and y.
        l_max: highest degree.
        y: flat, `rows` rows, filled with the harmonics.
        turned: scratch of n × (width + rows).
        width: number of radial functions, padded to a multiple of 8.
        expansion: flat, width × rows.
        rows: number of harmonics, (l_max + 1)² − 1, padded to a multiple of 8.
    """
    harmonic_rows(here.all, begin, len(here.x), n, l_max, y, begin, stride)
    other = turned[n * width :]
    transposed(f, begin, stride, width, n, turned, width)
    transposed(y, begin, stride, rows, n, other, rows)
    product(turned, 0, width, other, 0, rows, n, expansion, 0, rows, width, rows)


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def slope_of_rows(typing_context, df, df_at, p, p_at, stride, constants, n_functions, out, out_at, n):  # type: ignore[no-untyped-def]
    """out[j] = Σ_k df[k, j] (p[k, j] + constants[k])."""
    place = types.intp
    signature = types.void(df, place, p, place, place, constants, place, out, place, place)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        _, df_at, _, p_at, stride, _, n_functions, _, out_at, n = arguments
        df, p, constants, out = (
            data_of(context, builder, signature, arguments, which) for which in (0, 2, 5, 7)
        )
        with cgutils.for_range_slice(builder, n.type(0), n, n.type(WIDTH), n.type) as (shift, _):
            total = cgutils.alloca_once_value(builder, VECTOR([0.0] * WIDTH))
            with cgutils.for_range_slice(builder, n.type(0), n_functions, n.type(1), n.type) as (k, _):
                here = builder.add(builder.mul(k, stride), shift)
                d, factor = (
                    Lanes(builder, builder.load(vector_at(builder, data, builder.add(at, here)), align=8))
                    for data, at in ((df, df_at), (p, p_at))
                )
                constant = Lanes(builder, spread(builder, builder.load(builder.gep(constants, [k]))))
                builder.store((Lanes(builder, builder.load(total)) + d * (factor + constant)).value, total)
            builder.store(builder.load(total), vector_at(builder, out, builder.add(out_at, shift)), align=8)
        return context.get_dummy_value()

    return signature, generate


@njit(cache=True, fastmath=True)
def pull_back(here, df, f, begin, n, stride, n_functions, l_max, y, cotangent, turned, sums_cotangent, g):  # type: ignore[no-untyped-def]
    """From ∂E/∂A to `slope` and gx, gy, gz of the group, as `scatter` wants them.

    Args:
        here, f, begin, n, stride, l_max, y: as in `accumulate`.
        df: flat, derivatives of f.
        n_functions: number of radial functions.
        cotangent: flat (width × rows), ∂E/∂expansion.
        turned: the same transposed (rows × width).
        sums_cotangent: ∂E/∂sums of the same functions; zeros where there are none.
        g: scratch of as many rows of `stride` as y and f have.
    """
    n_rows = (l_max + 1) ** 2 - 1
    width, rows = padded(n_functions), padded(n_rows)
    product(turned, 0, width, y, begin, stride, n_rows, g, begin, stride, padded(n_functions, 4), n)
    slope_of_rows(df, begin, g, begin, stride, sums_cotangent, n_functions, here.slope, begin, n)
    product(cotangent, 0, rows, f, begin, stride, n_functions, g, begin, stride, rows, n)
    places = len(here.x)
    harmonic_pull(here.all, begin, places, n, l_max, g, begin, stride, here.all, 4 * places + begin, places)
