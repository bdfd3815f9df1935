"""CUR: rows and columns of a matrix that carry most of its leading singular vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.selection.farthest_point import check_widths, feature_matrix

_REFRESH = 1e-4
"""The Gram matrix is summed anew once its trace has fallen to this share; until then it is updated."""


def leverage_scores(rows: ArrayLike, rank: int) -> Array:
    """How much each row takes part in the leading ``rank`` singular vectors.

    Mahoney & Drineas, PNAS 106, 697 (2009), for rows: π_i = Σ_{k ≤ rank} U_ik² / rank.

    Args:
        rows: (M, D).
        rank: number of singular vectors, 1 to min(M, D); only those with a singular value above zero count.

    Returns:
        (M,) scores that sum to 1.

    Raises:
        ForgefieldError: rows that are not finite or all zero, or an impossible rank.
    """
    matrix = feature_matrix(rows, "candidate")
    _check_rank(matrix, rank)
    left, values = np.linalg.svd(matrix, full_matrices=False)[:2]
    kept = left[:, :rank][:, values[:rank] > _negligible(matrix, float(values[0]))]
    if kept.size == 0:
        raise ForgefieldError("all candidate features are zero", "compute them anew")
    scores: Array = (kept**2).sum(axis=1) / kept.shape[1]
    return scores


def random_rows(rows: ArrayLike, n: int, rank: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw n different rows with probabilities that are their leverage scores.

    Mahoney & Drineas, PNAS 106, 697 (2009), who draw each row by itself, so that n varies; here n is fixed.

    Args:
        rows: (M, D).
        n: number of rows.
        rank: of :func:`leverage_scores`.
        rng: source of randomness.

    Returns:
        At most n indices in the order in which they were drawn; fewer where the other scores are zero.

    Raises:
        ForgefieldError: as :func:`leverage_scores`.
    """
    scores = leverage_scores(rows, rank)
    count = max(0, min(n, int((scores > 0.0).sum())))
    return rng.choice(len(scores), size=count, replace=False, p=scores).astype(np.int64)


def cur_rows(new: ArrayLike, existing: ArrayLike, n: int, rank: int = 1) -> NDArray[np.int64]:
    """Pick rows by leverage, each time from what the known and picked rows leave over.

    Imbalzano et al., J. Chem. Phys. 148, 241730 (2018): the row with the largest leverage score
    is picked, all rows are made orthogonal to it, and the scores are computed anew, so that no two picks
    tell the same. Ties go to the lowest index.

    scikit-matter's CUR picks the same rows, which the tests hold; but it knows no existing rows,
    and calls an iterative solver on the whole matrix for each pick, which takes four times as long or more.

    Args:
        new: (M, D) candidates.
        existing: (K, D) known rows; K may be 0.
        n: number of rows to pick.
        rank: number of singular vectors that count in a score; 1 is the paper's choice.

    Returns:
        At most n indices in the order in which they were picked; fewer where the rest lies in the span
        of rows already there, as everything does once there are D independent ones.

    Raises:
        ForgefieldError: rows that are not finite or not of one width, or an impossible rank.
    """
    matrix, known = feature_matrix(new, "new"), feature_matrix(existing, "existing")
    check_widths(matrix, known)
    if len(matrix) == 0 or n <= 0:
        return np.empty(0, dtype=np.int64)
    _check_rank(matrix, rank)
    # What is below this is what rounding leaves of rows that lie in the span of others.
    least = _negligible(matrix, float(np.linalg.norm(matrix)))
    rest = _without(matrix, known) if len(known) else matrix.copy()
    if len(rest) < rest.shape[1]:
        # Scores depend on products of rows alone, and a triangle has the same products.
        rest = np.asarray(np.linalg.qr(rest.T, mode="r")).T
    gram = rest.T @ rest
    summed = float(np.trace(gram))
    picked: list[int] = []
    while len(picked) < min(n, len(rest)):
        if float(np.trace(gram)) < _REFRESH * summed:
            gram = rest.T @ rest
            summed = float(np.trace(gram))
        scores = _scores(rest, gram, rank)
        scores[picked] = -np.inf
        # Of rows with nothing left there is no direction.
        scores[np.einsum("md,md->m", rest, rest) <= least**2] = -np.inf
        best = int(scores.argmax())
        if not np.isfinite(scores[best]):
            break
        picked.append(best)
        direction = rest[best] / np.linalg.norm(rest[best])
        rest -= np.outer(rest @ direction, direction)
        image = gram @ direction
        gram -= np.outer(image, direction) + np.outer(direction, image - (direction @ image) * direction)
    return np.array(picked, dtype=np.int64)


def cur_columns(rows: ArrayLike, n: int, rank: int = 1) -> NDArray[np.int64]:
    """Pick the features from which the others follow best: :func:`cur_rows` of the transpose.

    Args:
        rows: (M, D).
        n: number of columns to pick.
        rank: of :func:`cur_rows`.

    Returns:
        At most n indices of columns in the order in which they were picked.

    Raises:
        ForgefieldError: as :func:`cur_rows`.
    """
    matrix = feature_matrix(rows, "candidate")
    _check_rank(matrix, rank)
    return cur_rows(matrix.T, np.empty((0, len(matrix))), n, rank)


def _scores(rest: Array, gram: Array, rank: int) -> Array:
    """(M,) Σ_k U_ik² over the leading singular vectors of what is left."""
    from scipy.linalg import eigh  # takes long to import

    width = len(gram)
    values, vectors = eigh(gram, subset_by_index=[max(0, width - rank), width - 1])
    kept = values > np.finfo(float).eps * width * values[-1]
    scores: Array = ((rest @ vectors[:, kept]) ** 2 / values[kept]).sum(axis=1)
    return scores


def _without(matrix: Array, known: Array) -> Array:
    """The rows less their parts in the span of the known rows."""
    values, right = np.linalg.svd(known, full_matrices=False)[1:]
    span = right[values > _negligible(known, float(values[0]))]
    for _ in range(2):  # once leaves rounding errors of the size of what was taken away
        matrix = matrix - (matrix @ span.T) @ span
    return matrix


def _negligible(matrix: Array, largest: float) -> float:
    """Size of rounding errors in a matrix whose largest singular value is given."""
    smallest: float = float(np.finfo(float).eps) * max(matrix.shape) * largest
    return smallest


def _check_rank(matrix: Array, rank: int) -> None:
    if not 1 <= rank <= min(matrix.shape):
        raise ForgefieldError(
            f"rank {rank} is not possible with {matrix.shape[0]} rows of {matrix.shape[1]} features",
            f"choose 1 to {min(matrix.shape)}" if min(matrix.shape) else "give rows and features",
        )
