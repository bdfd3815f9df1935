"""n2p2's cutoff functions and their logarithmic derivatives, for arrays.

All but the hard one vanish at the cutoff. They are computed from the distance to it, so that f and f'/f stay accurate
there: with x from 0 (inner radius) to 1 (cutoff), cos: cos²(πx/2) = sin²(π(1 − x)/2); polynomials: the smooth step of
1 − x; exp: e^(1 − 1/(1 − x²)); tanh³(1 − r/r_c), which knows no inner radius.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from forgefield.descriptors.symmetry_functions.arithmetic import exponential

HARD, COSINE, TANH, TANH_NORMALISED, EXPONENTIAL, POLYNOMIAL_1 = 0, 1, 2, 3, 4, 5
_NORM = 1.0 / math.tanh(1.0) ** 3


@njit(cache=True, fastmath=True, error_model="numpy")
def cutoff_function(kind, inner, cutoff, r, value, slope):  # type: ignore[no-untyped-def]
    """Fill value with f(r) and slope with f'(r)/f(r), zero from the cutoff on.

    Args:
        kind, inner, cutoff: of the function; inner as a fraction of the cutoff.
        r: distances; value and slope may be longer.
    """
    scale = 1.0 / (cutoff * (1.0 - inner))
    first = inner * cutoff
    if kind == HARD:
        for t in range(len(r)):
            value[t] = 1.0
            slope[t] = 0.0
    elif kind == COSINE:
        for t in range(len(r)):
            h = 0.5 * np.pi * min(1.0, max(1e-15, 1.0 - (r[t] - first) * scale))
            q = h * h
            sine = h * _sine(q)
            value[t] = sine * sine
            slope[t] = -np.pi * scale * _cosine(q) / sine
    elif kind in (TANH, TANH_NORMALISED):
        norm = _NORM if kind == TANH_NORMALISED else 1.0
        inverse = 1.0 / cutoff
        for t in range(len(r)):
            e = exponential(2.0 * (r[t] * inverse - 1.0))
            tanh = max(1e-17, (1.0 - e) / (1.0 + e))
            value[t] = norm * tanh * tanh * tanh
            slope[t] = 3.0 * inverse * (tanh * tanh - 1.0) / tanh
    elif kind == EXPONENTIAL:
        for t in range(len(r)):
            x = max(0.0, (r[t] - first) * scale)
            inverse = 1.0 / max(1.0 - x * x, 1e-14)
            value[t] = exponential(1.0 - inverse)
            slope[t] = -2.0 * x * inverse * inverse * scale
    elif kind == POLYNOMIAL_1:
        for t in range(len(r)):
            h = min(1.0, max(1e-15, 1.0 - (r[t] - first) * scale))
            value[t] = h * h * (3.0 - 2.0 * h)
            slope[t] = -6.0 * scale * (1.0 - h) / (h * (3.0 - 2.0 * h))
    elif kind == POLYNOMIAL_1 + 1:
        for t in range(len(r)):
            h = min(1.0, max(1e-15, 1.0 - (r[t] - first) * scale))
            x = 1.0 - h
            p = 10.0 + h * (6.0 * h - 15.0)
            value[t] = h * h * h * p
            slope[t] = -30.0 * scale * x * x / (h * p)
    elif kind == POLYNOMIAL_1 + 2:
        for t in range(len(r)):
            h = min(1.0, max(1e-15, 1.0 - (r[t] - first) * scale))
            x = 1.0 - h
            p = 35.0 + h * (h * (70.0 - 20.0 * h) - 84.0)
            value[t] = h * h * h * h * p
            slope[t] = -140.0 * scale * x * x * x / (h * p)
    else:
        for t in range(len(r)):
            h = min(1.0, max(1e-15, 1.0 - (r[t] - first) * scale))
            x = 1.0 - h
            p = 126.0 + h * (h * (540.0 + h * (70.0 * h - 315.0)) - 420.0)
            value[t] = h * h * h * h * h * p
            slope[t] = -630.0 * scale * x * x * x * x / (h * p)
    for t in range(len(r)):
        value[t] = value[t] if r[t] < cutoff else 0.0
        slope[t] = slope[t] if r[t] < cutoff else 0.0


@njit(cache=True, fastmath=True, error_model="numpy", forceinline=True)
def _sine(q):  # type: ignore[no-untyped-def]
    """sin(h)/h from q = h², for h up to π/2."""
    p = 1.9572941063391263e-20
    p = p * q - 8.22063524662433e-18
    p = p * q + 2.8114572543455206e-15
    p = p * q - 7.647163731819816e-13
    p = p * q + 1.6059043836821613e-10
    p = p * q - 2.505210838544172e-08
    p = p * q + 2.7557319223985893e-06
    p = p * q - 0.0001984126984126984
    p = p * q + 0.008333333333333333
    p = p * q - 0.16666666666666666
    return p * q + 1.0


@njit(cache=True, fastmath=True, error_model="numpy", forceinline=True)
def _cosine(q):  # type: ignore[no-untyped-def]
    """cos(h) from q = h², for h up to π/2."""
    p = -8.896791392450574e-22
    p = p * q + 4.110317623312165e-19
    p = p * q - 1.5619206968586225e-16
    p = p * q + 4.779477332387385e-14
    p = p * q - 1.1470745597729725e-11
    p = p * q + 2.08767569878681e-09
    p = p * q - 2.755731922398589e-07
    p = p * q + 2.48015873015873e-05
    p = p * q - 0.001388888888888889
    p = p * q + 0.041666666666666664
    p = p * q - 0.5
    return p * q + 1.0
