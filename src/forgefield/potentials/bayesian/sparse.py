"""Which environments stand for all others: a selection by leverage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.records import Array

_ENERGY = 1e-10
"""Share of the largest squared singular value below which directions are rounding errors."""


def choose_references(features: Array, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of at most `count` rows of features (N, D), drawn by their statistical leverage.

    The leverage of a row is the squared length of its part in the leading left singular vectors: rows that no others
    can stand for have a high one. Rows are drawn in proportion to it, without replacement (CUR decomposition, Mahoney
    and Drineas, PNAS 106, 697 (2009), eq. 3).
    """
    if len(features) <= count:
        return np.arange(len(features))
    values, vectors = np.linalg.eigh(features.T @ features)
    kept = values > _ENERGY * values[-1]
    leverage = ((features @ (vectors[:, kept] / np.sqrt(values[kept]))) ** 2).sum(axis=1)
    # The largest of u^(1/p) with u uniform: a weighted draw without replacement (Efraimidis and Spirakis, 2006).
    keys = np.log(rng.random(len(features))) / np.maximum(leverage, 1e-300)
    drawn: NDArray[np.int64] = np.sort(np.argpartition(-keys, count)[:count])
    return drawn
