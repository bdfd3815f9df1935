"""The frozen density model as one fused kernel: energies, forces and virial in two passes over the neighbours.

For each atom: neighbours are gathered once; radial functions, harmonics and their sums A; then, for every member of the
committee, contraction, invariants, network and its gradient; the sum of the members' gradients goes back to the
neighbours in the same arrays. Members share the dear part, so a committee costs little more than one network.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.descriptors.fused_density import accumulate, accumulate_sums, pull_back
from forgefield.descriptors.fused_neighbours import FIELDS, gather, scatter, surroundings
from forgefield.descriptors.fused_radial import chebyshev_rows, polynomial_cutoff
from forgefield.descriptors.fused_tanh import tanh_all
from forgefield.descriptors.fused_tiles import padded, product, product_added, row_product, transposed
from forgefield.potentials.density.fused_products import run_back, run_forward

_Y00 = 1 / sqrt(4 * pi)


class DensityArrays(NamedTuple):
    """A model as its kernel wants it: S species, M members; rows padded to a multiple of 8 (marked ⁺) or 32 (⁺⁺), flat.

    Attributes:
        cutoffs: (S,) all the same, Å.
        sizes: radial functions R, channels K, l_max, rows, first feature row, members, hidden layers.
        code: (T, 3) instructions of the program, T = n_couplings + the rest.
        factors: (T,).
        contraction, contraction_back: (S, M, S·R, K⁺) and (S, M, S, K, R⁺).
        widths: (layers,) width of each hidden layer.
        places: (layers, 2) where each layer's weights begin in an element's block of `inward` and of `inward_back`.
        inward, inward_back: (S, M, block) weights (inputs, outputs⁺⁺) and (outputs, inputs⁺⁺), layer after layer.
        biases: (S, M, layers, widest⁺⁺).
        linear: (S, M, inputs⁺⁺).
        readout: (S, M, last⁺⁺).
        energy_shift: (S,) eV.
    """

    cutoffs: Array
    sizes: NDArray[np.int64]
    code: NDArray[np.int64]
    factors: Array
    contraction: Array
    contraction_back: Array
    widths: NDArray[np.int64]
    places: NDArray[np.int64]
    inward: Array
    inward_back: Array
    biases: Array
    linear: Array
    readout: Array
    energy_shift: Array


@njit(cache=True)
def _work_sizes(sizes, widths, places, n_species):  # type: ignore[no-untyped-def]
    """Numbers in each part of a thread's work space, in the order in which `_range` names them."""
    r, k, l_max, n_rows, first_feature = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]
    r8, k8, rows = padded(r), padded(k), padded((l_max + 1) ** 2 - 1)
    tall = max(rows, r8)
    wide = padded(widths.max(), 32)
    inputs = padded((n_rows - first_feature) * k8 + n_species * r, 32)
    return (
        r8 * places, r8 * places, rows * places, tall * places, (r8 + rows) * places,
        n_species * r8 * rows, n_species * r8 * rows, n_species * r8, r8 * rows,
        n_rows * k8 + inputs, first_feature * k8 + inputs, rows * k8, len(widths) * wide, wide,
    )  # fmt: skip


def work_size(arrays: DensityArrays, places: int) -> int:
    """Numbers that one thread needs besides its `Surroundings`."""
    return int(sum(_work_sizes(arrays.sizes, arrays.widths, places, len(arrays.cutoffs))))


