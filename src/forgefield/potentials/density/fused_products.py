"""A `Program` within a fused kernel: rows of channels, flat, multiplied eight at a time as vector instructions."""

from __future__ import annotations

from numba import njit, types
from numba.extending import intrinsic

from forgefield.descriptors.fused_lanes import FAST, WIDTH, data_of, spread, vector_at


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def _multiply(typing_context, x, a, b, o, factor):  # type: ignore[no-untyped-def]
    """x[o:o+8] += factor · x[a:a+8] · x[b:b+8]."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        data = data_of(context, builder, signature, arguments, 0)
        first, second, target = (vector_at(builder, data, place) for place in arguments[1:4])
        term = builder.fmul(builder.load(first, align=8), builder.load(second, align=8), flags=FAST)
        term = builder.fmul(term, spread(builder, arguments[4]), flags=FAST)
        builder.store(builder.fadd(builder.load(target, align=8), term, flags=FAST), target, align=8)
        return context.get_dummy_value()

    return types.void(x, types.intp, types.intp, types.intp, types.float64), generate


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def _multiply_back(typing_context, x, dx, a, b, o, factor):  # type: ignore[no-untyped-def]
    """dx[a:a+8] += factor · dx[o:o+8] · x[b:b+8], and with a and b exchanged."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        values, slopes = (data_of(context, builder, signature, arguments, which) for which in (0, 1))
        a, b, o = arguments[2:5]
        slope = builder.load(vector_at(builder, slopes, o), align=8)
        slope = builder.fmul(slope, spread(builder, arguments[5]), flags=FAST)
        first = builder.fmul(slope, builder.load(vector_at(builder, values, b), align=8), flags=FAST)
        second = builder.fmul(slope, builder.load(vector_at(builder, values, a), align=8), flags=FAST)
        for place, term in ((a, first), (b, second)):
            target = vector_at(builder, slopes, place)
            builder.store(builder.fadd(builder.load(target, align=8), term, flags=FAST), target, align=8)
        return context.get_dummy_value()

    return types.void(x, dx, types.intp, types.intp, types.intp, types.float64), generate


@njit(cache=True)
def run_forward(x, width, code, factors):  # type: ignore[no-untyped-def]
    """Row o += g · row a · row b for all instructions; row k of x begins at ``k * width``, a multiple of 8."""
    for t in range(len(factors)):
        a, b, o, g = code[t, 0] * width, code[t, 1] * width, code[t, 2] * width, factors[t]
        for k in range(0, width, WIDTH):
            _multiply(x, a + k, b + k, o + k, g)


@njit(cache=True)
def run_back(x, dx, width, code, factors):  # type: ignore[no-untyped-def]
    """From the gradient with respect to the features to that with respect to all rows."""
    for t in range(len(factors) - 1, -1, -1):
        a, b, o, g = code[t, 0] * width, code[t, 1] * width, code[t, 2] * width, factors[t]
        for k in range(0, width, WIDTH):
            _multiply_back(x, dx, a + k, b + k, o + k, g)
