"""Farthest-point sampling in descriptor space, starting from what is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array

_BLOCK_BYTES = 64 * 2**20


def nearest_distances(features: Array, existing: Array) -> Array:
    """Distance of each row of ``features`` (M, D) to its nearest in ``existing`` (K, D); inf if K = 0."""
    nearest = np.full(len(features), np.inf)
    if len(existing) == 0:
        return nearest
    rows = max(1, _BLOCK_BYTES // (8 * max(1, features.size)))
    for begin in range(0, len(existing), rows):
        # Plain differences: the shorter expansion x² − 2xy + y² loses the small distances to rounding.
        block = existing[begin : begin + rows, None, :] - features[None, :, :]
        np.minimum(nearest, np.sqrt(np.einsum("kmd,kmd->km", block, block)).min(axis=0), out=nearest)
    return nearest


def farthest_points(new: ArrayLike, existing: ArrayLike, n: int) -> NDArray[np.int64]:
    """Pick the points that lie farthest from everything that is known or has been picked.

    Gonzalez, Theor. Comput. Sci. 38, 293 (1985): each pick is the point with the largest distance to the
    nearest of the others, which covers the space to within a factor of two of the best possible radius.
    Ties go to the lowest index; without existing points the first pick is the one farthest from the mean.

    Args:
        new: (M, D) features of the candidates.
        existing: (K, D) features of the known points; K may be 0.
        n: number of points to pick.

    Returns:
        At most n indices into ``new`` in the order in which they were picked; fewer where the rest coincide
        with points already there.

    Raises:
        ForgefieldError: features are not finite matrices of the same width.
    """
    features, known = feature_matrix(new, "new"), feature_matrix(existing, "existing")
    check_widths(features, known)
    nearest = nearest_distances(features, known)
    if len(known) == 0 and len(features):
        # Any finite numbers with the right order would do for the first pick.
        nearest = np.linalg.norm(features - features.mean(axis=0), axis=1)
        if nearest.max() == 0.0:
            nearest[:] = 1.0
    picked: list[int] = []
    while len(picked) < min(n, len(features)):
        best = int(nearest.argmax())
        if nearest[best] <= 0.0:
            break
        picked.append(best)
        distance = np.linalg.norm(features - features[best], axis=1)
        nearest = distance if len(picked) == 1 and len(known) == 0 else np.minimum(nearest, distance)
    return np.array(picked, dtype=np.int64)


def feature_matrix(values: ArrayLike, name: str) -> Array:
    """The features as a finite float matrix.

    Raises:
        ForgefieldError: not a matrix, or not finite.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.size == 0 and matrix.ndim < 2:
        matrix = matrix.reshape(0, 0)
    if matrix.ndim != 2:
        raise ForgefieldError(f"{name} features have shape {matrix.shape}", "pass one row for each structure")
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise ForgefieldError(
            f"{name} features are not finite, first in row {row}", "screen the structures before selecting"
        )
    return matrix


def check_widths(features: Array, known: Array) -> None:
    """Refuse feature matrices of unlike width.

    Raises:
        ForgefieldError: the widths differ.
    """
    if len(features) and len(known) and features.shape[1] != known.shape[1]:
        raise ForgefieldError(
            f"candidates have {features.shape[1]} features, known structures {known.shape[1]}",
            "compute both with the same descriptor",
        )