@njit(cache=True, fastmath=True)
def _network(m, which, q, hidden, slopes, dq):  # type: ignore[no-untyped-def]
    """Energy of one member from its inputs q, and its gradient in dq."""
    n_layers, wide = len(m.widths), padded(m.widths.max(), 32)
    n_inputs = len(q)
    q32 = len(dq)
    weights = m.inward[which * (len(m.inward) // (len(m.cutoffs) * m.sizes[5])) :]
    back = m.inward_back[which * (len(m.inward_back) // (len(m.cutoffs) * m.sizes[5])) :]
    energy = 0.0
    linear = m.linear[which * q32 : (which + 1) * q32]
    for c in range(n_inputs):
        energy += linear[c] * q[c]
    below, n_below = q, n_inputs
    for layer in range(n_layers):
        h32 = padded(m.widths[layer], 32)
        out = hidden[layer * wide : layer * wide + h32]
        row_product(below, 0, weights, m.places[layer, 0], h32, n_below, out, 0, h32)
        bias = m.biases[(which * n_layers + layer) * wide :]
        for c in range(h32):
            out[c] += bias[c]
        tanh_all(out, h32)
        below, n_below = out, m.widths[layer]
    readout = m.readout[which * padded(n_below, 32) :]
    for c in range(n_below):
        energy += readout[c] * below[c]
        slopes[c] = readout[c]
    for layer in range(n_layers - 1, -1, -1):
        out = hidden[layer * wide :]
        for c in range(m.widths[layer]):
            out[c] = slopes[c] * (1.0 - out[c] * out[c])
        if layer:
            b32 = padded(m.widths[layer - 1], 32)
            row_product(out, 0, back, m.places[layer, 1], b32, m.widths[layer], slopes, 0, b32)
        else:
            row_product(out, 0, back, m.places[0, 1], q32, m.widths[0], dq, 0, q32)
    for c in range(q32):
        dq[c] += linear[c]
    return energy


@njit(cache=True, fastmath=True)
def _range(  # type: ignore[no-untyped-def]
    first, last, positions, translations, offsets, neighbours, images, species, places, m, numbers, indices,
    energies, forces, virial, atom_virials,
):  # fmt: skip
    """Atoms first … last − 1."""
    r_n, k_n, l_max = m.sizes[0], m.sizes[1], m.sizes[2]
    n_rows, first_feature, members = m.sizes[3], m.sizes[4], m.sizes[5]
    n_species = len(m.cutoffs)
    r8, k8, n_harmonics = padded(r_n), padded(k_n), (l_max + 1) ** 2
    rows = padded(n_harmonics - 1)
    n_density = n_species * r_n
    n_inputs = (n_rows - first_feature) * k8 + n_density
    q32 = padded(n_inputs, 32)
    here = surroundings(numbers, indices, places, n_species)
    ends = np.cumsum(np.array(_work_sizes(m.sizes, m.widths, places, n_species)))
    work = numbers[FIELDS * places :]
    f, df, y = work[: ends[0]], work[ends[0] : ends[1]], work[ends[1] : ends[2]]
    g, turned = work[ends[2] : ends[3]], work[ends[3] : ends[4]]
    expansion, cotangent = work[ends[4] : ends[5]], work[ends[5] : ends[6]]
    sums_back, back = work[ends[6] : ends[7]], work[ends[7] : ends[8]]
    x, dx = work[ends[8] : ends[9]], work[ends[9] : ends[10]]
    dx_turned, hidden = work[ends[10] : ends[11]], work[ends[11] : ends[12]]
    slopes = work[ends[12] : ends[13]]
    # A smaller structure may divide the same space otherwise: padding must be zero again.
    work[: ends[13]] = 0.0
    feature_at = first_feature * k8
    density_at = n_rows * k8
    for i in range(first, last):
        centre = species[i]
        gather(i, positions, translations, offsets, neighbours, images, species, m.cutoffs, m.cutoffs, here)
        for z in range(n_species):
            begin, n = here.starts[2 * z], padded(here.counts[2 * z])
            density = x[density_at + z * r_n : density_at + (z + 1) * r_n]
            block = expansion[z * r8 * rows : (z + 1) * r8 * rows]
            if n:
                r = here.r[begin:]
                polynomial_cutoff(r, n, m.cutoffs[z], here.smooth, here.steep)
                chebyshev_rows(
                    r, n, m.cutoffs[z], r_n, here.all[8 * places :], places, f, begin, df, begin, places
                )
                accumulate(here, f, begin, n, places, l_max, y, turned, r8, block, rows)
                accumulate_sums(f, begin, n, places, r_n, density)
                for c in range(r_n):
                    density[c] *= _Y00
            else:
                density[:] = 0.0
                block[:] = 0.0
        cotangent[:] = 0.0
        sums_back[:] = 0.0
        energy = m.energy_shift[centre]
        for member in range(members):
            which = centre * members + member
            contraction = m.contraction[which * n_density * k8 :]
            row_product(x, density_at, contraction, 0, k8, n_density, x, 0, k8)
            product(expansion, 0, rows, contraction, 0, k8, r_n, x, k8, k8, rows, k8)
            for z in range(1, n_species):
                product_added(
                    expansion, z * r8 * rows, rows, contraction, z * r_n * k8, k8, r_n, x, k8, k8, rows, k8
                )
            x[n_harmonics * k8 : density_at] = 0.0
            run_forward(x, k8, m.code, m.factors)
            dx[:feature_at] = 0.0
            energy += _network(
                m,
                which,
                x[feature_at : feature_at + n_inputs],
                hidden,
                slopes,
                dx[feature_at : feature_at + q32],
            )
            for c in range(n_density):
                sums_back[c // r_n * r8 + c % r_n] += dx[density_at + c]
            run_back(x, dx, k8, m.code, m.factors)
            transposed(dx, k8, k8, rows, k8, dx_turned, rows)
            for z in range(n_species):
                wide = m.contraction_back[(which * n_species + z) * k_n * r8 :]
                product_added(wide, 0, r8, dx_turned, 0, rows, k_n, cotangent, z * r8 * rows, rows, r8, rows)
                for k in range(k_n):
                    slope = dx[k]
                    for c in range(r_n):
                        sums_back[z * r8 + c] += slope * wide[k * r8 + c]
        energies[i] = energy
        for c in range(n_species * r8):
            sums_back[c] *= _Y00
        for z in range(n_species):
            begin, count = here.starts[2 * z], here.counts[2 * z]
            n = padded(count)
            if n:
                block = cotangent[z * r8 * rows : (z + 1) * r8 * rows]
                transposed(block, 0, rows, r8, rows, back, r8)
                pull_back(here, df, f, begin, n, places, r_n, l_max, y, block, back, sums_back[z * r8 :], g)
                scatter(i, begin, count, here, True, forces, virial, atom_virials)


@njit(cache=True, fastmath=True, parallel=True)
def run(  # type: ignore[no-untyped-def]
    positions, translations, offsets, neighbours, images, species, places, m, numbers, indices, energies,
    forces, virials, atom_virials,
):  # fmt: skip
    """Every thread's share of the atoms; numbers, indices, forces, virials and atom_virials have an axis of threads."""
    n_threads, n_atoms = len(numbers), len(energies)
    for t in prange(n_threads):
        first, last = t * n_atoms // n_threads, (t + 1) * n_atoms // n_threads
        forces[t] = 0.0
        virials[t] = 0.0
        atom_virials[t] = 0.0
        _range(first, last, positions, translations, offsets, neighbours, images, species, places, m,
               numbers[t], indices[t], energies, forces[t], virials[t], atom_virials[t])  # fmt: skip
