"""Clusters, wires and slabs that fall apart: seen by the distances that link their atoms, and pulled together again."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry import find_mic
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from forgefield.atoms.records import Array

_GAP = 0.8
"""Share of the linking distance at which a piece is put to the others."""


def pieces(atoms: Atoms, reach: float, cutoff: float) -> NDArray[np.int64]:
    """(N,) number of the piece that each atom belongs to.

    Args:
        atoms: not periodic in three directions; across the others they are linked to images too.
        reach: atoms are linked below this multiple of the sum of their covalent radii
        cutoff: and below this, Å, beyond which they would not even feel each other.
    """
    linked = _ways(atoms)[1] <= _linking(atoms, reach, cutoff)
    return np.asarray(connected_components(linked, directed=False)[1], dtype=np.int64)


def pulled_together(atoms: Atoms, reach: float, cutoff: float) -> Atoms:
    """The same structure in one piece: the nearest piece is moved to the largest one until all are linked.

    A piece moves as a whole, along its shortest distance to the others, to four fifths of the linking distance.

    Args:
        atoms: as in `pieces`; is not changed.
        reach: as in `pieces`.
        cutoff: as in `pieces`.
    """
    whole = atoms.copy()
    linking = _linking(atoms, reach, cutoff)
    for _ in range(len(atoms)):
        labels = pieces(whole, reach, cutoff)
        if labels.max() == 0:
            break
        body = labels == np.bincount(labels).argmax()
        ways, distances = _ways(whole)
        gaps = distances / linking
        gaps[:, ~body] = np.inf
        gaps[body] = np.inf
        alone, near = np.unravel_index(int(gaps.argmin()), gaps.shape)
        share = 1.0 - _GAP * linking[alone, near] / distances[alone, near]
        whole.positions[labels == labels[alone]] += share * ways[alone, near]
    return whole


def _ways(atoms: Atoms) -> tuple[Array, Array]:
    """(N, N, 3) shortest vectors from the first atom to the second, and (N, N) their lengths, Å."""
    ways = atoms.positions - atoms.positions[:, None]
    if atoms.pbc.any():
        ways = find_mic(ways.reshape(-1, 3), atoms.cell, atoms.pbc)[0].reshape(ways.shape)
    return ways, np.sqrt((ways**2).sum(axis=2))


def _linking(atoms: Atoms, reach: float, cutoff: float) -> Array:
    radii = covalent_radii[atoms.numbers]
    return np.minimum(reach * (radii[:, None] + radii), cutoff)
