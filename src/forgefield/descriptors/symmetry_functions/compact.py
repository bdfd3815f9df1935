"""Compact angular functions (Bircher et al., Mach. Learn. Sci. Technol. 2, 035026 (2021)).

    G = Σ_{j<k} b(θ_ijk) c(r_ij) c(r_ik) c(r_jk)

without c(r_jk) if wide; b and c are the bumps of `compact_core.py`, b of the angle itself and always symmetric. At
θ = 0 and θ = 180° a bump that is centred there is 1 and has no slope; n2p2 leaves exactly collinear neighbours out.
"""

from __future__ import annotations

import math

from numba import njit

from forgefield.descriptors.symmetry_functions.compact_core import compact_function


@njit(cache=True, fastmath=True, error_model="numpy")
def compact_values(c, tables, work):  # type: ignore[no-untyped-def]
    """Add the values of centre element c's functions to work.values."""
    _visit(c, tables, work, 0, work.along)


@njit(cache=True, fastmath=True, error_model="numpy")
def compact_gradients(c, tables, work):  # type: ignore[no-untyped-def]
    """Add the gradients Σ work.cotangent · dG/dr_ij to work.gradients."""
    _visit(c, tables, work, 1, work.along)


@njit(cache=True, fastmath=True, error_model="numpy")
def compact_derivatives(c, tables, work, rates):  # type: ignore[no-untyped-def]
    """Add the derivatives of the values along work.tangent to work.values; rates (J,) are those of r."""
    _visit(c, tables, work, 2, rates)


@njit(cache=True, fastmath=True, error_model="numpy")
def _visit(c, tables, work, task, rates):  # type: ignore[no-untyped-def]
    """All blocks; tasks: 0 values, 1 gradients, 2 derivatives."""
    for block in range(tables.compact_starts[c], tables.compact_starts[c + 1]):
        e1, e2 = tables.compact_blocks[block, 0], tables.compact_blocks[block, 1]
        begin, end = tables.compact_function_starts[block], tables.compact_function_starts[block + 1]
        _block(
            task, e1 == e2, tables.compact_blocks[block, 2] > 0, tables.compact_radial[block], work.segments[e1],
            work.segments[e2], tables.compact_angles[begin:end], tables.compact_values[begin:end], work.values,
            work.cotangent, work.r, work.inverse, work.vectors, work.units, work.tangent, rates, work.gradients,
        )  # fmt: skip


@njit(cache=True, fastmath=True, error_model="numpy")
def _block(  # type: ignore[no-untyped-def]
    task, same, narrow, radial, first, second, angles, places, values, cotangent, r, inverse, vectors, units,
    tangent, rates, gradients,
):  # fmt: skip
    inner, outer, core, asymmetric = radial[0], radial[1], radial[2], radial[3]
    for j in range(first[0], first[1]):
        value_j, slope_j = compact_function(r[j], inner, outer, core, asymmetric)
        if value_j == 0.0:
            continue
        for k in range(j + 1 if same else second[0], second[1]):
            value_k, slope_k = compact_function(r[k], inner, outer, core, asymmetric)
            if value_k == 0.0:
                continue
            value_s, slope_s, between = 1.0, 0.0, 1.0
            if narrow:
                x, y, z = (
                    vectors[0, k] - vectors[0, j],
                    vectors[1, k] - vectors[1, j],
                    vectors[2, k] - vectors[2, j],
                )
                between = math.sqrt(x * x + y * y + z * z)
                value_s, slope_s = compact_function(between, inner, outer, core, asymmetric)
                if value_s == 0.0:
                    continue
            cosine = units[0, j] * units[0, k] + units[1, j] * units[1, k] + units[2, j] * units[2, k]
            cosine = max(-1.0, min(1.0, cosine))
            product = value_j * value_k * value_s
            by_j, by_k = slope_j * value_k * value_s, value_j * slope_k * value_s
            by_between = value_j * value_k * slope_s / between
            if task == 0:
                for f in range(len(places)):
                    values[places[f]] += _bump(angles[f], core, cosine)[0] * product
            elif task == 1:
                angle = bend = 0.0
                for f in range(len(places)):
                    value, slope = _bump(angles[f], core, cosine)
                    angle += cotangent[places[f]] * value
                    bend += cotangent[places[f]] * slope * product
                for axis in range(3):
                    u, v = units[axis, j], units[axis, k]
                    away = angle * by_between * (vectors[axis, k] - vectors[axis, j])
                    gradients[axis, j] += angle * by_j * u + bend * (v - cosine * u) * inverse[j] - away
                    gradients[axis, k] += angle * by_k * v + bend * (u - cosine * v) * inverse[k] + away
            else:
                turn = -cosine * (rates[j] * inverse[j] + rates[k] * inverse[k])
                change = by_j * rates[j] + by_k * rates[k]
                for axis in range(3):
                    turn += units[axis, k] * tangent[axis, j] * inverse[j]
                    turn += units[axis, j] * tangent[axis, k] * inverse[k]
                    away = vectors[axis, k] - vectors[axis, j]
                    change += by_between * away * (tangent[axis, k] - tangent[axis, j])
                for f in range(len(places)):
                    value, slope = _bump(angles[f], core, cosine)
                    values[places[f]] += value * change + slope * product * turn


@njit(cache=True, fastmath=True, error_model="numpy")
def _bump(angles, core, cosine):  # type: ignore[no-untyped-def]
    """A function's angular part, weight included, and its derivative by the cosine."""
    value, slope = compact_function(math.acos(cosine), angles[0], angles[1], core, 0.0)
    sine = math.sqrt(1.0 - cosine * cosine)
    return angles[2] * value, -angles[2] * slope / sine if sine > 1e-7 else 0.0
