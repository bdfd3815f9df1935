"""D-optimality: the rows that span the largest volume, and how far other rows reach beyond them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.selection.farthest_point import check_widths, feature_matrix

_SWAPS_BETWEEN_SOLVES = 100
"""Rank-one updates pile up rounding errors; after so many the coefficients are computed anew."""

_LEAST_TOLERANCE = 1.001


def maxvol(rows: ArrayLike, tolerance: float = 1.01) -> NDArray[np.int64]:
    """The D rows whose determinant no exchange of one row enlarges.

    Goreinov, Oseledets, Savostyanov, Tyrtyshnikov & Zamarashkin, in Matrix Methods: Theory, Algorithms and
    Applications (World Scientific, 2010), p. 247. With C = A A_active⁻¹, putting row i in the place of the
    j-th active row multiplies the determinant by |C_ij|; the largest |C_ij| is followed until it is at most
    ``tolerance``. The start is QR with column pivoting of Aᵀ, which is greedy in the same volume.

    The result is a local optimum. Scaling the columns does not change it, and under any other invertible linear
    map of them it stays an optimum.

    Args:
        rows: (M, D), M ≥ D, of rank D; such as features of atoms, or of whole structures.
        tolerance: at least 1.001; exchanges that gain less than this factor are not made.

    Returns:
        (D,) indices of the active rows, ascending.

    Raises:
        ForgefieldError: rows that are not finite or do not span all D dimensions, or a tolerance below 1.001.
    """
    matrix = feature_matrix(rows, "candidate")
    if not tolerance >= _LEAST_TOLERANCE:
        raise ForgefieldError(
            f"maxvol tolerance {tolerance} is below {_LEAST_TOLERANCE}",
            "raise it to 1.01, say; below, rounding errors would exchange rows for ever",
        )
    active = _pivots(matrix)
    while True:
        coefficients = _coefficients(matrix, matrix[active])
        if not _exchange(coefficients, active, tolerance):
            return np.sort(active)


def rectangular_maxvol(rows: ArrayLike, n: int, tolerance: float = 1.01) -> NDArray[np.int64]:
    """More rows than columns, of large volume √det(AᵀA).

    Mikhalev & Oseledets, Linear Algebra Appl. 538, 187 (2018): the square solution, extended one row after
    the other by the one that enlarges the volume most.

    Args:
        rows: (M, D), M ≥ D, of rank D.
        n: number of rows, at least D.
        tolerance: as in :func:`maxvol`.

    Returns:
        At most n indices: the D of :func:`maxvol`, then the others in the order in which they were added.

    Raises:
        ForgefieldError: as :func:`maxvol`, or n below D.
    """
    matrix = feature_matrix(rows, "candidate")
    if n < matrix.shape[1]:
        raise ForgefieldError(
            f"{n} rows cannot span {matrix.shape[1]} dimensions", f"ask for {matrix.shape[1]} rows or more"
        )
    active = maxvol(matrix, tolerance)
    rest = np.setdiff1d(np.arange(len(matrix)), active)
    added = d_optimal(matrix[rest], matrix[active], n - len(active), ridge=0.0)
    return np.concatenate([active, rest[added]])


def extrapolation_grade(rows: ArrayLike, active_rows: ArrayLike) -> Array:
    """How far each row lies beyond what the active rows span: up to 1, interpolation.

    Podryabinkin & Shapeev, Comput. Mater. Sci. 140, 171 (2017): γ = max_j |c_j| with row = Σ_j c_j active_j,
    the factor by which exchanging one active row for this row would enlarge the determinant. More than D
    active rows are allowed; then c is the shortest of all solutions. A sensible threshold for a new
    calculation is 2, for stopping a trajectory 10.

    Args:
        rows: (M, D).
        active_rows: (K, D), K ≥ D, of rank D, as :func:`maxvol` picks them.

    Returns:
        (M,) γ ≥ 0.

    Raises:
        ForgefieldError: rows that are not finite or not of one width, or active rows of lower rank than D.
    """
    matrix, active = feature_matrix(rows, "candidate"), feature_matrix(active_rows, "active")
    check_widths(matrix, active)
    _pivots(active)
    if len(matrix) == 0:
        return np.zeros(0)
    grade: Array = np.abs(_coefficients(matrix, active)).max(axis=1)
    return grade


def d_optimal(new: ArrayLike, existing: ArrayLike, n: int, ridge: float) -> NDArray[np.int64]:
    """Pick the rows that add most information to what is known about a linear model.

    One pick after the other maximises log det(λ I + Σ x xᵀ) over known and picked rows x (Fedorov, Theory of
    Optimal Experiments, 1972). A row adds log(1 + ℓ), ℓ = xᵀ (λ I + Σ x xᵀ)⁻¹ x; ℓ is also the variance of its
    prediction in units of the noise, so each pick is the most uncertain row of Bayesian linear
    regression whose prior precision is λ times its noise precision (MacKay, Neural Comput. 4, 590 (1992)).
    Each pick updates all ℓ by the rank-one formula of Sherman and Morrison, in O(M D).

    Unlike :func:`maxvol` this depends on the scale of the columns, by way of λ. Ties go to the lowest index.

    Args:
        new: (M, D) candidates.
        existing: (K, D) known rows; K may be 0.
        n: number of rows to pick.
        ridge: λ ≥ 0, in squared units of the rows; above 0 unless the existing rows are of rank D.

    Returns:
        At most n indices in the order in which they were picked; fewer where the rest adds nothing.

    Raises:
        ForgefieldError: rows that are not finite or not of one width, a negative ridge, or no ridge where
            the known rows leave directions open.
    """
    matrix, known = feature_matrix(new, "new"), feature_matrix(existing, "existing")
    check_widths(matrix, known)
    if not 0.0 <= ridge < np.inf:
        raise ForgefieldError(f"ridge {ridge} is not a number from 0 on", "pass a small one, such as 1e-6")
    if ridge == 0.0 and len(matrix):
        _pivots(known if len(known) else known.reshape(0, matrix.shape[1]), " or a ridge above 0")
    whitened = _whitened(matrix, known, ridge)
    leverage = np.einsum("md,md->m", whitened, whitened)
    picked: list[int] = []
    while len(picked) < min(n, len(matrix)):
        best = int(leverage.argmax())
        gain = float(leverage[best])
        if gain <= 0.0:
            break
        picked.append(best)
        direction = whitened[best].copy()
        overlap = whitened @ direction
        # The root of I − z zᵀ/(1 + ℓ), so that squared lengths of the new rows are the new leverages.
        whitened -= np.outer(overlap, direction * ((1.0 - 1.0 / np.sqrt(1.0 + gain)) / gain))
        leverage = np.einsum("md,md->m", whitened, whitened)
        leverage[picked] = -np.inf
    return np.array(picked, dtype=np.int64)


def _whitened(matrix: Array, known: Array, ridge: float) -> Array:
    """(M, D) rows z with z zᵀ = x (λ I + Σ x xᵀ)⁻¹ xᵀ, without forming the product, which squares condition."""
    if len(matrix) == 0:
        return matrix
    width = matrix.shape[1]
    stacked = np.sqrt(ridge) * np.eye(width)
    if len(known):
        stacked = np.concatenate([known, stacked])
    root = np.linalg.qr(stacked, mode="r")
    from scipy.linalg import solve_triangular  # takes long to import

    whitened: Array = solve_triangular(root, matrix.T, trans="T").T
    return whitened


def _exchange(coefficients: Array, active: NDArray[np.int64], tolerance: float) -> bool:
    """Exchange rows in place while that pays; True where the coefficients should be computed anew."""
    for swap in range(_SWAPS_BETWEEN_SOLVES):
        row, slot = divmod(int(np.abs(coefficients).argmax()), coefficients.shape[1])
        pivot = coefficients[row, slot]
        if abs(pivot) <= tolerance:
            return swap > 0
        change = coefficients[row].copy()
        change[slot] -= 1.0
        coefficients -= np.outer(coefficients[:, slot] / pivot, change)
        active[slot] = row
    return True


def _coefficients(matrix: Array, active: Array) -> Array:
    """(M, K) shortest C with C active = matrix."""
    if len(active) == active.shape[1]:
        return np.asarray(np.linalg.solve(active.T, matrix.T).T, dtype=np.float64)
    orthogonal, triangular = np.linalg.qr(active)
    return np.asarray(np.linalg.solve(triangular.T, matrix.T).T @ orthogonal.T, dtype=np.float64)


def _pivots(matrix: Array, alternative: str = "") -> NDArray[np.int64]:
    """Indices of D rows that span all D dimensions.

    Raises:
        ForgefieldError: there are none.
    """
    from scipy.linalg import qr  # takes long to import

    width = matrix.shape[1]
    rank = 0
    if matrix.size:
        length = np.linalg.norm(matrix, axis=0)
        # Scaled columns: the unit of a feature says nothing about rank.
        triangular, order = qr((matrix / np.where(length > 0.0, length, 1.0)).T, mode="r", pivoting=True)
        diagonal = np.abs(np.diagonal(triangular))
        rank = int((diagonal > np.finfo(float).eps * max(matrix.shape) * diagonal[0]).sum())
    if rank < width or width == 0:
        raise ForgefieldError(
            f"{len(matrix)} rows span {rank} of {width} dimensions",
            f"give more rows, fewer features (such as those cur_columns picks){alternative}",
        )
    return np.array(order[:width], dtype=np.int64)
