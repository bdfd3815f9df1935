"""The few candidates that are worth their reference calculation: unsure and unlike one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.selection.farthest_point import check_widths, feature_matrix, nearest_distances


def choose(
    features: ArrayLike,
    existing: ArrayLike,
    uncertainties: ArrayLike,
    trajectories: Sequence[str],
    n: int,
    threshold: float,
    diversity_weight: float = 0.5,
    separation: float = 0.05,
) -> NDArray[np.int64]:
    """Choose within a budget by uncertainty and diversity together.

    Farthest-point sampling (Gonzalez, Theor. Comput. Sci. 38, 293 (1985)) with weighted distances, one pick
    after the other:

      score_i = d_i^w · u_i^(1 − w),   d_i = distance to the nearest known or chosen structure

    where u_i is the uncertainty and w the diversity weight. The product needs no common scale of the two.
    Left out are candidates

    * that are not more uncertain than ``threshold``;
    * that coincide with a known structure, or are closer to a chosen one than ``separation`` × the rms
      distance of all structures from their mean, as consecutive frames of one trajectory often are. (Near a
      known structure counts as unlike enough: one strange atom in a large cell hardly moves the mean
      features, yet makes the structure uncertain.)
    * of trajectories that have had their share, twice the average per trajectory, rounded up.

    Deterministic; ties go to the lowest index.

    Args:
        features: (M, D) one row for each candidate.
        existing: (K, D) one row for each known structure; K may be 0.
        uncertainties: (M,) calibrated, eV/Å.
        trajectories: (M,) name of the trajectory that a candidate lies on.
        n: budget.
        threshold: eV/Å.
        diversity_weight: w, 0 to 1.
        separation: fraction of the spread in descriptor space.

    Returns:
        At most n indices in the order in which they were chosen.

    Raises:
        ForgefieldError: lengths or widths that do not fit, features that are not finite.
    """
    rows, known = feature_matrix(features, "candidate"), feature_matrix(existing, "known")
    check_widths(rows, known)
    unsure = np.asarray(uncertainties, dtype=np.float64)
    if not len(rows) == len(unsure) == len(trajectories):
        raise ForgefieldError(
            f"{len(rows)} feature rows, {len(unsure)} uncertainties and {len(trajectories)} trajectory names",
            "pass one of each for every candidate",
        )
    # A NaN compares False: a candidate whose uncertainty is unknown is not chosen.
    open_to_choice = unsure > threshold
    if not open_to_choice.any() or n <= 0:
        return np.empty(0, dtype=np.int64)
    nearest = nearest_distances(rows, known)
    nearest_chosen = np.full(len(rows), np.inf)
    tolerance = separation * _spread(rows, known)
    eligible = {name for name, is_open in zip(trajectories, open_to_choice, strict=True) if is_open}
    share = -(-2 * n // len(eligible))
    taken: Counter[str] = Counter()
    chosen: list[int] = []
    while len(chosen) < n:
        # Coinciding structures have d = 0 and are left out even when separation is 0.
        open_to_choice &= (nearest > 0.0) & (nearest_chosen >= tolerance)
        if not open_to_choice.any():
            break
        best = int(np.where(open_to_choice, _score(nearest, unsure, diversity_weight), -np.inf).argmax())
        chosen.append(best)
        open_to_choice[best] = False
        nearest_chosen = np.minimum(nearest_chosen, np.linalg.norm(rows - rows[best], axis=1))
        nearest = np.minimum(nearest, nearest_chosen)
        taken[trajectories[best]] += 1
        if taken[trajectories[best]] >= share:
            open_to_choice &= np.array([name != trajectories[best] for name in trajectories])
    return np.array(chosen, dtype=np.int64)


def _score(nearest: Array, unsure: Array, weight: float) -> Array:
    """Logarithm of the score; with nothing known yet, uncertainty alone decides."""
    distance = np.where(np.isfinite(nearest), nearest, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):  # closed candidates may have d = 0 or u = NaN
        score: Array = (1.0 - weight) * np.log(unsure)
        return score + weight * np.log(distance) if weight else score


def _spread(rows: Array, known: Array) -> float:
    """Root mean square distance of all rows from their mean."""
    together = np.concatenate([rows, known]) if len(known) else rows
    return float(np.sqrt(((together - together.mean(axis=0)) ** 2).sum(axis=1).mean()))
