"""Whether an atom is bound: a smooth step from 0 for free atoms to 1 for atoms with neighbours.

Bound atoms may have a constant energy that free atoms have not, so that the fit to the ones need not reach the energy
of the others through features: on the demonstration's silicon that constraint costs 40 % in the forces.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Array, Neighbours

_WHOLE = 0.25
"""Neighbours' weights (1 − (r/r_c)²)³ from which on an atom is bound: one at 0.6 times the cutoff."""


def boundness(pairs: Neighbours, cutoff: float) -> tuple[Array, Array]:
    """How far atoms are bound, (N,) from 0 to 1, and its derivatives (P, 3) by the centres' pair vectors, 1/Å."""
    inside = np.maximum(1 - np.einsum("pc,pc->p", pairs.vectors, pairs.vectors) / cutoff**2, 0.0)
    n_atoms = len(pairs.offsets) - 1
    t = np.minimum(np.bincount(pairs.centres, inside**3, n_atoms) / _WHOLE, 1.0)
    slopes = 30 * (t * (1 - t)) ** 2 / _WHOLE
    along = slopes[pairs.centres] * inside**2 * (-6 / cutoff**2)
    return t**3 * (10 - 15 * t + 6 * t * t), along[:, None] * pairs.vectors


def all_bound(placed: tuple[Array, Array], pairs: PairList, cutoff: float) -> bool:
    """Whether `boundness` is 1 for all `placed` atoms, without pair vectors."""
    bound: bool = _all_bound(*placed, pairs.offsets, pairs.neighbours, pairs.images, 1 / cutoff**2)
    return bound


@njit(cache=True)
def _all_bound(positions, translations, offsets, neighbours, images, inverse_square):  # type: ignore[no-untyped-def]
    for i in range(len(positions)):
        total = 0.0
        for p in range(offsets[i], offsets[i + 1]):
            j, image = neighbours[p], images[p]
            square = 0.0
            for c in range(3):
                square += (positions[j, c] + translations[image, c] - positions[i, c]) ** 2
            inside = 1.0 - square * inverse_square
            if inside > 0.0:
                total += inside**3
                if total >= _WHOLE:
                    break
        if total < _WHOLE:
            return False
    return True
