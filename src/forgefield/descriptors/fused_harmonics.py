"""Real spherical harmonics of all neighbours of one atom, and the way back, eight neighbours at a time.

Degrees 1 to 4 in Cartesian form, orthonormal on the sphere and without the Condon–Shortley sign, in the order of
`harmonics`: row l² + l + m − 1, since degree 0 is constant and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt
from typing import Any

from numba import njit

from forgefield.descriptors.fused_lanes import Lanes, row_formula

MAX_FUSED_DEGREE = 4

_P = sqrt(3 / (4 * pi))
_D0, _D1, _D2 = sqrt(5 / (16 * pi)), sqrt(15 / (4 * pi)), sqrt(15 / (16 * pi))
_F0, _F1, _F2, _F3 = sqrt(7 / (16 * pi)), sqrt(21 / (32 * pi)), sqrt(105 / (16 * pi)), sqrt(35 / (32 * pi))
_G0, _G1, _G2 = 3 / 16 * sqrt(1 / pi), 3 / 4 * sqrt(5 / (2 * pi)), 3 / 8 * sqrt(5 / pi)
_G3, _G4 = 3 / 4 * sqrt(35 / (2 * pi)), 3 / 16 * sqrt(35 / pi)


def _polynomials(l_max: int, unit: Sequence[Any]) -> list[Any]:
    """The harmonics of degrees 1 … l_max of anything that can be added and multiplied."""
    x, y, z = unit
    xx, yy, zz, xy = x * x, y * y, z * z, x * y
    square, upper, lower = xx - yy, y * (3.0 * xx - yy), x * (xx - 3.0 * yy)
    degrees = [
        [_P * y, _P * z, _P * x],
        [2.0 * _D2 * xy, _D1 * y * z, _D0 * (3.0 * zz - 1.0), _D1 * x * z, _D2 * square],
        [_F3 * upper, 2.0 * _F2 * xy * z, _F1 * y * (5.0 * zz - 1.0), _F0 * z * (5.0 * zz - 3.0),
         _F1 * x * (5.0 * zz - 1.0), _F2 * z * square, _F3 * lower],
        [4.0 * _G4 * xy * square, _G3 * z * upper, 2.0 * _G2 * xy * (7.0 * zz - 1.0),
         _G1 * y * z * (7.0 * zz - 3.0), _G0 * (zz * (35.0 * zz - 30.0) + 3.0), _G1 * x * z * (7.0 * zz - 3.0),
         _G2 * square * (7.0 * zz - 1.0), _G3 * z * lower, _G4 * (square * square - 4.0 * xy * xy)],
    ]  # fmt: skip
    return [row for degree in degrees[:l_max] for row in degree]


class _Moving:
    """A number with its rate of change."""

    def __init__(self, value: Any, rate: Any) -> None:
        self.value, self.rate = value, rate

    def __add__(self, other: Any) -> _Moving:
        if isinstance(other, _Moving):
            return _Moving(self.value + other.value, self.rate + other.rate)
        return _Moving(self.value + other, self.rate)

    def __sub__(self, other: Any) -> _Moving:
        if isinstance(other, _Moving):
            return _Moving(self.value - other.value, self.rate - other.rate)
        return _Moving(self.value - other, self.rate)

    def __mul__(self, other: Any) -> _Moving:
        if isinstance(other, _Moving):
            return _Moving(self.value * other.value, self.value * other.rate + self.rate * other.value)
        return _Moving(self.value * other, self.rate * other)

    __rmul__ = __mul__


def _values(l_max: int) -> Any:
    def formula(unit: Sequence[Lanes], _: Sequence[Lanes]) -> list[Lanes]:
        return _polynomials(l_max, unit)

    return row_formula(formula, 3, 0)


def _motions(l_max: int) -> Any:
    def formula(unit: Sequence[Lanes], motion: Sequence[Lanes]) -> list[Lanes]:
        moving = [_Moving(value, rate) for value, rate in zip(unit, motion, strict=True)]
        return [each.rate for each in _polynomials(l_max, moving)]

    return row_formula(formula, 3, 3)


def _gradients(l_max: int) -> Any:
    def formula(unit: Sequence[Lanes], g: Sequence[Lanes]) -> list[Lanes]:
        x, y, z = unit
        tx, ty, tz = _P * g[2], _P * g[0], _P * g[1]
        xx, yy, zz, xy = x * x, y * y, z * z, 2.0 * x * y
        square = xx - yy
        if l_max >= 2:
            g0, g1, g2, g3, g4 = (c * each for c, each in zip(
                (2 * _D2, _D1, 6 * _D0, _D1, 2 * _D2), g[3:8], strict=True))  # fmt: skip
            tx += g0 * y + g3 * z + g4 * x
            ty += g0 * x + g1 * z - g4 * y
            tz += g1 * y + g2 * z + g3 * x
        if l_max >= 3:
            g0, g1, g2, g3, g4, g5, g6 = (c * each for c, each in zip(
                (3 * _F3, 2 * _F2, _F1, 3 * _F0, _F1, _F2, 3 * _F3), g[8:15], strict=True))  # fmt: skip
            fifth = 5.0 * zz - 1.0
            tx += g0 * xy + z * (g1 * y + 2.0 * g5 * x) + g4 * fifth + g6 * square
            ty += g0 * square + z * (g1 * x - 2.0 * g5 * y) + g2 * fifth - g6 * xy
            tz += 0.5 * g1 * xy + 10.0 * z * (g2 * y + g4 * x) + g3 * fifth + g5 * square
        if l_max >= 4:
            g0, g1, g2, g3, g4, g5, g6, g7, g8 = (c * each for c, each in zip(
                (4 * _G4, _G3, 2 * _G2, _G1, 20 * _G0, _G1, 2 * _G2, _G3, 4 * _G4), g[15:24], strict=True))  # fmt: skip
            seventh, third = 7.0 * zz - 1.0, z * (7.0 * zz - 3.0)
            upper, lower = y * (3.0 * xx - yy), x * (xx - 3.0 * yy)
            tx += (
                g0 * upper
                + 3.0 * z * (g1 * xy + g7 * square)
                + (g2 * y + g6 * x) * seventh
                + g5 * third
                + g8 * lower
            )
            ty += (
                g0 * lower
                + 3.0 * z * (g1 * square - g7 * xy)
                + (g2 * x - g6 * y) * seventh
                + g3 * third
                - g8 * upper
            )
            tz += g1 * upper + g7 * lower + 7.0 * z * (g2 * xy + g6 * square)
            tz += (g3 * y + g5 * x) * (21.0 * zz - 3.0) + g4 * third
        return [tx, ty, tz]

    return row_formula(formula, 3, (l_max + 1) ** 2 - 1)


_values_1, _values_2, _values_3, _values_4 = (_values(l_max) for l_max in (1, 2, 3, 4))
_motions_1, _motions_2, _motions_3, _motions_4 = (_motions(l_max) for l_max in (1, 2, 3, 4))
_gradients_1, _gradients_2, _gradients_3, _gradients_4 = (_gradients(l_max) for l_max in (1, 2, 3, 4))


@njit(cache=True)
def harmonic_rows(unit, unit_at, unit_row, n, l_max, out, out_at, out_row):  # type: ignore[no-untyped-def]
    """Rows 0 … (l_max + 1)² − 2 of `out` for n unit vectors, a multiple of 8.

    Args:
        unit: flat array in which x, y and z of the vectors start at ``unit_at`` and are ``unit_row`` apart.
        unit_at, unit_row, out_at, out_row: first place of row 0 and distance of rows.
        n: number of vectors.
        l_max: highest degree, at most 4.
        out: flat array.
    """
    if l_max == 1:
        _values_1(unit, unit_at, unit_row, unit, 0, 0, out, out_at, out_row, n)
    elif l_max == 2:
        _values_2(unit, unit_at, unit_row, unit, 0, 0, out, out_at, out_row, n)
    elif l_max == 3:
        _values_3(unit, unit_at, unit_row, unit, 0, 0, out, out_at, out_row, n)
    elif l_max == 4:
        _values_4(unit, unit_at, unit_row, unit, 0, 0, out, out_at, out_row, n)


@njit(cache=True)
def harmonic_pull(unit, unit_at, unit_row, n, l_max, g, g_at, g_row, out, out_at, out_row):  # type: ignore[no-untyped-def]
    """Three rows Σ_k g[k] ∇Y_k of the polynomials above: only their part across the vector has meaning.

    Args:
        unit, unit_at, unit_row, n, l_max: as in `harmonic_rows`.
        g: flat array of rows like those of `harmonic_rows`.
        out: flat array for x, y and z components.
        g_at, g_row, out_at, out_row: first place of row 0 and distance of rows.
    """
    if l_max == 1:
        _gradients_1(unit, unit_at, unit_row, g, g_at, g_row, out, out_at, out_row, n)
    elif l_max == 2:
        _gradients_2(unit, unit_at, unit_row, g, g_at, g_row, out, out_at, out_row, n)
    elif l_max == 3:
        _gradients_3(unit, unit_at, unit_row, g, g_at, g_row, out, out_at, out_row, n)
    elif l_max == 4:
        _gradients_4(unit, unit_at, unit_row, g, g_at, g_row, out, out_at, out_row, n)
    else:
        for row in range(3):
            out[out_at + row * out_row : out_at + row * out_row + n] = 0.0


@njit(cache=True)
def harmonic_push(unit, unit_at, motion_at, row, n, l_max, out, out_at, out_row):  # type: ignore[no-untyped-def]
    """Rows of `harmonic_rows` differentiated along a motion of the unit vectors.

    Args:
        unit: flat array with x, y and z of the vectors from ``unit_at`` and of their motion from ``motion_at``.
        unit_at, motion_at, row: first places and distance of rows.
        n, l_max, out, out_at, out_row: as in `harmonic_rows`.
    """
    if l_max == 1:
        _motions_1(unit, unit_at, row, unit, motion_at, row, out, out_at, out_row, n)
    elif l_max == 2:
        _motions_2(unit, unit_at, row, unit, motion_at, row, out, out_at, out_row, n)
    elif l_max == 3:
        _motions_3(unit, unit_at, row, unit, motion_at, row, out, out_at, out_row, n)
    elif l_max == 4:
        _motions_4(unit, unit_at, row, unit, motion_at, row, out, out_at, out_row, n)
