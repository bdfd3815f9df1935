"""Supercells that are wide and near to right angles for their number of atoms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.geometry import minkowski_reduce

from forgefield.atoms.records import Array
from forgefield.atoms.sublattices import Matrix, sublattices

# The number of sublattices grows with the square of the index; beyond this one, only multiples are tried.
_LARGEST_INDEX = 12


def supercell(atoms: Atoms, max_atoms: int, min_atoms: int = 1) -> Atoms:
    """Wide repetition of a cell with at most ``max_atoms`` atoms, along the same directions in space.

    Of the sublattices of the crystal whose opposite faces are nearly as far apart as possible (80 %), the one
    closest to right angles is taken; among equals, the one with the most atoms, the widest and the shortest.
    For the two-atom diamond cell and 8 atoms that is the conventional cube, as it is for one fcc atom and 4.
    A cell that already exceeds ``max_atoms`` is returned as it is.

    Args:
        atoms: a structure periodic in three dimensions.
        max_atoms: largest allowed number of atoms.
        min_atoms: smallest allowed number of atoms, where a multiple of the cell is between the two.
    """
    index = max_atoms // len(atoms)
    if index <= 1:
        return atoms.copy()
    fewest = min(-(-min_atoms // len(atoms)), index)
    if index > _LARGEST_INDEX:
        small = supercell(atoms, 4 * len(atoms))
        for cell in (small, atoms):
            least = fewest * len(atoms) / len(cell)
            diagonals = _diagonals(max_atoms // len(cell))
            candidates = [matrix for matrix in diagonals if matrix.diagonal().prod() >= least]
            if candidates:
                return _repeated(cell, _best(cell, candidates))
    # The widest sublattice is never one of the smallest, and there are too many to look at all.
    sizes = range(max(fewest, (3 * index + 3) // 4), index + 1)
    candidates = [matrix for size in sizes for matrix in sublattices(size)]
    return _repeated(atoms, _best(atoms, candidates))


def _diagonals(index: int) -> Iterator[Matrix]:
    for a in range(1, index + 1):
        for b in range(1, index // a + 1):
            for c in range(1, index // a // b + 1):
                yield np.diag([a, b, c])


def _best(atoms: Atoms, candidates: Sequence[Matrix]) -> Matrix:
    cells = [minkowski_reduce(matrix @ atoms.cell.array)[0] for matrix in candidates]
    widths = [_width(cell) for cell in cells]
    wide = [number for number, width in enumerate(widths) if width > 0.8 * max(widths)]

    def rank(number: int) -> tuple[float, float, float, float]:
        lengths = np.linalg.norm(cells[number], axis=1)
        cosines = np.abs((cells[number] @ cells[number].T) / np.outer(lengths, lengths))
        skewness = round(float(cosines[np.triu_indices(3, 1)].sum()), 4)
        index = round(abs(np.linalg.det(candidates[number])))
        return (skewness, -index, -round(widths[number], 4), round(float(lengths.max()), 4))

    return candidates[min(wide, key=rank)]


def _width(cell: Array) -> float:
    """Smallest distance between opposite faces of any cell of the lattice, Å."""
    faces, _ = minkowski_reduce(np.linalg.inv(cell).T)
    return float(1.0 / np.linalg.norm(faces, axis=1).max())


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
