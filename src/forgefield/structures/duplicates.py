"""The same crystal in another guise: rotated, shifted, renumbered, mirrored, or in another cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.optimize import linear_sum_assignment

from forgefield.atoms.neighbours import find_neighbours
from forgefield.atoms.records import Array, Candidate
from forgefield.structures.symmetry import primitive_cell

# Distances kept for each atom and neighbouring element. Cubic and hexagonal close packing differ from the 19th.
_KEPT = 40
_FAR = 8.0


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    """What stays the same under rotation, translation, reflection and another choice of cell.

    Attributes:
        kind: elements with their counts, periodicity.
        environments: (N, S · 40) sorted distances to the nearest neighbours of each element, Å, per atom of the
            primitive cell.
        numbers: (N,) atomic numbers.
        mean: (S · 40,) mean of the environments.
    """

    kind: tuple[tuple[int, ...], tuple[int, ...], tuple[bool, ...], tuple[float, ...]]
    environments: Array
    numbers: Array
    mean: Array


def remove_duplicates(candidates: Sequence[Candidate], tolerance: float = 0.01) -> list[Candidate]:
    """Drop every candidate that repeats an earlier one; the order stays.

    Two structures are one if, in their primitive cells, the atoms can be paired such that the sorted distances
    to each atom's 40 nearest neighbours of each element (those within 8 Å) agree within ``tolerance``. Mirror
    images count as one, having the same energy. No pair of different crystals with equal distances is known among
    the structures of the elements, though mathematics allows it.

    Args:
        candidates: structures of any elements and periodicity.
        tolerance: Å.
    """
    kept: list[Candidate] = []
    fingerprints: dict[object, list[_Fingerprint]] = {}
    for candidate in candidates:
        fingerprint = _fingerprint(candidate.atoms, tolerance)
        known = fingerprints.setdefault(fingerprint.kind, [])
        if any(_agree(fingerprint, other, tolerance) for other in known):
            continue
        known.append(fingerprint)
        kept.append(candidate)
    return kept


def _fingerprint(atoms: Atoms, tolerance: float) -> _Fingerprint:
    primitive = primitive_cell(atoms, tolerance)
    numbers, counts = np.unique(primitive.numbers, return_counts=True)
    neighbours = find_neighbours(primitive, _FAR)
    lengths = np.linalg.norm(neighbours.vectors, axis=1)
    environments = np.full((len(primitive), len(numbers), _KEPT), _FAR)
    for atom in range(len(primitive)):
        pairs = slice(neighbours.offsets[atom], neighbours.offsets[atom + 1])
        elements = primitive.numbers[neighbours.neighbours[pairs]]
        for column, number in enumerate(numbers):
            nearest = np.sort(lengths[pairs][elements == number])[:_KEPT]
            environments[atom, column, : len(nearest)] = nearest
    flat = environments.reshape(len(primitive), -1)
    moments = primitive_moments(atoms)
    return _Fingerprint(
        kind=(tuple(numbers.tolist()), tuple(counts.tolist()), tuple(atoms.pbc.tolist()), moments),
        environments=flat,
        numbers=np.asarray(primitive.numbers, dtype=np.float64),
        mean=np.asarray(flat.mean(axis=0)),
    )


def primitive_moments(atoms: Atoms) -> tuple[float, ...]:
    """Sorted initial magnetic moments; structures that differ in them are different."""
    return tuple(np.sort(np.round(atoms.get_initial_magnetic_moments(), 3)).ravel().tolist())


def _agree(one: _Fingerprint, other: _Fingerprint, tolerance: float) -> bool:
    if np.abs(one.mean - other.mean).max() > tolerance:
        return False
    differences = np.abs(one.environments[:, None, :] - other.environments[None, :, :]).max(axis=2)
    impossible = (one.numbers[:, None] != other.numbers[None, :]) | (differences > tolerance)
    rows, columns = linear_sum_assignment(impossible)
    return not impossible[rows, columns].any()
