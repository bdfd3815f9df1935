"""Query by committee: structures on which the members disagree, but not beyond all reason."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forgefield.atoms.errors import ForgefieldError


def within_window(
    disagreements: ArrayLike, lower: float, upper: float, n: int, rng: np.random.Generator | None = None
) -> NDArray[np.int64]:
    """Pick structures whose committee disagreement lies inside a window.

    DP-GEN (Zhang, Lin, Wang, Car & E, Phys. Rev. Materials 3, 023804 (2019)): below the lower bound a structure
    is predicted well already; from the upper bound on, it is likely to be unphysical, since a potential
    that errs so much drives its trajectory astray. Candidates are those with lower ≤ ε < upper. The authors'
    ε is the largest standard deviation of a force among the atoms of a structure.

    Args:
        disagreements: (M,) ε of each structure, eV/Å, such as the worst atom's calibrated uncertainty. NaN,
            disagreement unknown, is never picked.
        lower: eV/Å.
        upper: eV/Å, above ``lower``; infinity for no bound.
        n: number of structures to pick.
        rng: draw at random, as DP-GEN does; without it, the most uncertain first, ties to the lowest index.

    Returns:
        At most n indices in the order in which they were picked.

    Raises:
        ForgefieldError: disagreements that are no list of numbers, or an empty window.
    """
    values = np.asarray(disagreements, dtype=np.float64)
    if values.ndim != 1:
        raise ForgefieldError(
            f"disagreements have shape {values.shape}", "pass one number for each structure"
        )
    if not lower < upper:
        raise ForgefieldError(
            f"the window from {lower} to {upper} eV/Å is empty", "raise its upper bound or lower the other"
        )
    inside = np.flatnonzero((values >= lower) & (values < upper))
    order = np.argsort(-values[inside], kind="stable") if rng is None else rng.permutation(len(inside))
    return inside[order][: max(0, n)].astype(np.int64)
