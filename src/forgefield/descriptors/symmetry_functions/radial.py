"""Functions of one neighbour: Σ_j exp(-η (r_ij - s)²) f(r_ij), and the Gaussians that wide angular functions share."""

from __future__ import annotations

from numba import njit

from forgefield.descriptors.symmetry_functions.arithmetic import LANES, exponential
from forgefield.descriptors.symmetry_functions.compact_core import compact_function
from forgefield.descriptors.symmetry_functions.cutoffs import cutoff_function


@njit(cache=True, fastmath=True, error_model="numpy")
def radial_values(c, tables, work):  # type: ignore[no-untyped-def]
    """Fill work's cutoff functions and Gaussians; add the radial functions of centre element c to work.values."""
    segments = work.segments
    last = tables.n_species - 1
    everyone = work.r[: segments[last, 1] + -(segments[last, 1] - segments[last, 0]) % LANES]
    for q in range(len(tables.cutoffs)):
        cutoff_function(
            tables.cutoff_kind,
            tables.cutoff_inner,
            tables.cutoffs[q],
            everyone,
            work.cutoff[q],
            work.slope[q],
        )
    for e in range(tables.n_species):
        pair = c * tables.n_species + e
        begin, end = segments[e, 0], segments[e, 1]
        end += -(end - begin) % LANES  # padding, where all is zero
        r = work.r[begin:end]
        for row in range(tables.radial_starts[pair + 1] - tables.radial_starts[pair]):
            at = tables.radial_starts[pair] + row
            q = tables.radial_cutoffs[at]
            _gaussian(
                tables.radial_gaussians[at, 0], tables.radial_gaussians[at, 1], r, work.cutoff[q][begin:end],
                work.slope[q][begin:end], work.gaussians[row][begin:end], work.derivatives[row][begin:end],
            )  # fmt: skip
        for entry in range(tables.radial_sum_starts[pair], tables.radial_sum_starts[pair + 1]):
            gaussian = work.gaussians[tables.radial_sums[entry, 0]][begin:end]
            total = 0.0
            for j in range(len(r)):
                total += gaussian[j]
            work.values[tables.radial_sums[entry, 1]] += tables.radial_weights[entry] * total
        for entry in range(tables.radial_compact_starts[pair], tables.radial_compact_starts[pair + 1]):
            inner, outer, core, asymmetric, weight = tables.radial_compact[entry]
            for j in range(len(r)):
                value, _ = compact_function(r[j], inner, outer, core, asymmetric)
                work.values[tables.radial_compact_values[entry]] += weight * value


@njit(cache=True, fastmath=True, error_model="numpy")
def _gaussian(eta, shift, r, cutoff, slope, gaussian, derivative):  # type: ignore[no-untyped-def]
    for j in range(len(r)):
        away = r[j] - shift
        value = exponential(-eta * away * away) * cutoff[j]
        gaussian[j] = value
        derivative[j] = value * (slope[j] - 2.0 * eta * away)


@njit(cache=True, fastmath=True, error_model="numpy")
def radial_gradients(c, tables, work):  # type: ignore[no-untyped-def]
    """Add Σ work.cotangent · dG/dr to work.along."""
    for e in range(tables.n_species):
        pair = c * tables.n_species + e
        begin, end = work.segments[e, 0], work.segments[e, 1]
        r, along = work.r[begin:end], work.along[begin:end]
        for entry in range(tables.radial_sum_starts[pair], tables.radial_sum_starts[pair + 1]):
            weight = tables.radial_weights[entry] * work.cotangent[tables.radial_sums[entry, 1]]
            derivative = work.derivatives[tables.radial_sums[entry, 0]][begin:end]
            for j in range(len(r)):
                along[j] += weight * derivative[j]
        for entry in range(tables.radial_compact_starts[pair], tables.radial_compact_starts[pair + 1]):
            inner, outer, core, asymmetric, weight = tables.radial_compact[entry]
            weight *= work.cotangent[tables.radial_compact_values[entry]]
            for j in range(len(r)):
                _, slope = compact_function(r[j], inner, outer, core, asymmetric)
                along[j] += weight * slope


@njit(cache=True, fastmath=True, error_model="numpy")
def radial_derivatives(c, tables, work, rates):  # type: ignore[no-untyped-def]
    """Add the derivatives of the values to work.values when each r changes at the rate rates (J,)."""
    for e in range(tables.n_species):
        pair = c * tables.n_species + e
        begin, end = work.segments[e, 0], work.segments[e, 1]
        for entry in range(tables.radial_sum_starts[pair], tables.radial_sum_starts[pair + 1]):
            derivative = work.derivatives[tables.radial_sums[entry, 0]]
            total = 0.0
            for j in range(begin, end):
                total += derivative[j] * rates[j]
            work.values[tables.radial_sums[entry, 1]] += tables.radial_weights[entry] * total
        for entry in range(tables.radial_compact_starts[pair], tables.radial_compact_starts[pair + 1]):
            inner, outer, core, asymmetric, weight = tables.radial_compact[entry]
            for j in range(begin, end):
                _, slope = compact_function(work.r[j], inner, outer, core, asymmetric)
                work.values[tables.radial_compact_values[entry]] += weight * slope * rates[j]
