"""Derivatives of the functions in `wide.py`: of the moments, then back through the recursion of the monomials."""

from __future__ import annotations

from numba import njit

from forgefield.descriptors.symmetry_functions.arithmetic import (
    LANES,
    accumulate_lanes,
    dot_lanes,
    multiply_lanes,
    spread_lanes,
    sum_lanes,
)
from forgefield.descriptors.symmetry_functions.wide import monomials


@njit(cache=True, fastmath=True, error_model="numpy")
def wide_gradients(c, tables, work):  # type: ignore[no-untyped-def]
    """Add Σ work.cotangent · dG/dr to work.along and the part across r to work.gradients, after `wide_values`."""
    for e in range(tables.n_species):
        pair = c * tables.n_species + e
        for row in range(tables.wide_rows[pair]):
            work.own[e, row] = 0.0
            for t in range(len(tables.wide_multiplicities)):
                work.weights[e, row, t] = 0.0
    for block in range(tables.wide_starts[c], tables.wide_starts[c + 1]):
        _weigh(block, tables, work)
    for e in range(tables.n_species):
        pair = c * tables.n_species + e
        if tables.wide_rows[pair] > 0:
            _spread(e, tables.wide_rows[pair], tables.wide_degrees[pair], work)


@njit(cache=True, fastmath=True, error_model="numpy")
def _weigh(block, tables, work):  # type: ignore[no-untyped-def]
    e1, e2 = tables.wide_blocks[block, 0], tables.wide_blocks[block, 1]
    row1, row2 = tables.wide_blocks[block, 2], tables.wide_blocks[block, 3]
    begin, end = tables.wide_function_starts[block], tables.wide_function_starts[block + 1]
    first = 0
    for n in range(tables.wide_blocks[block, 4] + 1):
        size = (n + 1) * (n + 2) // 2
        weight = 0.0
        for f in range(begin, end):
            weight += work.cotangent[tables.wide_values[f]] * tables.wide_coefficients[f, n]
        for t in range(first, first + size):
            share = weight * tables.wide_multiplicities[t]
            work.weights[e1, row1, t] += share * work.moments[e2, row2, t]
        for t in range(first, first + size):
            share = weight * tables.wide_multiplicities[t]
            work.weights[e2, row2, t] += share * work.moments[e1, row1, t]
        first += size
    for f in range(begin, end):
        work.own[e1, row1] -= 2.0 * work.cotangent[tables.wide_values[f]] * tables.wide_own[f]


@njit(cache=True, fastmath=True, error_model="numpy")
def _spread(e, n_rows, degree, work):  # type: ignore[no-untyped-def]
    """From dE/dmoments to each neighbour, LANES of them at once."""
    n = (degree + 1) * (degree + 2) * (degree + 3) // 6
    lanes, units = work.lanes, work.units.ravel()
    gaussians, derivatives = work.gaussians.ravel(), work.derivatives.ravel()
    stride, third = work.gaussians.shape[1], work.units.shape[1]
    adjoint, spare = n * LANES, 2 * n * LANES
    total, push = spare + 3 * LANES, spare + 4 * LANES
    weights, row_size, element = work.weights.ravel(), work.weights.shape[2], work.weights.shape[1] * e
    for j in range(work.segments[e, 0], work.segments[e, 1], LANES):
        monomials(units, j, degree, lanes, 0)
        for t in range(n * LANES):
            lanes[adjoint + t] = 0.0
        for lane in range(LANES):
            lanes[push + lane] = 0.0
        for row in range(n_rows):
            for lane in range(LANES):
                lanes[total + lane] = work.own[e, row] * work.gaussians[row, j + lane]
            at = (element + row) * row_size
            sum_lanes(lanes, total, weights, at, lanes, 0, n)
            spread_lanes(lanes, adjoint, weights, at, gaussians, row * stride + j, n)
            accumulate_lanes(lanes, push, lanes, total, derivatives, row * stride + j)
        for t in range(3 * LANES):
            lanes[spare + t] = 0.0
        _reverse(lanes, adjoint, spare, units, j, degree)
        for lane in range(LANES):
            at = j + lane
            x, y, z = units[at], units[third + at], units[2 * third + at]
            gx, gy, gz = lanes[spare + lane], lanes[spare + LANES + lane], lanes[spare + 2 * LANES + lane]
            along = gx * x + gy * y + gz * z
            work.along[at] += lanes[push + lane]
            work.gradients[0, at] += (gx - along * x) * work.inverse[at]
            work.gradients[1, at] += (gy - along * y) * work.inverse[at]
            work.gradients[2, at] += (gz - along * z) * work.inverse[at]


