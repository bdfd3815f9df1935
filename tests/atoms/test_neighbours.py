"""Neighbour lists beside ASE's, in the cells where mistakes hide."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.neighborlist import neighbor_list

from forgefield.atoms.neighbours import find_neighbours, shortest_distance


def _primitive() -> Atoms:
    atoms = bulk("Si")
    atoms.rattle(0.1, rng=np.random.default_rng(0))
    return atoms


def _skewed() -> Atoms:
    cell = [[2.6, 0, 0], [2.3, 2.4, 0], [-1.9, 1.7, 2.9]]
    return Atoms("SiC", scaled_positions=[[0.1, 0.2, 0.3], [0.6, 0.55, 0.8]], cell=cell, pbc=True)


def _outside() -> Atoms:
    atoms = _primitive() * (1, 1, 2)
    atoms.positions += atoms.cell.array.T @ [3, -2, 5] * np.array([[1], [-1], [2], [0]])
    return atoms


def _slab() -> Atoms:
    atoms = fcc111("Al", (1, 2, 3), vacuum=6.0)
    atoms.rattle(0.1, rng=np.random.default_rng(1))
    return atoms


def _wire() -> Atoms:
    return Atoms("AuAu", positions=[[5, 5, 0], [5, 5.4, 2.7]], cell=[10, 10, 5.2], pbc=[False, False, True])


def _molecule() -> Atoms:
    return molecule("CH3CH2OH")


def _left_handed() -> Atoms:
    atoms = _skewed()
    atoms.set_cell(atoms.cell.array[[1, 0, 2]])
    return atoms


CELLS = [_primitive, _skewed, _outside, _slab, _wire, _molecule, _left_handed]


@pytest.mark.parametrize("cutoff", [2.8, 6.5])
@pytest.mark.parametrize("build", CELLS)
def test_pairs_are_those_of_ase(build: Callable[[], Atoms], cutoff: float) -> None:
    atoms = build()
    found = find_neighbours(atoms, cutoff)
    i, j, vectors = neighbor_list("ijD", atoms, cutoff)
    assert len(found.centres) == len(i)
    ours = np.column_stack([found.centres, found.neighbours, found.vectors.round(6) + 0.0])
    theirs = np.column_stack([i, j, vectors.round(6) + 0.0])
    ours, theirs = (rows[np.lexsort(rows.T[::-1])] for rows in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


@pytest.mark.parametrize("build", CELLS)
def test_offsets_and_symmetry_of_the_pairs(build: Callable[[], Atoms]) -> None:
    atoms = build()
    found = find_neighbours(atoms, 5.0)
    assert found.offsets.shape == (len(atoms) + 1,)
    assert found.offsets[0] == 0
    assert found.offsets[-1] == len(found.centres)
    for atom in range(len(atoms)):
        assert (found.centres[found.offsets[atom] : found.offsets[atom + 1]] == atom).all()
    assert (np.linalg.norm(found.vectors, axis=1) < 5.0).all()
    np.testing.assert_allclose(found.vectors.sum(axis=0), 0.0, atol=1e-9)
    assert found.centres.dtype == found.neighbours.dtype == found.offsets.dtype == np.int64
    assert found.vectors.dtype == np.float64
    assert found.vectors.flags.c_contiguous


def test_an_atom_sees_its_own_images() -> None:
    found = find_neighbours(bulk("Po", "sc", a=3.3), 3.4)
    assert (found.centres == found.neighbours).all()
    assert len(found.centres) == 6


def test_a_lonely_atom_has_no_neighbours() -> None:
    found = find_neighbours(Atoms("Si"), 5.0)
    assert found.vectors.shape == (0, 3)
    assert found.offsets.tolist() == [0, 0]


def test_shortest_distance() -> None:
    assert shortest_distance(bulk("Si", a=5.43)) == pytest.approx(5.43 * np.sqrt(3) / 4)
    assert shortest_distance(bulk("Po", "sc", a=3.3)) == pytest.approx(3.3)
    assert shortest_distance(Atoms("H2", positions=[[0, 0, 0], [0, 0, 0.74]])) == pytest.approx(0.74)
    assert shortest_distance(Atoms("H2", positions=[[0, 0, 0], [0, 0, 9.0]])) == float("inf")
    assert shortest_distance(Atoms("H2", positions=[[0, 0, 0], [0, 0, 9.0]]), search=10.0) == 9.0
