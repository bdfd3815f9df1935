"""Compiled code of the power spectrum: products of coefficients, their adjoint, and derivatives of every feature.

K = S·R radial channels a = (z, n); a feature is (l, a ≤ b), degree after degree and row by row of the upper triangle.
Off-diagonal products carry √2, so the scalar product of two atoms' features is that of their full symmetric matrices.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from forgefield.descriptors.harmonics import harmonics_gradient

_ROOT = np.sqrt(2.0)
_SPHERE = 4 * np.pi


@njit(cache=True, fastmath=True, parallel=True)
def products(a, b, left, right, neighbours, offsets, species, l_max, own):  # type: ignore[no-untyped-def]
    """(N, (l_max + 1) K (K + 1) / 2) symmetric products of two sets of coefficients, less a share of the j = k terms.

    Args:
        a, b: (N, S, R, L) coefficients; features are bilinear in them.
        left, right: (R, P⁺) radial functions whose products are the j = k terms.
        neighbours, offsets: of the pairs.
        species: (N,) index of each atom's element.
        l_max: highest degree.
        own: what to take away of Σ_j left right (2l + 1)/4π, the addition theorem's sum over m.
    """
    n_atoms, n_species, n_radial, n_harmonics = a.shape
    n_channels = n_species * n_radial
    n_products = n_channels * (n_channels + 1) // 2
    first, second = (
        a.reshape(n_atoms, n_channels, n_harmonics),
        b.reshape(n_atoms, n_channels, n_harmonics),
    )
    result = np.empty((n_atoms, (l_max + 1) * n_products))
    for i in prange(n_atoms):
        diagonal = np.zeros((n_species, n_radial, n_radial))
        if own != 0.0:
            for p in range(offsets[i], offsets[i + 1]):
                block = diagonal[species[neighbours[p]]]
                for n in range(n_radial):
                    for m in range(n, n_radial):
                        block[n, m] += 0.5 * own * (left[n, p] * right[m, p] + right[n, p] * left[m, p])
        x, y = first[i], second[i]
        at = 0
        for degree in range(l_max + 1):
            begin, end = degree * degree, (degree + 1) * (degree + 1)
            for n in range(n_channels):
                z = n // n_radial
                for m in range(n, n_channels):
                    total = 0.0
                    for k in range(begin, end):
                        total += x[n, k] * y[m, k] + y[n, k] * x[m, k]
                    total *= 0.5
                    if m < (z + 1) * n_radial:
                        total -= diagonal[z, n - z * n_radial, m - z * n_radial] * (end - begin) / _SPHERE
                    result[i, at] = total if n == m else _ROOT * total
                    at += 1
    return result


@njit(cache=True, fastmath=True, parallel=True)
def products_pull(a, cotangent, l_max):  # type: ignore[no-untyped-def]
    """(N, S, R, L) gradient of Σ cotangent·products(a, a) with respect to a, without the j = k terms.

    Args:
        a: (N, S, R, L) coefficients.
        cotangent: (N, (l_max + 1) K (K + 1) / 2).
        l_max: highest degree.
    """
    n_atoms, n_species, n_radial, n_harmonics = a.shape
    n_channels = n_species * n_radial
    flat = a.reshape(n_atoms, n_channels, n_harmonics)
    result = np.zeros((n_atoms, n_channels, n_harmonics))
    for i in prange(n_atoms):
        at = 0
        for degree in range(l_max + 1):
            begin, end = degree * degree, (degree + 1) * (degree + 1)
            for n in range(n_channels):
                for m in range(n, n_channels):
                    factor = cotangent[i, at] if n == m else _ROOT * cotangent[i, at]
                    at += 1
                    for k in range(begin, end):
                        result[i, n, k] += factor * flat[i, m, k]
                        result[i, m, k] += factor * flat[i, n, k]
    return result.reshape(a.shape)


@njit(cache=True, fastmath=True, parallel=True)
def own_pull(units, radial, slopes, neighbours, offsets, species, n_species, l_max, cotangent):  # type: ignore[no-untyped-def]
    """(P, 3) gradient of Σ cotangent·(j = k terms) with respect to pair vectors.

    Args:
        units: (P, 3) unit vectors.
        radial, slopes: (R, P⁺) radial functions and their derivatives.
        neighbours, offsets, species: as in `products`.
        n_species: S.
        l_max: highest degree.
        cotangent: (N, (l_max + 1) K (K + 1) / 2).
    """
    n_radial = len(radial)
    n_channels = n_species * n_radial
    result = np.zeros(units.shape)
    for i in prange(len(offsets) - 1):
        weights = np.zeros((n_species, n_radial, n_radial))
        at = 0
        for degree in range(l_max + 1):
            share = (2 * degree + 1) / _SPHERE
            for n in range(n_channels):
                z = n // n_radial
                for m in range(n, n_channels):
                    if m < (z + 1) * n_radial:
                        factor = 1.0 if n == m else _ROOT
                        weights[z, n - z * n_radial, m - z * n_radial] += factor * share * cotangent[i, at]
                    at += 1
        for p in range(offsets[i], offsets[i + 1]):
            block = weights[species[neighbours[p]]]
            slope = 0.0
            for n in range(n_radial):
                for m in range(n, n_radial):
                    slope += block[n, m] * (slopes[n, p] * radial[m, p] + radial[n, p] * slopes[m, p])
            for axis in range(3):
                result[p, axis] = slope * units[p, axis]
    return result


@njit(cache=True, fastmath=True, parallel=True)
def pair_jacobian(  # type: ignore[no-untyped-def]
    units, inverses, radial, slopes, neighbours, offsets, species, factors, a, l_max, own, first, last
):
    """(P', 3, D) derivatives of the features of atoms first … last − 1 with respect to their pair vectors.

    With H_a = Σ_m A_a,lm Y_lm − own R_a (2l + 1)/4π and G_a = Σ_m A_a,lm ∇Y_lm, the derivative of feature (l, a, b)
    is R'_b u H_a + R_b G_a and the same with a and b exchanged; R is zero for other elements than the neighbour's.

    Args:
        units: (P, 3) unit vectors.
        inverses: (P,) inverse distances.
        radial, slopes: (R, P⁺) radial functions and their derivatives, zeros beyond the cutoff.
        neighbours, offsets, species: as in `products`.
        factors: `harmonics.prefactors(l_max)`.
        a: (N, S, R, L) coefficients.
        l_max: highest degree.
        own: 1 where the j = k terms are taken away, 0 where they stay.
        first, last: range of atoms.
    """
    n_atoms, n_species, n_radial, n_harmonics = a.shape
    n_channels = n_species * n_radial
    n_products = n_channels * (n_channels + 1) // 2
    flat = a.reshape(n_atoms, n_channels, n_harmonics)
    base = offsets[first]
    result = np.zeros((offsets[last] - base, 3, n_channels + (l_max + 1) * n_products))
    for i in prange(first, last):
        q = np.zeros((l_max + 1, l_max + 1))
        c, s = np.empty(l_max + 1), np.empty(l_max + 1)
        y, dy = np.empty(n_harmonics), np.empty((3, n_harmonics))
        along, across = np.empty(n_channels), np.empty((3, n_channels))
        here, slope = np.empty(n_channels), np.empty(n_channels)
        for p in range(offsets[i], offsets[i + 1]):
            ux, uy, uz = units[p, 0], units[p, 1], units[p, 2]
            harmonics_gradient(ux, uy, uz, inverses[p], l_max, factors, q, c, s, y, dy)
            here[:] = 0.0
            slope[:] = 0.0
            begin = species[neighbours[p]] * n_radial
            for n in range(n_radial):
                here[begin + n] = radial[n, p]
                slope[begin + n] = slopes[n, p]
            out = result[p - base]
            for axis in range(3):
                for n in range(n_channels):
                    out[axis, n] = y[0] * slope[n] * units[p, axis]
            at = n_channels
            for degree in range(l_max + 1):
                share = own * (2 * degree + 1) / _SPHERE
                for n in range(n_channels):
                    total, gx, gy, gz = -share * here[n], 0.0, 0.0, 0.0
                    for k in range(degree * degree, (degree + 1) * (degree + 1)):
                        value = flat[i, n, k]
                        total += value * y[k]
                        gx += value * dy[0, k]
                        gy += value * dy[1, k]
                        gz += value * dy[2, k]
                    along[n], across[0, n], across[1, n], across[2, n] = total, gx, gy, gz
                for n in range(n_channels):
                    length = n_channels - n
                    for axis in range(3):
                        unit, row = units[p, axis], across[axis, n:]
                        ending, steep = unit * along[n], unit * slope[n]
                        target = out[axis, at : at + length]
                        for m in range(length):
                            target[m] = _ROOT * (
                                slope[n + m] * ending
                                + here[n + m] * row[0]
                                + steep * along[n + m]
                                + here[n] * row[m]
                            )
                        target[0] /= _ROOT
                    at += length
    return result