@njit(cache=True, fastmath=True, error_model="numpy")
def _reverse(lanes, adjoint, spare, units, j, degree):  # type: ignore[no-untyped-def]
    """Gradient of Σ adjoint · monomials with respect to x, y, z, added to three groups of lanes at `spare`."""
    third = len(units) // 3
    current = (degree + 1) * (degree + 2) * (degree + 3) // 6
    for n in range(degree, 0, -1):
        size = n * (n + 1) // 2
        current -= size + n + 1
        previous = current - size
        up = adjoint + current * LANES
        dot_lanes(lanes, spare, lanes, up, lanes, previous * LANES, size)
        for t in range(size):
            accumulate_lanes(lanes, adjoint + (previous + t) * LANES, lanes, up + t * LANES, units, j)
        source, up = previous + size - n, up + size * LANES
        dot_lanes(lanes, spare + LANES, lanes, up, lanes, source * LANES, n)
        for t in range(n):
            accumulate_lanes(lanes, adjoint + (source + t) * LANES, lanes, up + t * LANES, units, third + j)
        source, up = previous + size - 1, up + n * LANES
        accumulate_lanes(lanes, spare + 2 * LANES, lanes, up, lanes, source * LANES)
        accumulate_lanes(lanes, adjoint + source * LANES, lanes, up, units, 2 * third + j)


@njit(cache=True, fastmath=True, error_model="numpy")
def wide_derivatives(c, tables, work, rates):  # type: ignore[no-untyped-def]
    """Add the derivatives of the values along work.tangent to work.values, after `wide_values`.

    The rates of the moments go to work.weights; rates (J,) are those of r.
    """
    for e in range(tables.n_species):
        pair = c * tables.n_species + e
        if tables.wide_rows[pair] > 0:
            _rates(e, tables.wide_rows[pair], tables.wide_degrees[pair], work, rates)
    for block in range(tables.wide_starts[c], tables.wide_starts[c + 1]):
        e1, e2 = tables.wide_blocks[block, 0], tables.wide_blocks[block, 1]
        row1, row2 = tables.wide_blocks[block, 2], tables.wide_blocks[block, 3]
        begin, end = tables.wide_function_starts[block], tables.wide_function_starts[block + 1]
        first = 0
        for n in range(tables.wide_blocks[block, 4] + 1):
            size = (n + 1) * (n + 2) // 2
            total = 0.0
            for t in range(first, first + size):
                change = work.weights[e1, row1, t] * work.moments[e2, row2, t]
                change += work.moments[e1, row1, t] * work.weights[e2, row2, t]
                total += tables.wide_multiplicities[t] * change
            first += size
            for f in range(begin, end):
                work.values[tables.wide_values[f]] += tables.wide_coefficients[f, n] * total
        if e1 == e2:
            for j in range(work.segments[e1, 0], work.segments[e1, 1]):
                own = 2.0 * work.gaussians[row1, j] * work.derivatives[row1, j] * rates[j]
                for f in range(begin, end):
                    work.values[tables.wide_values[f]] -= tables.wide_own[f] * own


@njit(cache=True, fastmath=True, error_model="numpy")
def _rates(e, n_rows, degree, work, rates):  # type: ignore[no-untyped-def]
    """Rates of the moments, with those of the monomials by the same recursion."""
    n = (degree + 1) * (degree + 2) * (degree + 3) // 6
    lanes, units = work.lanes, work.units.ravel()
    third = work.units.shape[1]
    change, turn = n * LANES, 2 * n * LANES
    for row in range(n_rows):
        for t in range(n):
            work.weights[e, row, t] = 0.0
    for j in range(work.segments[e, 0], work.segments[e, 1], LANES):
        monomials(units, j, degree, lanes, 0)
        for lane in range(LANES):
            at = j + lane
            for axis in range(3):
                across = work.tangent[axis, at] - rates[at] * units[axis * third + at]
                lanes[turn + axis * LANES + lane] = across * work.inverse[at]
            lanes[change + lane] = 0.0
        previous, current = 0, 1
        for level in range(1, degree + 1):
            size = level * (level + 1) // 2
            for t in range(size + level + 1):
                axis = 0 if t < size else (1 if t < size + level else 2)
                source = t if axis == 0 else (t - level if axis == 1 else size - 1)
                target = change + (current + t) * LANES
                source = (previous + source) * LANES
                multiply_lanes(lanes, target, lanes, change + source, units, axis * third + j)
                accumulate_lanes(lanes, target, lanes, source, lanes, turn + axis * LANES)
            previous = current
            current += size + level + 1
        for row in range(n_rows):
            for t in range(n):
                total = 0.0
                for lane in range(LANES):
                    at = j + lane
                    total += work.gaussians[row, at] * lanes[change + t * LANES + lane]
                    total += work.derivatives[row, at] * rates[at] * lanes[t * LANES + lane]
                work.weights[e, row, t] += total
