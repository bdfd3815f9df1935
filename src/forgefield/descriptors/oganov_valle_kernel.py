"""Compiled code of the Oganov–Valle fingerprint: distances of many structures' pairs, smeared into bins.

The share of a smeared distance R = (k + x) Δ, 0 ≤ x < 1, that falls into bin k + m is a smooth function of x alone:
Φ((m + 1 − x) Δ/σ) − Φ((m − x) Δ/σ). Its Taylor coefficients at some points x are tabulated for all m, so that a pair
costs a few multiplications and no error function.
"""

from __future__ import annotations

from math import ceil, factorial

import numpy as np
from numba import njit, prange
from scipy.special import eval_hermitenorm, ndtr

from forgefield.atoms.records import Array
from forgefield.descriptors.fused_tiles import padded

REACH = 7.0
"""Standard deviations beyond which a Gaussian counts as zero: 3·10⁻¹² of it lie there."""
_ORDER = 5
_NODES = 32
"""Points of the table along a bin, or along a standard deviation where that is shorter."""


def margin(bin_width: float, smearing: float) -> int:
    """Bins on either side that a distance reaches into."""
    return ceil(REACH * smearing / bin_width)


def shares(bin_width: float, smearing: float) -> Array:
    """(G, 6, W) Taylor coefficients, in powers of x − x_g, of the share in bins −margin … margin, then zeros.

    Point g lies at x_g = (g + 1/2)/G. With six of them the error is below 10⁻¹².
    """
    steepness = bin_width / smearing
    n_nodes, bins = _NODES * ceil(steepness), margin(bin_width, smearing)
    nodes = (np.arange(n_nodes) + 0.5) / n_nodes
    edges = (np.arange(-bins, bins + 2) - nodes[:, None]) * steepness
    density = np.exp(-(edges**2) / 2) / np.sqrt(2 * np.pi)
    table = np.zeros((n_nodes, _ORDER + 1, padded(2 * bins + 1)))
    table[:, 0, : 2 * bins + 1] = np.diff(ndtr(edges), axis=1)
    for order in range(1, _ORDER + 1):
        # dⁿΦ/dzⁿ = (−1)ⁿ⁻¹ He_{n−1}(z) φ(z), and z falls with x: all derivatives by x have the same sign.
        slope = -(steepness**order) / factorial(order) * eval_hermitenorm(order - 1, edges) * density
        table[:, order, : 2 * bins + 1] = np.diff(slope, axis=1)
    return table


@njit(cache=True, fastmath=True)
def _structure(first, last, placed, pairs, shift, species, table, bin_width, bins, n_bins, counted):  # type: ignore[no-untyped-def]
    """counted[A, B, margin + k] += Σ_{i of A} Σ_{j of B} share/(4π R²) of one structure, A ≤ B."""
    positions, translations = placed
    offsets, neighbours, images = pairs
    n_nodes, _, width = table.shape
    for i in range(first, last):
        x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
        for p in range(offsets[i], offsets[i + 1]):
            j = first + neighbours[p]
            if j < i:
                continue
            image = shift + images[p]
            dx = positions[j, 0] + translations[image, 0] - x
            dy = positions[j, 1] + translations[image, 1] - y
            dz = positions[j, 2] + translations[image, 2] - z
            square = dx * dx + dy * dy + dz * dz
            place = np.sqrt(square) / bin_width
            k = int(place)
            if k >= n_bins + bins:
                continue
            node = min(int((place - k) * n_nodes), n_nodes - 1)
            d = place - k - (node + 0.5) / n_nodes
            c = table[node]
            low, high = min(species[i], species[j]), max(species[i], species[j])
            # The sums visit two atoms of one element from both sides; an atom's own images are in the list twice.
            scale = (2.0 if low == high and i != j else 1.0) / (4 * np.pi * square)
            out = counted[low, high, k : k + width]
            for m in range(width):
                tail = c[2, m] + d * (c[3, m] + d * (c[4, m] + d * c[5, m]))
                out[m] += scale * (c[0, m] + d * (c[1, m] + d * tail))


@njit(cache=True, fastmath=True, parallel=True)
def fingerprints(  # type: ignore[no-untyped-def]
    starts, shifts, volumes, crystal, placed, pairs, species, n_species, table, bin_width, bins, n_bins
):
    """(B, S (S + 1)/2, K) functions F_AB, A ≤ B, of B structures, and (B, S) their numbers of atoms.

    Args:
        starts: (B + 1,) the atoms of structure b are ``starts[b]:starts[b + 1]``.
        shifts: (B,) row of its first translation.
        volumes: (B,) Å³.
        crystal: (B,) 1 where the mean density is taken off, else 0.
        placed: positions of all atoms and translations of all structures, Å.
        pairs: offsets over all atoms, neighbours counted within a structure, images counted within a structure.
        species: index of each atom's element.
        n_species: S.
        table: `shares`.
        bin_width: Å.
        bins: `margin`.
        n_bins: K.
    """
    n_structures = len(starts) - 1
    result = np.zeros((n_structures, n_species * (n_species + 1) // 2, n_bins))
    numbers = np.zeros((n_structures, n_species))
    for b in prange(n_structures):
        first, last = starts[b], starts[b + 1]
        for i in range(first, last):
            numbers[b, species[i]] += 1.0
        counted = np.zeros((n_species, n_species, n_bins + 2 * bins + table.shape[2]))
        _structure(first, last, placed, pairs, shifts[b], species, table, bin_width, bins, n_bins, counted)
        row = 0
        for low in range(n_species):
            for high in range(low, n_species):
                expected = numbers[b, low] * numbers[b, high]
                if expected > 0.0:
                    scale = volumes[b] / (expected * bin_width)
                    for k in range(n_bins):
                        result[b, row, k] = scale * counted[low, high, bins + k] - crystal[b]
                row += 1
    return result, numbers
