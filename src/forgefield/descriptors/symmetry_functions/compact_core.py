"""Bumps between two ends (Bircher et al., Mach. Learn. Sci. Technol. 2, 035026 (2021))."""

from __future__ import annotations

import math

from numba import njit


@njit(cache=True, fastmath=True, error_model="numpy")
def compact_function(at, left, right, core, asymmetric):  # type: ignore[no-untyped-def]
    """Value and derivative at a point of the bump that is 1 midway between left and right and 0 from there on.

    Args:
        at: where.
        left, right: ends of the support.
        core: 1…4 for polynomials smooth to that order, 0 for e^(1 - 1/(1 - x²)).
        asymmetric: 1.0 to replace the distance x from the middle by x (2 - x).
    """
    width = 0.5 * (right - left)
    x = (at - left) / width - 1.0
    sign = 1.0 / width if x >= 0.0 else -1.0 / width
    x = abs(x)
    if x >= 1.0:
        return 0.0, 0.0
    if asymmetric > 0.0:
        sign *= 2.0 - 2.0 * x
        x = x * (2.0 - x)
    h = 1.0 - x
    if core == 0.0:
        inverse = 1.0 / max(1.0 - x * x, 1e-3)
        value = math.exp(1.0 - inverse)
        return value, -2.0 * x * inverse * inverse * value * sign
    if core == 1.0:
        return h * h * (3.0 - 2.0 * h), -6.0 * x * h * sign
    if core == 2.0:
        return h**3 * (10.0 + h * (6.0 * h - 15.0)), -30.0 * x**2 * h**2 * sign
    if core == 3.0:
        return h**4 * (35.0 + h * (h * (70.0 - 20.0 * h) - 84.0)), -140.0 * x**3 * h**3 * sign
    value = h**5 * (126.0 + h * (h * (540.0 + h * (70.0 * h - 315.0)) - 420.0))
    return value, -630.0 * x**4 * h**4 * sign
