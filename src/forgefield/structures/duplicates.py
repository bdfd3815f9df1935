"""The same crystal in another guise: rotated, shifted, renumbered, mirrored, or in another cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from forgefield.atoms.neighbours import find_neighbours
from forgefield.atoms.primitive_cell import primitive_cell
from forgefield.atoms.records import Array, Candidate

# Distances kept for each atom and sort of its neighbours; fcc and hcp differ from the 19th on.
_KEPT = 40
_FAR = 8.0


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    """What stays the same under rotation, translation, reflection and another choice of cell.

    Attributes:
        kind: element and magnetic moment of each sort of atom, how many the primitive cell has, periodicity.
        sorts: (N,) which sort each atom of the primitive cell is.
        environments: (N, S · 40) sorted distances to the nearest neighbours of each sort, Å.
        mean: (S · 40,) mean of the environments.
    """

    kind: tuple[tuple[tuple[float, ...], ...], tuple[int, ...], tuple[bool, ...]]
    sorts: NDArray[np.int64]
    environments: Array
    mean: Array


def remove_duplicates(candidates: Sequence[Candidate], tolerance: float = 0.01) -> list[Candidate]:
    """Drop every candidate that repeats an earlier one, as :func:`twins` finds them; the order stays.

    Args:
        candidates: structures of any elements and periodicity.
        tolerance: Å.
    """
    repeated = twins(candidates, tolerance)
    return [candidate for candidate, twin in zip(candidates, repeated, strict=True) if twin is None]


def twins(candidates: Sequence[Candidate], tolerance: float = 0.01) -> list[int | None]:
    """For each candidate the index of the earlier one that it repeats; None for the first of its kind.

    Two structures are one if, in their primitive cells, the atoms can be paired such that the sorted
    distances to each atom's 40 nearest neighbours of each element (those within 8 Å) agree within
    ``tolerance``. Mirror images count as one, having the same energy. Distances alone do not prove two
    crystals equal, but different ones that agree in all of these are not met in practice.

    Args:
        candidates: structures of any elements and periodicity.
        tolerance: Å.
    """
    found: list[int | None] = []
    firsts: dict[object, list[tuple[int, _Fingerprint]]] = {}
    for number, candidate in enumerate(candidates):
        fingerprint = _fingerprint(candidate.atoms, tolerance)
        known = firsts.setdefault(fingerprint.kind, [])
        twin = next((index for index, other in known if _agree(fingerprint, other, tolerance)), None)
        if twin is None:
            known.append((number, fingerprint))
        found.append(twin)
    return found


def _fingerprint(atoms: Atoms, tolerance: float) -> _Fingerprint:
    # Atoms of one element with different magnetic moments are of different sorts.
    moments = atoms.get_initial_magnetic_moments().reshape(len(atoms), -1).round(3) + 0.0
    kinds, sorts = np.unique(np.column_stack([atoms.numbers, moments]), axis=0, return_inverse=True)
    relabelled = Atoms(numbers=sorts.ravel(), positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    primitive = primitive_cell(relabelled, tolerance)
    sorts = np.asarray(primitive.numbers, dtype=np.int64)
    neighbours = find_neighbours(primitive, _FAR)
    lengths = np.linalg.norm(neighbours.vectors, axis=1)
    environments = np.full((len(primitive), len(kinds), _KEPT), _FAR)
    for atom in range(len(primitive)):
        pairs = slice(neighbours.offsets[atom], neighbours.offsets[atom + 1])
        for sort in range(len(kinds)):
            nearest = np.sort(lengths[pairs][sorts[neighbours.neighbours[pairs]] == sort])[:_KEPT]
            environments[atom, sort, : len(nearest)] = nearest
    flat = environments.reshape(len(primitive), -1)
    return _Fingerprint(
        kind=(
            tuple(tuple(kind) for kind in kinds.tolist()),
            tuple(np.bincount(sorts, minlength=len(kinds)).tolist()),
            tuple(atoms.pbc.tolist()),
        ),
        sorts=sorts,
        environments=flat,
        mean=np.asarray(flat.mean(axis=0)),
    )


def _agree(one: _Fingerprint, other: _Fingerprint, tolerance: float) -> bool:
    if np.abs(one.mean - other.mean).max() > tolerance:
        return False
    differences = np.abs(one.environments[:, None, :] - other.environments[None, :, :]).max(axis=2)
    impossible = (one.sorts[:, None] != other.sorts[None, :]) | (differences > tolerance)
    rows, columns = linear_sum_assignment(impossible)
    return not impossible[rows, columns].any()
