"""The frozen neuroevolution potential as one fused kernel: energies, forces and virial.

For each atom: neighbours are gathered once; radial functions, harmonics and their sums; descriptors, network and its
gradient; the same arrays then carry the gradient back to the neighbours. Threads own a range of atoms, a work space
and a force buffer each.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.descriptors.fused_density import accumulate, accumulate_sums, pull_back
from forgefield.descriptors.fused_neighbours import FIELDS, gather, scatter, surroundings
from forgefield.descriptors.fused_radial import chebyshev_rows, cosine_cutoff
from forgefield.descriptors.fused_tanh import tanh_all
from forgefield.descriptors.fused_tiles import padded, product, product_added, row_product, transposed

_B4 = sqrt(2 / 35)
_C4 = 1.5 * sqrt(3.0)
_C5 = 7 / 15


class NepArrays(NamedTuple):
    """A model as its kernel wants it: S species, rows padded to a multiple of 8 (marked ⁺) or 32 (⁺⁺), flat.

    Attributes:
        radial_cutoffs, angular_cutoffs: (S, S) for each centre and neighbour, Å.
        sizes: radial functions and channels of the radial and of the angular part, l_max, 4-body, 5-body, neurons,
            number of descriptors, whether the two parts have the same cutoffs and functions.
        radial, radial_back: (S, S, functions, channels⁺) and (S, S, channels, functions⁺) coefficients of T_k f_c.
        angular, angular_back: the same of the angular part.
        inward, inward_back: (S, descriptors, neurons⁺⁺) and (S, neurons, descriptors⁺⁺) weights, times q_scaler.
        thresholds, outward: (S, neurons⁺⁺).
        energy_shift: (S,) eV.
    """

    radial_cutoffs: Array
    angular_cutoffs: Array
    sizes: NDArray[np.int64]
    radial: Array
    radial_back: Array
    angular: Array
    angular_back: Array
    inward: Array
    inward_back: Array
    thresholds: Array
    outward: Array
    energy_shift: Array


@njit(cache=True, fastmath=True)
def _invariants(a, width, n, l_max, four, five, q):  # type: ignore[no-untyped-def]
    """q[block, n] of a[lm, n]: Fan et al. 2022, eqs. 11–13. Each block's padding is overwritten by the next block."""
    at = 0
    for degree in range(1, l_max + 1):
        o = q[at : at + width]
        row = a[(degree * degree - 1) * width : degree * degree * width]
        for c in range(width):
            o[c] = row[c] * row[c]
        for m in range(degree * degree, (degree + 1) ** 2 - 1):
            row = a[m * width : (m + 1) * width]
            for c in range(width):
                o[c] += row[c] * row[c]
        at += n
    if four:
        o, d = q[at : at + width], a[3 * width : 8 * width]
        for c in range(width):
            a4, a2, a0, a1, a3 = d[c], d[width + c], d[2 * width + c], d[3 * width + c], d[4 * width + c]
            one, two = a1 * a1 + a2 * a2, a3 * a3 + a4 * a4
            o[c] = -_B4 * (
                a0 * (a0 * a0 + 1.5 * one - 3.0 * two) + _C4 * (a3 * (a1 * a1 - a2 * a2) + 2.0 * a1 * a2 * a4)
            )
        at += n
    if five:
        o = q[at : at + width]
        for c in range(width):
            q1 = a[c] * a[c] + a[width + c] * a[width + c] + a[2 * width + c] * a[2 * width + c]
            o[c] = _C5 * q1 * q1


@njit(cache=True, fastmath=True)
def _invariants_back(a, width, n, l_max, four, five, dq, da):  # type: ignore[no-untyped-def]
    """da[lm, n] = ∂E/∂a from dq[block, n] = ∂E/∂q."""
    at = 0
    for degree in range(1, l_max + 1):
        g = dq[at : at + width]
        for m in range(degree * degree - 1, (degree + 1) ** 2 - 1):
            row, out = a[m * width : (m + 1) * width], da[m * width : (m + 1) * width]
            for c in range(width):
                out[c] = 2.0 * g[c] * row[c]
        at += n
    if four:
        g, d, o = dq[at : at + width], a[3 * width : 8 * width], da[3 * width : 8 * width]
        for c in range(width):
            a4, a2, a0, a1, a3 = d[c], d[width + c], d[2 * width + c], d[3 * width + c], d[4 * width + c]
            one, two, scale = a1 * a1 + a2 * a2, a3 * a3 + a4 * a4, -_B4 * g[c]
            o[c] += scale * (2.0 * _C4 * a1 * a2 - 6.0 * a0 * a4)
            o[width + c] += scale * (3.0 * a0 * a2 + 2.0 * _C4 * (a1 * a4 - a2 * a3))
            o[2 * width + c] += scale * (3.0 * a0 * a0 + 1.5 * one - 3.0 * two)
            o[3 * width + c] += scale * (3.0 * a0 * a1 + 2.0 * _C4 * (a1 * a3 + a2 * a4))
            o[4 * width + c] += scale * (_C4 * (a1 * a1 - a2 * a2) - 6.0 * a0 * a3)
        at += n
    if five:
        g = dq[at : at + width]
        for c in range(width):
            x, y, z = a[c], a[width + c], a[2 * width + c]
            scale = 4.0 * _C5 * g[c] * (x * x + y * y + z * z)
            da[c] += scale * x
            da[width + c] += scale * y
            da[2 * width + c] += scale * z


