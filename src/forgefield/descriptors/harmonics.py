"""Real spherical harmonics in Cartesian form, with derivatives, for compiled kernels.

Solid harmonics S_lm = F_lm Q_l^|m|(z, r) {c_m, s_m}(x, y) are polynomials, built by recursion as in
Bigi, Fraux, Browning, Ceriotti, J. Chem. Phys. 159, 064802 (2023), eqs. 4-10, without the Condon–Shortley sign.
Component (l, m) stands at index l² + l + m.
"""

from __future__ import annotations

from math import factorial, pi, sqrt

import numpy as np
from numba import njit

from forgefield.atoms.records import Array


def prefactors(l_max: int) -> Array:
    """F_lm, shape (l_max + 1, l_max + 1): makes the harmonics orthonormal on the sphere."""
    table = np.zeros((l_max + 1, l_max + 1))
    for degree in range(l_max + 1):
        for order in range(degree + 1):
            value = (2 * degree + 1) / (2 * pi) * factorial(degree - order) / factorial(degree + order)
            table[degree, order] = sqrt(value) if order else sqrt(value / 2)
    return table


@njit(cache=True, fastmath=True, inline="always")
def legendre(z, l_max, q):  # type: ignore[no-untyped-def]
    """Fill q[l, m] = Q_l^m on the unit sphere."""
    q[0, 0] = 1.0
    for m in range(1, l_max + 1):
        q[m, m] = (2 * m - 1) * q[m - 1, m - 1]
    for m in range(l_max):
        q[m + 1, m] = (2 * m + 1) * z * q[m, m]
    for m in range(l_max - 1):
        for degree in range(m + 2, l_max + 1):
            q[degree, m] = ((2 * degree - 1) * z * q[degree - 1, m] - (degree + m - 1) * q[degree - 2, m]) / (
                degree - m
            )


@njit(cache=True, fastmath=True, inline="always")
def azimuthal(x, y, l_max, c, s):  # type: ignore[no-untyped-def]
    """Fill c[m] = Re (x + iy)^m and s[m] = Im (x + iy)^m."""
    c[0] = 1.0
    s[0] = 0.0
    for m in range(1, l_max + 1):
        c[m] = x * c[m - 1] - y * s[m - 1]
        s[m] = x * s[m - 1] + y * c[m - 1]


@njit(cache=True, fastmath=True)
def harmonics(x, y, z, l_max, factors, q, c, s, out):  # type: ignore[no-untyped-def]
    """Fill out[(l_max + 1)²] with Y_lm of the unit vector (x, y, z); q, c, s are scratch."""
    legendre(z, l_max, q)
    azimuthal(x, y, l_max, c, s)
    for degree in range(l_max + 1):
        centre = degree * degree + degree
        out[centre] = factors[degree, 0] * q[degree, 0]
        for m in range(1, degree + 1):
            scaled = factors[degree, m] * q[degree, m]
            out[centre + m] = scaled * c[m]
            out[centre - m] = scaled * s[m]


@njit(cache=True, fastmath=True)
def harmonics_gradient(x, y, z, inverse_r, l_max, factors, q, c, s, out, gradient):  # type: ignore[no-untyped-def]
    """As `harmonics`, and gradient[3, (l_max + 1)²] = ∂Y_lm/∂r, from (∇S − l S n)/r at the unit vector n."""
    harmonics(x, y, z, l_max, factors, q, c, s, out)
    for degree in range(l_max + 1):
        centre = degree * degree + degree
        for m in range(degree + 1):
            factor = factors[degree, m]
            # ∂Q_l^m/∂(x, y) = -(x, y) Q_{l-1}^{m+1};  ∂Q_l^m/∂z = (l + m) Q_{l-1}^m
            lateral = -q[degree - 1, m + 1] if m + 1 <= degree - 1 else 0.0
            axial = (degree + m) * q[degree - 1, m] if m <= degree - 1 else 0.0
            dc_dx = m * c[m - 1] if m else 0.0
            dc_dy = -m * s[m - 1] if m else 0.0
            radial = degree * out[centre + m]
            gradient[0, centre + m] = (
                factor * (q[degree, m] * dc_dx + x * lateral * c[m]) - radial * x
            ) * inverse_r
            gradient[1, centre + m] = (
                factor * (q[degree, m] * dc_dy + y * lateral * c[m]) - radial * y
            ) * inverse_r
            gradient[2, centre + m] = (factor * axial * c[m] - radial * z) * inverse_r
            if m:
                ds_dx = m * s[m - 1]
                ds_dy = m * c[m - 1]
                radial = degree * out[centre - m]
                gradient[0, centre - m] = (
                    factor * (q[degree, m] * ds_dx + x * lateral * s[m]) - radial * x
                ) * inverse_r
                gradient[1, centre - m] = (
                    factor * (q[degree, m] * ds_dy + y * lateral * s[m]) - radial * y
                ) * inverse_r
                gradient[2, centre - m] = (factor * axial * s[m] - radial * z) * inverse_r
