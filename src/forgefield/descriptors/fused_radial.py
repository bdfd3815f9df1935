"""Chebyshev radial functions of all neighbours of one atom, eight neighbours at a time.

f_k = T_k(x) f_c with x = 2(r/r_c − 1)² − 1 and a cutoff function f_c, such as (1 + cos πr/r_c)/2: Fan et al.,
PRB 104, 104309 (2021), eqs. 4–6. The cosine is a polynomial, since a call of the mathematical library would keep its
loop from vectorising.
"""

from __future__ import annotations

from math import factorial, pi

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from forgefield.descriptors.fused_lanes import VECTOR, WIDTH, Lanes, data_of, vector_at

# sin(πv) = v Σ S_i v^2i and cos(πv) = Σ C_i v^2i for |v| ≤ 1/2, to 1e-16.
_S = tuple((-1) ** i * pi ** (2 * i + 1) / factorial(2 * i + 1) for i in range(11))
_C = tuple((-1) ** i * pi ** (2 * i) / factorial(2 * i) for i in range(11))


@njit(cache=True, fastmath=True, inline="always")
def half_waves(u):  # type: ignore[no-untyped-def]
    """cos(πu) and sin(πu) for 0 ≤ u ≤ 1."""
    v = u - 0.5
    w = v * v
    sine = _S[10]
    cosine = _C[10]
    for i in (9, 8, 7, 6, 5, 4, 3, 2, 1, 0):
        sine = sine * w + _S[i]
        cosine = cosine * w + _C[i]
    return -sine * v, cosine


@njit(cache=True, fastmath=True)
def cosine_cutoff(r, n, cutoff, smooth, slope):  # type: ignore[no-untyped-def]
    """smooth[j] = f_c and slope[j] = df_c/dr."""
    inverse = 1.0 / cutoff
    for j in range(n):
        u = r[j] * inverse
        cosine, sine = half_waves(min(u, 1.0))
        smooth[j] = 0.5 + 0.5 * cosine if u < 1.0 else 0.0
        slope[j] = -0.5 * pi * inverse * sine if u < 1.0 else 0.0


@njit(cache=True, fastmath=True, inline="always")
def polynomial(u):  # type: ignore[no-untyped-def]
    """(1 − u²)³, smooth to second order at u = 1, and its derivative."""
    w = 1.0 - u * u
    return w * w * w, -6.0 * u * w * w


@njit(cache=True, fastmath=True)
def polynomial_cutoff(r, n, cutoff, smooth, slope):  # type: ignore[no-untyped-def]
    """smooth[j] = f_c and slope[j] = df_c/dr of `polynomial`, for r up to the cutoff."""
    inverse = 1.0 / cutoff
    for j in range(n):
        smooth[j] = polynomial(r[j] * inverse)[0]
    for j in range(n):
        slope[j] = inverse * polynomial(r[j] * inverse)[1]


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def _recur(typing_context, work, at, row, f, f_at, df, df_at, stride, n_functions, n):  # type: ignore[no-untyped-def]
    """f_k = x f_{k−1} − f_{k−2} and df_k = x df_{k−1} + dx f_{k−1} − df_{k−2}, for eight neighbours at a time.

    Rows of `work`: f_0, df_0, x and dx, where x is twice the argument of the polynomials.
    """
    place = types.intp
    signature = types.void(work, place, place, f, place, df, place, place, place, place)

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        _, at, row, _, f_at, _, df_at, stride, n_functions, n = arguments
        work, f, df = (data_of(context, builder, signature, arguments, which) for which in (0, 3, 5))
        one, step = n.type(1), n.type(WIDTH)
        with cgutils.for_range_slice(builder, n.type(0), n, step, n.type) as (shift, _):
            start = builder.add(at, shift)
            rows = [builder.add(start, builder.mul(row, row.type(i))) for i in range(4)]
            smooth, slope, x, dx = (
                Lanes(builder, builder.load(vector_at(builder, work, each), align=8)) for each in rows
            )
            state = [cgutils.alloca_once(builder, VECTOR) for _ in range(4)]
            # f_{−1} = T_1 f_0 makes the recursion start by itself.
            before = 0.5 * x * smooth, 0.5 * (x * slope + dx * smooth)
            for variable, value in zip(state, (smooth, slope, *before), strict=True):
                builder.store(value.value, variable)
            with cgutils.for_range_slice(builder, n.type(0), n_functions, one, n.type) as (k, _):
                here = builder.add(builder.mul(k, stride), shift)
                f1, d1, f2, d2 = (Lanes(builder, builder.load(variable)) for variable in state)
                builder.store(f1.value, vector_at(builder, f, builder.add(f_at, here)), align=8)
                builder.store(d1.value, vector_at(builder, df, builder.add(df_at, here)), align=8)
                for variable, value in zip(state, (x * f1 - f2, x * d1 + dx * f1 - d2, f1, d1), strict=True):
                    builder.store(value.value, variable)
        return context.get_dummy_value()

    return signature, generate


@njit(cache=True, fastmath=True)
def chebyshev_rows(r, n, cutoff, n_functions, work, row, f, f_at, df, df_at, stride):  # type: ignore[no-untyped-def]
    """Fill f[k, j] = T_k(x) f_c and df[k, j] = df_k/dr; the recursion of T_k holds for the products too.

    Args:
        r: (n,) distances, Å.
        n: number of neighbours with padding, a multiple of 8.
        cutoff: Å.
        n_functions: number of functions.
        work: four rows: f_c and its derivative (zeros make padding vanish), then scratch.
        row: length of a row of work.
        f, df: flat, row k at ``f_at + k * stride``.
        f_at, df_at, stride: where rows start, and their distance.
    """
    inverse = 1.0 / cutoff
    x, dx = work[2 * row : 2 * row + n], work[3 * row : 3 * row + n]
    # One array is written per loop, or the compiler gives up on proving that they do not overlap.
    for j in range(n):
        u = min(r[j] * inverse, 1.0) - 1.0
        x[j] = 4.0 * u * u - 2.0
    for j in range(n):
        dx[j] = 8.0 * inverse * (min(r[j] * inverse, 1.0) - 1.0)
    _recur(work, 0, row, f, f_at, df, df_at, stride, n_functions, n)