@njit(cache=True)
def _unpack(sizes):  # type: ignore[no-untyped-def]
    return (
        sizes[0],
        sizes[1],
        sizes[2],
        sizes[3],
        sizes[4],
        sizes[5],
        sizes[6],
        sizes[7],
        sizes[8],
        sizes[9],
    )


@njit(cache=True)
def _work_sizes(sizes, places, n_species):  # type: ignore[no-untyped-def]
    """Numbers in each part of a thread's work space, in the order in which `_range` names them."""
    kr, nr, ka, na, l_max, _, _, neurons, n_q, _ = _unpack(sizes)
    kr8, nr8, ka8, na8 = padded(kr), padded(nr), padded(ka), padded(na)
    rows = padded((l_max + 1) ** 2 - 1)
    tall, n_inputs = max(rows, ka8, kr8), padded(n_q, 32) + nr8 + na8
    return (
        ka8 * places, ka8 * places, rows * places, tall * places, kr8 * places, (ka8 + rows) * places,
        n_species * kr8, kr8, ka8,
        rows * ka8, rows * ka8, rows * na8, rows * na8, rows * na8, n_inputs, n_inputs, padded(neurons, 32),
    )  # fmt: skip


def work_size(arrays: NepArrays, places: int) -> int:
    """Numbers that one thread needs besides its `Surroundings`."""
    return int(sum(_work_sizes(arrays.sizes, places, len(arrays.radial_cutoffs))))


