"""What a fingerprint of whole structures is: rows whose Euclidean distance says how unlike two structures are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from ase import Atoms
from numpy.typing import DTypeLike, NDArray


class StructureFingerprint(Protocol):
    """Structures in, rows out.

    A row stays the same when its structure is moved, turned, mirrored, renumbered or repeated as a supercell.
    """

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols; other elements are refused."""

    @property
    def n_features(self) -> int:
        """D, the length of a row."""

    def rows(self, structures: Sequence[Atoms], dtype: DTypeLike = float) -> NDArray[np.floating]:
        """(M, D), one row for each structure; computed in float64, stored as ``dtype``."""


def batches(structures: Sequence[Atoms], most_atoms: int) -> Iterator[slice]:
    """Runs of structures with at most so many atoms together, or a single one: what threads share, and what bounds
    the memory that their pairs take."""
    begin, n_atoms = 0, 0
    for index, atoms in enumerate(structures):
        if index > begin and n_atoms + len(atoms) > most_atoms:
            yield slice(begin, index)
            begin, n_atoms = index, 0
        n_atoms += len(atoms)
    if begin < len(structures):
        yield slice(begin, len(structures))
