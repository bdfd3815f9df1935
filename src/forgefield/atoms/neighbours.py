"""Neighbour lists, right for small, triclinic and partly periodic cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from forgefield.atoms.pair_list import PairList, find_pairs
from forgefield.atoms.records import Neighbours


def find_neighbours(atoms: Atoms, cutoff: float) -> Neighbours:
    """Full neighbour list (each pair from both sides) with its vectors, sorted by centre.

    Args:
        atoms: N atoms; any cell and periodicity, also in the same place.
        cutoff: Å.
    """
    return with_vectors(find_pairs(atoms, cutoff, coincident=True), atoms)


def with_vectors(pairs: PairList, atoms: Atoms) -> Neighbours:
    """The pairs of a list with the vectors that the atoms' positions give them now."""
    positions, translations = pairs.placed(atoms)
    centres = np.repeat(np.arange(len(atoms)), np.diff(pairs.offsets))
    vectors = positions[pairs.neighbours] + translations[pairs.images] - positions[centres]
    return Neighbours(centres, pairs.neighbours.astype(np.int64), vectors, pairs.offsets, pairs.cutoff)


def concatenate(parts: Sequence[Neighbours]) -> Neighbours:
    """Pairs of several structures as if they were one, atoms numbered through."""
    starts = np.cumsum([0] + [len(part.offsets) - 1 for part in parts])
    pair_starts = np.cumsum([0] + [len(part.centres) for part in parts])
    return Neighbours(
        centres=np.concatenate([part.centres + start for part, start in zip(parts, starts, strict=False)]),
        neighbours=np.concatenate(
            [part.neighbours + start for part, start in zip(parts, starts, strict=False)]
        ),
        vectors=np.concatenate([part.vectors for part in parts]),
        offsets=np.concatenate(
            [part.offsets[:-1] + start for part, start in zip(parts, pair_starts, strict=False)]
            + [pair_starts[-1:]]
        ),
        cutoff=parts[0].cutoff,
    )


def shortest_distance(atoms: Atoms, search: float = 3.5) -> float:
    """Smallest interatomic distance in Å; infinity if none lies within ``search``."""
    vectors = find_neighbours(atoms, search).vectors
    return float(np.sqrt((vectors**2).sum(axis=1).min())) if len(vectors) else float("inf")
