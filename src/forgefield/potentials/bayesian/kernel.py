"""The frozen linear model as one fused kernel: energies, forces and virial in two passes over the neighbours.

E_i = shift + Σ_a w_a Σ_j R_a(r_j) + Σ_l Σ_m A_lm·W_l A_lm − Σ_j R(r_j)·M R(r_j): a model linear in the power spectrum
is a quadratic form in the coefficients A, so no feature is ever computed. For each atom, neighbours are gathered once;
then come sums A and B_l = W_l A_l; 2 B goes back to the neighbours in the same arrays. The last term takes out what is
2-body (j = k).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.descriptors.fused_density import accumulate, accumulate_sums, pull_back, slope_of_rows
from forgefield.descriptors.fused_neighbours import FIELDS, gather, scatter, surroundings
from forgefield.descriptors.fused_radial import chebyshev_rows, polynomial_cutoff
from forgefield.descriptors.fused_tiles import padded, product, row_product, transposed

_WINDOW = 16
"""Columns in which the 2l + 1 orders of one degree are multiplied."""


class LinearArrays(NamedTuple):
    """A model as its kernel wants it: S species, R⁺ radial functions padded to a multiple of 8, K⁺ = S·R⁺; flat.

    Attributes:
        cutoffs: (S,) all the same, Å.
        sizes: radial functions R, l_max, whether the terms j = k are taken out.
        linear: (S, K⁺) factors of the radial sums.
        quadratic: (S, l_max + 1, K⁺, K⁺) symmetric W_l; that of degree 0 acts on radial sums.
        own: (S, S, R⁺, R⁺) symmetric M for each element of the centre and of the neighbour.
        energy_shift: (S,) eV.
    """

    cutoffs: Array
    sizes: NDArray[np.int64]
    linear: Array
    quadratic: Array
    own: Array
    energy_shift: Array


@njit(cache=True)
def _work_sizes(sizes, places, n_species):  # type: ignore[no-untyped-def]
    """Numbers in each part of a thread's work space, in the order in which `_range` names them."""
    r8, rows = padded(sizes[0]), padded((sizes[1] + 1) ** 2 - 1)
    width = n_species * r8
    return (
        r8 * places, r8 * places, rows * places, max(rows, r8) * places, (r8 + rows) * places,
        width * rows + _WINDOW, width * rows, r8 * rows, width * _WINDOW, width, width, r8,
    )  # fmt: skip


def work_size(arrays: LinearArrays, places: int) -> int:
    """Numbers that one thread needs besides its `Surroundings`."""
    return int(sum(_work_sizes(arrays.sizes, places, len(arrays.cutoffs))))


@njit(cache=True, fastmath=True)
def _quadratic(weights, width, rows, l_max, expansion, product_of, cotangent):  # type: ignore[no-untyped-def]
    """Σ_l Σ_m A·W_l A over degrees 1 … l_max, and its gradient by A in cotangent."""
    energy = 0.0
    for degree in range(1, l_max + 1):
        first, orders = degree * degree - 1, 2 * degree + 1
        product(weights, degree * width * width, width, expansion, first, rows, width,
                product_of, 0, _WINDOW, width, padded(orders))  # fmt: skip
        for a in range(width):
            at = a * rows + first
            for m in range(orders):
                value = product_of[a * _WINDOW + m]
                energy += value * expansion[at + m]
                cotangent[at + m] = 2.0 * value
    return energy


@njit(cache=True, fastmath=True)
def _range(  # type: ignore[no-untyped-def]
    first, last, positions, translations, offsets, neighbours, images, species, places, m, numbers, indices,
    energies, forces, virial, atom_virials,
):  # fmt: skip
    """Atoms first … last − 1."""
    r_n, l_max, n_species = m.sizes[0], m.sizes[1], len(m.cutoffs)
    r8, rows = padded(r_n), padded((l_max + 1) ** 2 - 1)
    width = n_species * r8
    here = surroundings(numbers, indices, places, n_species)
    ends = np.cumsum(np.array(_work_sizes(m.sizes, places, n_species)))
    work = numbers[FIELDS * places :]
    f, df, y = work[: ends[0]], work[ends[0] : ends[1]], work[ends[1] : ends[2]]
    g, turned = work[ends[2] : ends[3]], work[ends[3] : ends[4]]
    expansion, cotangent = work[ends[4] : ends[5]], work[ends[5] : ends[6]]
    back, product_of = work[ends[6] : ends[7]], work[ends[7] : ends[8]]
    sums, sums_back, zeros = work[ends[8] : ends[9]], work[ends[9] : ends[10]], work[ends[10] : ends[11]]
    # A smaller structure may divide the same space otherwise: padding must be zero again.
    work[: ends[11]] = 0.0
    for i in range(first, last):
        centre = species[i]
        gather(i, positions, translations, offsets, neighbours, images, species, m.cutoffs, m.cutoffs, here)
        for z in range(n_species):
            begin, n = here.starts[2 * z], padded(here.counts[2 * z])
            block = expansion[z * r8 * rows : (z + 1) * r8 * rows]
            if n:
                r = here.r[begin:]
                polynomial_cutoff(r, n, m.cutoffs[z], here.smooth, here.steep)
                chebyshev_rows(
                    r, n, m.cutoffs[z], r_n, here.all[8 * places :], places, f, begin, df, begin, places
                )
                accumulate(here, f, begin, n, places, l_max, y, turned, r8, block, rows)
                accumulate_sums(f, begin, n, places, r_n, sums[z * r8 :])
            else:
                sums[z * r8 : (z + 1) * r8] = 0.0
                block[:] = 0.0
        weights = m.quadratic[centre * (l_max + 1) * width * width :]
        energy = m.energy_shift[centre] + _quadratic(
            weights, width, rows, l_max, expansion, product_of, cotangent
        )
        row_product(sums, 0, weights, 0, width, width, sums_back, 0, width)
        for a in range(width):
            straight = m.linear[centre * width + a]
            energy += sums[a] * (straight + sums_back[a])
            sums_back[a] = straight + 2.0 * sums_back[a]
        for z in range(n_species):
            begin, count = here.starts[2 * z], here.counts[2 * z]
            n = padded(count)
            if n:
                # Radial work space is free again: R·M R and half of its derivative for each neighbour.
                terms, halves = here.scratch[:n], here.spare[:n]
                if m.sizes[2]:
                    product(m.own, (centre * n_species + z) * r8 * r8, r8, f, begin, places, r_n,
                            g, begin, places, padded(r_n, 4), n)  # fmt: skip
                    slope_of_rows(f, begin, g, begin, places, zeros, r_n, terms, 0, n)
                    slope_of_rows(df, begin, g, begin, places, zeros, r_n, halves, 0, n)
                    for j in range(n):
                        energy -= terms[j]
                block = cotangent[z * r8 * rows : (z + 1) * r8 * rows]
                transposed(block, 0, rows, r8, rows, back, r8)
                pull_back(here, df, f, begin, n, places, r_n, l_max, y, block, back, sums_back[z * r8 :], g)
                if m.sizes[2]:
                    slope = here.slope[begin : begin + n]
                    for j in range(n):
                        slope[j] -= 2.0 * halves[j]
                scatter(i, begin, count, here, True, forces, virial, atom_virials)
        energies[i] = energy


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
