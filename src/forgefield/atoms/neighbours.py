"""Neighbour lists, right for small, triclinic and partly periodic cells."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from forgefield.atoms.records import Neighbours


def find_neighbours(atoms: Atoms, cutoff: float) -> Neighbours:
    """Full neighbour list (each pair from both sides), sorted by centre.

    Args:
        atoms: N atoms; any cell and periodicity.
        cutoff: Å.
    """
    # Imports torch where that is installed, which takes seconds; the command line's start-up need not wait.
    from vesin import NeighborList

    centres, neighbours, vectors = NeighborList(cutoff=cutoff, full_list=True).compute(
        points=atoms.positions, box=atoms.cell.array, periodic=np.asarray(atoms.pbc), quantities="ijD"
    )
    order = np.argsort(centres, kind="stable")
    centres = np.asarray(centres, dtype=np.int64)[order]
    counts = np.bincount(centres, minlength=len(atoms))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Neighbours(
        centres=centres,
        neighbours=np.asarray(neighbours, dtype=np.int64)[order],
        vectors=np.ascontiguousarray(np.asarray(vectors, dtype=np.float64)[order]),
        offsets=offsets,
        cutoff=float(cutoff),
    )


def shortest_distance(atoms: Atoms, search: float = 3.5) -> float:
    """Smallest interatomic distance in Å; infinity if none lies within ``search``."""
    vectors = find_neighbours(atoms, search).vectors
    return float(np.sqrt((vectors**2).sum(axis=1).min())) if len(vectors) else float("inf")
