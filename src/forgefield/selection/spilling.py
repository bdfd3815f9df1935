"""Spilling factor: how much of an environment is new to a kernel that knows others."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.selection.farthest_point import check_widths, feature_matrix

_JITTER = 10.0 * float(np.finfo(float).eps)
"""Rounding errors of a kernel matrix, per row and in units of its largest element."""


def spilling_factors(own: ArrayLike, between: ArrayLike, among: ArrayLike) -> Array:
    """The share of each environment that reference environments do not span, from kernel matrices.

    Miwa & Ohno, Phys. Rev. B 94, 184109 (2016): s_i = 1 − k_iB K_BB⁻¹ k_Bi / k_ii. It is the squared distance
    of environment i from the span of the references B in the kernel's feature space, in units of its own
    length: 0 for what they span, 1 for what has nothing in common with them.

    Args:
        own: (M,) k_ii > 0.
        between: (M, B) k_iB; B may be 0.
        among: (B, B) K_BB, symmetric; references may repeat.

    Returns:
        (M,) s, 0 to 1.

    Raises:
        ForgefieldError: shapes that do not fit, numbers that are not finite, or matrices of no kernel.
    """
    itself = np.asarray(own, dtype=np.float64)
    cross, references = np.asarray(between, dtype=np.float64), np.asarray(among, dtype=np.float64)
    if itself.ndim != 1 or cross.shape != (len(itself), len(references)) or references.ndim != 2:
        raise ForgefieldError(
            f"kernels of shapes {itself.shape}, {cross.shape} and {references.shape} do not fit",
            "pass (M,), (M, B) and (B, B)",
        )
    if references.shape[0] != references.shape[1]:
        raise ForgefieldError(
            f"the references' kernel has shape {references.shape}", "pass a square matrix, each with each"
        )
    if not all(np.isfinite(each).all() for each in (itself, cross, references)):
        raise ForgefieldError("kernels are not finite", "screen the structures before selecting")
    if len(itself) and itself.min() <= 0.0:
        raise ForgefieldError(
            f"environment {int(itself.argmin())} has kernel {itself.min():.3g} with itself",
            "leave out environments without neighbours",
        )
    if len(references) == 0:
        return np.ones(len(itself))
    from scipy.linalg import cholesky, solve_triangular  # takes long to import

    # Repeated references make K_BB singular; jitter of the size of its rounding errors changes nothing else.
    jitter = _JITTER * len(references) * float(np.abs(references).max())
    try:
        root = cholesky(references + jitter * np.eye(len(references)), lower=True)
    except np.linalg.LinAlgError:
        raise ForgefieldError(
            "the references' kernel is not positive definite", "use a function that is a kernel"
        ) from None
    spanned = solve_triangular(root, cross.T, lower=True)
    spilled: Array = np.clip(1.0 - np.einsum("bm,bm->m", spanned, spanned) / itself, 0.0, 1.0)
    return spilled


def polynomial_spilling(features: ArrayLike, references: ArrayLike, power: int = 4) -> Array:
    """Spilling factors of environments under the normalised polynomial kernel (x·y / |x||y|)^power.

    The kernel is that of Bartók, Kondor & Csányi, Phys. Rev. B 87, 184115 (2013).

    Args:
        features: (M, D) one row for each environment.
        references: (B, D) one row for each reference environment; B may be 0.
        power: whole number from 1 on; the larger, the more environments count as unlike.

    Returns:
        (M,) s, 0 to 1, as :func:`spilling_factors`.

    Raises:
        ForgefieldError: features that are not finite, of unlike width, or all zero in a row.
    """
    if power < 1 or power != int(power):
        raise ForgefieldError(f"power {power} gives no kernel", "pass 1, 2, 3, …")
    rows, known = feature_matrix(features, "candidate"), feature_matrix(references, "reference")
    check_widths(rows, known)
    directions, known_directions = _directions(rows, "candidate"), _directions(known, "reference")
    between = (
        (directions @ known_directions.T) ** power
        if len(rows) and len(known)
        else np.zeros((len(rows), len(known)))
    )
    return spilling_factors(np.ones(len(rows)), between, (known_directions @ known_directions.T) ** power)


def _directions(rows: Array, name: str) -> Array:
    lengths = np.linalg.norm(rows, axis=1)
    if len(rows) and lengths.min() == 0.0:
        raise ForgefieldError(
            f"{name} features of row {int(lengths.argmin())} are all zero",
            "leave out environments without neighbours",
        )
    directions: Array = rows / lengths[:, None]
    return directions
