"""Supercells that are as wide as their number of atoms allows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.geometry import minkowski_reduce
from numpy.typing import NDArray

Matrix = NDArray[np.int64]
# The number of sublattices grows with the square of the index; beyond this one, only multiples are tried.
_LARGEST_INDEX = 12


def supercell(atoms: Atoms, max_atoms: int) -> Atoms:
    """Widest repetition of a cell with at most ``max_atoms`` atoms, along the same directions in space.

    Of all sublattices of the crystal, the one with the largest distance between opposite faces is taken; among
    equals, the smaller one and then the one closest to right angles. For the two-atom diamond cell and 8 atoms
    that is the conventional cube. A cell that already exceeds ``max_atoms`` is returned as it is.

    Args:
        atoms: a structure periodic in three dimensions.
        max_atoms: largest allowed number of atoms.
    """
    index = max_atoms // len(atoms)
    if index <= 1:
        return atoms.copy()
    if index > _LARGEST_INDEX:
        small = supercell(atoms, 4 * len(atoms))
        candidates = list(_diagonals(max_atoms // len(small)))
        return _repeated(small, min(candidates, key=lambda matrix: _rank(small, matrix)))
    # The widest sublattice is never one of the smallest, and there are too many to look at all.
    candidates = [matrix for size in range((3 * index + 3) // 4, index + 1) for matrix in _sublattices(size)]
    return _repeated(atoms, min(candidates, key=lambda matrix: _rank(atoms, matrix)))


def _sublattices(index: int) -> Iterator[Matrix]:
    """All sublattices of an index, as matrices in Hermite normal form."""
    for a in range(1, index + 1):
        if index % a:
            continue
        for c in range(1, index // a + 1):
            if (index // a) % c:
                continue
            f = index // a // c
            for b in range(c):
                for d in range(f):
                    for e in range(f):
                        yield np.array([[a, b, d], [0, c, e], [0, 0, f]])


def _diagonals(index: int) -> Iterator[Matrix]:
    for a in range(1, index + 1):
        for b in range(1, index // a + 1):
            for c in range(1, index // a // b + 1):
                yield np.diag([a, b, c])


def _rank(atoms: Atoms, matrix: Matrix) -> tuple[float, int, float]:
    """Smallest first: negative distance of the closest faces, index, departure from right angles."""
    cell, _ = minkowski_reduce(matrix @ atoms.cell.array)
    faces, _ = minkowski_reduce(np.linalg.inv(cell).T)
    width = 1.0 / np.linalg.norm(faces, axis=1).max()
    lengths = np.linalg.norm(cell, axis=1)
    cosines = np.abs((cell @ cell.T) / np.outer(lengths, lengths))[np.triu_indices(3, 1)]
    return (-round(float(width), 3), round(abs(np.linalg.det(matrix))), round(float(cosines.sum()), 6))


def _repeated(atoms: Atoms, matrix: Matrix) -> Atoms:
    reduced, operation = minkowski_reduce(matrix @ atoms.cell.array)
    # Order and sign of the vectors are free: bring them as near to the axes x, y, z as they go.
    order = np.argsort(np.argmax(np.round(np.abs(reduced), 6), axis=1), kind="stable")
    operation, reduced = operation[order], reduced[order]
    main = reduced[np.arange(3), np.argmax(np.round(np.abs(reduced), 6), axis=1)]
    operation = operation * np.where(main < 0.0, -1, 1)[:, None]
    if np.linalg.det(operation) < 0.0:
        operation = -operation
    return make_supercell(atoms, operation @ matrix, wrap=True)
