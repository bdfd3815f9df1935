"""Formulas applied to eight neighbours at a time, written as vector instructions.

A compiler turns a loop into vector instructions only if it can prove that the arrays in it do not overlap, which it
cannot for dozens of rows in one work space. `row_formula` makes a function of rows from a formula in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WIDTH = 8
DOUBLE = ir.DoubleType()
VECTOR = ir.VectorType(DOUBLE, WIDTH)
FAST = ("fast",)


class Lanes:
    """Eight numbers in a register, with arithmetic."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def _other(self, other: Lanes | float) -> Any:
        return other.value if isinstance(other, Lanes) else VECTOR([float(other)] * WIDTH)

    def __add__(self, other: Lanes | float) -> Lanes:
        return Lanes(self.builder, self.builder.fadd(self.value, self._other(other), flags=FAST))

    def __sub__(self, other: Lanes | float) -> Lanes:
        return Lanes(self.builder, self.builder.fsub(self.value, self._other(other), flags=FAST))

    def __rsub__(self, other: float) -> Lanes:
        return Lanes(self.builder, self.builder.fsub(self._other(other), self.value, flags=FAST))

    def __mul__(self, other: Lanes | float) -> Lanes:
        return Lanes(self.builder, self.builder.fmul(self.value, self._other(other), flags=FAST))

    def __rtruediv__(self, other: float) -> Lanes:
        return Lanes(self.builder, self.builder.fdiv(self._other(other), self.value, flags=FAST))

    __radd__ = __add__
    __rmul__ = __mul__


Formula = Callable[[Sequence[Lanes], Sequence[Lanes]], Sequence[Lanes]]


def data_of(context: Any, builder: Any, signature: Any, arguments: Any, which: int) -> Any:
    """Pointer to the first element of an array argument."""
    return context.make_array(signature.args[which])(context, builder, arguments[which]).data


def vector_at(builder: Any, data: Any, place: Any) -> Any:
    """Pointer to eight numbers."""
    return builder.bitcast(builder.gep(data, [place]), ir.PointerType(VECTOR))


def spread(builder: Any, scalar: Any) -> Any:
    """One number in all lanes."""
    single = builder.insert_element(VECTOR(ir.Undefined), scalar, ir.IntType(32)(0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(single, VECTOR(ir.Undefined), lanes)


def row_formula(formula: Formula, n_first: int, n_second: int) -> Any:
    """Compiled function (first, first_at, first_row, second, second_at, second_row, out, out_at, out_row, n).

    For each of n places (a multiple of 8) the formula takes `n_first` rows of one flat array and `n_second` of
    another and gives the rows of a third; row i of an array starts at ``at + i * row``.
    """

    @intrinsic  # type: ignore[untyped-decorator, unused-ignore]
    def apply(  # type: ignore[no-untyped-def]
        typing_context, first, first_at, first_row, second, second_at, second_row, out, out_at, out_row, n
    ):
        place = types.intp
        signature = types.void(first, place, place, second, place, place, out, place, place, place)

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            def vectors(which, count, shift):  # type: ignore[no-untyped-def]
                data = data_of(context, builder, signature, arguments, which)
                at, row = arguments[which + 1], arguments[which + 2]
                starts = [builder.add(at, builder.mul(row, row.type(i))) for i in range(count)]
                return [vector_at(builder, data, builder.add(start, shift)) for start in starts]

            step = arguments[9].type(WIDTH)
            with cgutils.for_range_slice(builder, step.type(0), arguments[9], step, step.type) as (shift, _):
                given = [
                    [Lanes(builder, builder.load(each, align=8)) for each in vectors(which, count, shift)]
                    for which, count in ((0, n_first), (3, n_second))
                ]
                results = formula(*given)
                for result, target in zip(results, vectors(6, len(results), shift), strict=True):
                    builder.store(result.value, target, align=8)
            return context.get_dummy_value()

        return signature, generate

    return apply
