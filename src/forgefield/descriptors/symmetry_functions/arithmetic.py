"""An exponential that compilers can vectorise, and products of eight neighbours at once."""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8
# The trick with `_ROUND` below must not be simplified away, so no reassociation.
_EXACT = {"nnan", "ninf", "nsz", "contract"}
_ROUND = 6755399441055744.0  # 1.5·2^52: adding it leaves the nearest whole number in the last bits
_LOG2_E, _LN2_HIGH, _LN2_LOW = 1.4426950408889634, 0.693147180369123816490, 1.90821492927058770002e-10


@intrinsic
def _bits(typing, x):  # type: ignore[no-untyped-def]
    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), code


@intrinsic
def _from_bits(typing, x):  # type: ignore[no-untyped-def]
    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), code


@njit(cache=True, fastmath=_EXACT, forceinline=True)
def exponential(x):  # type: ignore[no-untyped-def]
    """e^x for x <= 0 to two units in the last place; e^-700 below -700. x = n ln 2 + t, Taylor series of e^t."""
    x = max(x, -700.0)
    rounded = x * _LOG2_E + _ROUND
    n = rounded - _ROUND
    t = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = 1.6059043836821613e-10
    p = p * t + 2.08767569878681e-09
    p = p * t + 2.505210838544172e-08
    p = p * t + 2.755731922398589e-07
    p = p * t + 2.7557319223985893e-06
    p = p * t + 2.48015873015873e-05
    p = p * t + 0.0001984126984126984
    p = p * t + 0.001388888888888889
    p = p * t + 0.008333333333333333
    p = p * t + 0.041666666666666664
    p = p * t + 0.16666666666666666
    p = p * t + 0.5
    p = p * t + 1.0
    p = p * t + 1.0
    return p * _from_bits((_bits(rounded) + 1023) << 52)


_VECTOR = ir.VectorType(ir.DoubleType(), LANES)


def _pointer(context, builder, array_type, array, index):  # type: ignore[no-untyped-def]
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(cgutils.gep_inbounds(builder, data, index), _VECTOR.as_pointer())


@intrinsic
def multiply_lanes(typing, out, o, a, i, b, j):  # type: ignore[no-untyped-def]
    """out[o : o + LANES] = a[i : i + LANES] * b[j : j + LANES] of contiguous 1-D arrays."""
    signature = types.void(out, types.intp, a, types.intp, b, types.intp)

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        out, o, a, i, b, j = arguments
        kinds = signature.args
        left = builder.load(_pointer(context, builder, kinds[2], a, i), align=8)
        right = builder.load(_pointer(context, builder, kinds[4], b, j), align=8)
        product = builder.fmul(left, right)
        builder.store(product, _pointer(context, builder, kinds[0], out, o), align=8)
        return context.get_dummy_value()

    return signature, code


@intrinsic
def accumulate_lanes(typing, out, o, a, i, b, j):  # type: ignore[no-untyped-def]
    """out[o : o + LANES] += a[i : i + LANES] * b[j : j + LANES] of contiguous 1-D arrays."""
    signature = types.void(out, types.intp, a, types.intp, b, types.intp)

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        out, o, a, i, b, j = arguments
        kinds = signature.args
        left = builder.load(_pointer(context, builder, kinds[2], a, i), align=8)
        right = builder.load(_pointer(context, builder, kinds[4], b, j), align=8)
        target = _pointer(context, builder, kinds[0], out, o)
        product = builder.fmul(left, right, flags=["contract"])
        total = builder.fadd(builder.load(target, align=8), product, flags=["contract"])
        builder.store(total, target, align=8)
        return context.get_dummy_value()

    return signature, code