@njit(cache=True, fastmath=True)
def _range(  # type: ignore[no-untyped-def]
    first, last, positions, translations, offsets, neighbours, images, species, places, m,
    numbers, indices, energies, forces, virial, atom_virials, features,
):  # fmt: skip
    """Atoms first … last − 1; with features (N, D), only the descriptors are made."""
    kr, nr, ka, na, l_max, four, five, neurons, n_q, shared = _unpack(m.sizes)
    n_species = len(m.radial_cutoffs)
    kr8, nr8, ka8, na8 = padded(kr), padded(nr), padded(ka), padded(na)
    h32, q32 = padded(neurons, 32), padded(n_q, 32)
    rows = padded((l_max + 1) ** 2 - 1)
    here = surroundings(numbers, indices, places, n_species)
    ends = np.cumsum(np.array(_work_sizes(m.sizes, places, n_species)))
    work = numbers[FIELDS * places :]
    f, df, y = work[: ends[0]], work[ends[0] : ends[1]], work[ends[1] : ends[2]]
    g, radial_df, turned = work[ends[2] : ends[3]], work[ends[3] : ends[4]], work[ends[4] : ends[5]]
    sums, sums_back, nothing = work[ends[5] : ends[6]], work[ends[6] : ends[7]], work[ends[7] : ends[8]]
    expansion, back = work[ends[8] : ends[9]], work[ends[9] : ends[10]]
    a, da, da_turned = work[ends[10] : ends[11]], work[ends[11] : ends[12]], work[ends[12] : ends[13]]
    q, dq, hidden = work[ends[13] : ends[14]], work[ends[14] : ends[15]], work[ends[15] : ends[16]]
    # A smaller structure may divide the same space otherwise: padding must be zero again.
    work[: ends[16]] = 0.0
    for i in range(first, last):
        centre = species[i]
        outer, inner = m.radial_cutoffs[centre], m.angular_cutoffs[centre]
        gather(i, positions, translations, offsets, neighbours, images, species, outer, inner, here)
        q[:nr8] = 0.0
        a[:] = 0.0
        for z in range(n_species):
            begin, n = here.starts[2 * z], padded(here.counts[2 * z])
            pair = centre * n_species + z
            sum_z = sums[z * kr8 : (z + 1) * kr8]
            sum_z[:] = 0.0
            if n:
                cosine_cutoff(here.r[begin:], n, inner[z], here.smooth, here.steep)
                chebyshev_rows(here.r[begin:], n, inner[z], ka, here.all[8 * places :], places, f, begin,
                               df, begin, places)  # fmt: skip
                accumulate(here, f, begin, n, places, l_max, y, turned, ka8, expansion, rows)
                product_added(expansion, 0, rows, m.angular, pair * ka * na8, na8, ka, a, 0, na8, rows, na8)
            if shared:
                if n:
                    accumulate_sums(f, begin, n, places, kr, sum_z)
            else:
                for group in (2 * z, 2 * z + 1):
                    begin, n = here.starts[group], padded(here.counts[group])
                    if n:
                        cosine_cutoff(here.r[begin:], n, outer[z], here.smooth, here.steep)
                        chebyshev_rows(here.r[begin:], n, outer[z], kr, here.all[8 * places :], places, g, begin,
                                       radial_df, begin, places)  # fmt: skip
                        accumulate_sums(g, begin, n, places, kr, sums_back)
                        for k in range(kr):
                            sum_z[k] += sums_back[k]
            for k in range(kr):
                row = m.radial[(pair * kr + k) * nr8 : (pair * kr + k + 1) * nr8]
                for c in range(nr8):
                    q[c] += sum_z[k] * row[c]
        _invariants(a, na8, na, l_max, four, five, q[nr:])
        if len(features):
            features[i] = q[:n_q]
            continue
        row_product(q, 0, m.inward, centre * n_q * h32, h32, n_q, hidden, 0, h32)
        thresholds, outward = m.thresholds[centre * h32 :], m.outward[centre * h32 :]
        for c in range(h32):
            hidden[c] -= thresholds[c]
        tanh_all(hidden, h32)
        energy = m.energy_shift[centre]
        for c in range(h32):
            energy += outward[c] * hidden[c]
            hidden[c] = outward[c] * (1.0 - hidden[c] * hidden[c])
        energies[i] = energy
        row_product(hidden, 0, m.inward_back, centre * neurons * q32, q32, neurons, dq, 0, q32)
        _invariants_back(a, na8, na, l_max, four, five, dq[nr:], da)
        transposed(da, 0, na8, rows, na8, da_turned, rows)
        for z in range(n_species):
            pair = centre * n_species + z
            row_product(dq, 0, m.radial_back, pair * nr * kr8, kr8, nr, sums_back, 0, kr8)
            begin, count = here.starts[2 * z], here.counts[2 * z]
            n = padded(count)
            if n:
                product(
                    m.angular_back,
                    pair * na * ka8,
                    ka8,
                    da_turned,
                    0,
                    rows,
                    na,
                    expansion,
                    0,
                    rows,
                    ka8,
                    rows,
                )
                product(da_turned, 0, rows, m.angular_back, pair * na * ka8, ka8, na, back, 0, ka8, rows, ka8)
                pull_back(here, df, f, begin, n, places, ka, l_max, y, expansion, back,
                          sums_back if shared else nothing, g)  # fmt: skip
                if not shared:
                    _radial_slope(radial_df, begin, n, places, kr, sums_back, here.slope)
                scatter(i, begin, count, here, True, forces, virial, atom_virials)
            begin, count = here.starts[2 * z + 1], here.counts[2 * z + 1]
            n = padded(count)
            if n:
                here.slope[begin : begin + n] = 0.0
                _radial_slope(radial_df, begin, n, places, kr, sums_back, here.slope)
                scatter(i, begin, count, here, False, forces, virial, atom_virials)


@njit(cache=True, fastmath=True)
def _radial_slope(df, begin, n, stride, n_functions, cotangent, slope):  # type: ignore[no-untyped-def]
    """slope[j] += Σ_k cotangent[k] df[k, j]."""
    s = slope[begin : begin + n]
    for k in range(n_functions):
        row, factor = df[k * stride + begin : k * stride + begin + n], cotangent[k]
        for j in range(n):
            s[j] += factor * row[j]


@njit(cache=True, fastmath=True, parallel=True)
def run(  # type: ignore[no-untyped-def]
    positions, translations, offsets, neighbours, images, species, places, m,
    numbers, indices, energies, forces, virials, atom_virials, features,
):  # fmt: skip
    """Every thread's share of the atoms; numbers, indices, forces, virials and atom_virials have an axis of threads."""
    n_threads, n_atoms = len(numbers), len(energies)
    for t in prange(n_threads):
        first, last = t * n_atoms // n_threads, (t + 1) * n_atoms // n_threads
        forces[t] = 0.0
        virials[t] = 0.0
        atom_virials[t] = 0.0
        _range(first, last, positions, translations, offsets, neighbours, images, species, places, m,
               numbers[t], indices[t], energies, forces[t], virials[t], atom_virials[t], features)  # fmt: skip
