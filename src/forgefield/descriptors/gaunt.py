"""Gaunt coefficients: the rotation-invariant couplings of three real spherical harmonics."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from forgefield.atoms.records import Array
from forgefield.descriptors.harmonics import harmonics, prefactors


@lru_cache(maxsize=8)
def gaunt_coefficients(l_max: int) -> Array:
    """G[a, b, c] = ∫ Y_a Y_b Y_c dΩ, shape ((l_max + 1)²,) * 3.

    By quadrature that is exact for the product's degree 3 l_max: Gauss–Legendre in cos θ, uniform in φ.
    """
    n_harmonics = (l_max + 1) ** 2
    heights, weights = np.polynomial.legendre.leggauss((3 * l_max) // 2 + 1)
    n_angles = 3 * l_max + 1
    angles = 2 * np.pi * np.arange(n_angles) / n_angles
    factors = prefactors(l_max)
    scratch = np.zeros((l_max + 1, l_max + 1)), np.empty(l_max + 1), np.empty(l_max + 1)
    table = np.empty((len(heights) * n_angles, n_harmonics))
    for row, (z, phi) in enumerate((z, phi) for z in heights for phi in angles):
        lateral = np.sqrt(1 - z * z)
        harmonics(lateral * np.cos(phi), lateral * np.sin(phi), z, l_max, factors, *scratch, table[row])
    measure = np.repeat(weights, n_angles) * 2 * np.pi / n_angles
    couplings = np.einsum("p,pa,pb,pc->abc", measure, table, table, table, optimize=True)
    couplings[np.abs(couplings) < 1e-12] = 0.0
    return couplings


def coupled_degrees(l_max: int) -> list[tuple[int, int, int]]:
    """Triples 1 ≤ l₁ ≤ l₂ ≤ l₃ ≤ l_max with a non-zero Gaunt coupling (triangle rule, even sum)."""
    return [
        (a, b, c)
        for a in range(1, l_max + 1)
        for b in range(a, l_max + 1)
        for c in range(b, min(a + b, l_max) + 1)
        if (a + b + c) % 2 == 0
    ]