@intrinsic
def sum_lanes(typing, out, o, weights, w, b, j, count):  # type: ignore[no-untyped-def]
    """out[o : o + LANES] += Σ_t weights[w + t] * b[j + t LANES : j + (t + 1) LANES] for t < count, in registers."""
    signature = types.void(out, types.intp, weights, types.intp, b, types.intp, types.intp)

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        out, o, weights, w, b, j, count = arguments
        kinds = signature.args
        target = _pointer(context, builder, kinds[0], out, o)
        data = context.make_array(kinds[2])(context, builder, weights).data
        total = cgutils.alloca_once_value(builder, builder.load(target, align=8))
        other = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [0.0] * LANES))

        def add(t, sums):  # type: ignore[no-untyped-def]
            weight = builder.load(cgutils.gep_inbounds(builder, data, builder.add(w, t)))
            place = builder.add(j, builder.mul(t, ir.Constant(j.type, LANES)))
            term = builder.load(_pointer(context, builder, kinds[4], b, place), align=8)
            product = builder.fmul(_everywhere(builder, weight), term, flags=["contract"])
            builder.store(builder.fadd(builder.load(sums), product, flags=["contract"]), sums)

        # Even and odd terms apart, since one sum would wait for itself.
        two = ir.Constant(count.type, 2)
        with cgutils.for_range(builder, builder.sdiv(count, two)) as loop:
            add(builder.mul(loop.index, two), total)
            add(builder.add(builder.mul(loop.index, two), ir.Constant(count.type, 1)), other)
        with builder.if_then(builder.icmp_signed("==", builder.srem(count, two), ir.Constant(count.type, 1))):
            add(builder.sub(count, ir.Constant(count.type, 1)), total)
        builder.store(builder.fadd(builder.load(total), builder.load(other)), total)
        builder.store(builder.load(total), target, align=8)
        return context.get_dummy_value()

    return signature, code


@intrinsic
def spread_lanes(typing, out, o, weights, w, b, j, count):  # type: ignore[no-untyped-def]
    """out[o + t LANES : o + (t + 1) LANES] += weights[w + t] * b[j : j + LANES], t < count."""
    signature = types.void(out, types.intp, weights, types.intp, b, types.intp, types.intp)

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        out, o, weights, w, b, j, count = arguments
        kinds = signature.args
        data = context.make_array(kinds[2])(context, builder, weights).data
        factor = builder.load(_pointer(context, builder, kinds[4], b, j), align=8)
        with cgutils.for_range(builder, count) as loop:
            weight = builder.load(cgutils.gep_inbounds(builder, data, builder.add(w, loop.index)))
            place = builder.add(o, builder.mul(loop.index, ir.Constant(o.type, LANES)))
            target = _pointer(context, builder, kinds[0], out, place)
            product = builder.fmul(_everywhere(builder, weight), factor, flags=["contract"])
            builder.store(
                builder.fadd(builder.load(target, align=8), product, flags=["contract"]), target, align=8
            )
        return context.get_dummy_value()

    return signature, code


@intrinsic
def dot_lanes(typing, out, o, a, i, b, j, count):  # type: ignore[no-untyped-def]
    """out[o : o + LANES] += Σ_t a[i + t LANES : …] * b[j + t LANES : …] for t < count, in registers."""
    signature = types.void(out, types.intp, a, types.intp, b, types.intp, types.intp)

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        out, o, a, i, b, j, count = arguments
        kinds = signature.args
        target = _pointer(context, builder, kinds[0], out, o)
        total = cgutils.alloca_once_value(builder, builder.load(target, align=8))
        with cgutils.for_range(builder, count) as loop:
            step = builder.mul(loop.index, ir.Constant(j.type, LANES))
            left = builder.load(_pointer(context, builder, kinds[2], a, builder.add(i, step)), align=8)
            right = builder.load(_pointer(context, builder, kinds[4], b, builder.add(j, step)), align=8)
            product = builder.fmul(left, right, flags=["contract"])
            builder.store(builder.fadd(builder.load(total), product, flags=["contract"]), total)
        builder.store(builder.load(total), target, align=8)
        return context.get_dummy_value()

    return signature, code


def _everywhere(builder, value):  # type: ignore[no-untyped-def]
    """A number in all lanes."""
    empty = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(empty, value, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, empty, mask)
