"""Strain, rattle, supercells, primitive cells and the free atom."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.geometry import get_distances

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.isolated import isolated_atom
from forgefield.atoms.neighbours import find_neighbours, shortest_distance
from forgefield.atoms.primitive_cell import primitive_cell
from forgefield.structures.prototypes import prototype
from forgefield.structures.rattle import rattled
from forgefield.structures.strain import random_strain, scaled_to_volume, strained
from forgefield.structures.supercell import supercell


def test_strain_moves_every_vector_by_the_tensor() -> None:
    atoms = rattled(bulk("Si") * 2, 0.1, np.random.default_rng(0))
    strain = random_strain(0.05, np.random.default_rng(1))
    result = strained(atoms, strain)
    np.testing.assert_allclose(result.cell.array, atoms.cell.array + atoms.cell.array @ strain, atol=1e-12)
    np.testing.assert_allclose(result.get_scaled_positions(), atoms.get_scaled_positions(), atol=1e-12)
    assert result.get_volume() / atoms.get_volume() == pytest.approx(np.linalg.det(np.eye(3) + strain))


def test_scaled_to_volume() -> None:
    atoms = bulk("Al", cubic=True)
    result = scaled_to_volume(atoms, 0.92)
    assert result.get_volume() / atoms.get_volume() == pytest.approx(0.92)
    np.testing.assert_allclose(result.get_scaled_positions(), atoms.get_scaled_positions(), atol=1e-12)


def test_random_strain_is_symmetric_and_fills_its_range() -> None:
    rng = np.random.default_rng(0)
    strains = np.array([random_strain(0.05, rng) for _ in range(4000)])
    np.testing.assert_array_equal(strains, strains.transpose(0, 2, 1))
    assert np.abs(strains).max() <= 0.05
    np.testing.assert_allclose(strains.std(axis=0), 0.05 / np.sqrt(3), rtol=0.05)


def test_rattle_has_the_amplitude_asked_for_and_does_not_shift_the_crystal() -> None:
    atoms = bulk("Si", cubic=True) * 3
    result = rattled(atoms, 0.1, np.random.default_rng(0))
    moved = result.positions - atoms.positions
    np.testing.assert_allclose(moved.mean(axis=0), 0.0, atol=1e-12)
    assert moved.std() == pytest.approx(0.1, rel=0.06)
    assert np.array_equal(atoms.positions, (bulk("Si", cubic=True) * 3).positions)


def test_rattle_keeps_atoms_apart_or_says_that_it_cannot() -> None:
    atoms = bulk("Si", cubic=True)
    rng = np.random.default_rng(0)
    closest = [shortest_distance(rattled(atoms, 0.2, rng, 1.9)) for _ in range(30)]
    assert min(closest) >= 1.9
    free = [shortest_distance(rattled(atoms, 0.2, rng)) for _ in range(30)]
    assert min(free) < 1.9
    with pytest.raises(ForgefieldError, match=r"200 random displacements of 0\.5 Å .* closer than 2\.30 Å"):
        rattled(atoms, 0.5, rng, 2.3)


def _signature(atoms: Atoms) -> np.ndarray:
    pairs = find_neighbours(atoms, 6.0)
    return np.sort(np.linalg.norm(pairs.vectors, axis=1)).reshape(-1, len(atoms)).mean(axis=1)


@pytest.mark.parametrize(
    ("element", "name", "max_atoms", "lengths"),
    [
        ("Si", "diamond", 8, [5.43] * 3),
        ("Al", "fcc", 4, [4.05] * 3),
        ("Fe", "bcc", 2, [2.87] * 3),
        ("Po", "sc", 8, [6.7] * 3),
        ("Si", "diamond", 64, [10.86] * 3),
        ("Al", "fcc", 32, [8.1] * 3),
    ],
)
def test_cubic_crystals_get_aligned_cubes(
    element: str, name: str, max_atoms: int, lengths: list[float]
) -> None:
    result = supercell(prototype(element, name), max_atoms)
    np.testing.assert_allclose(result.cell.array, np.diag(lengths), atol=1e-9)
    assert len(result) == max_atoms


@pytest.mark.parametrize(
    "name", ["diamond", "hexagonal-diamond", "beta-tin", "bcc", "fcc", "hcp", "alpha-arsenic"]
)
@pytest.mark.parametrize("max_atoms", [2, 4, 7, 8, 12, 30])
def test_a_supercell_is_the_same_crystal(name: str, max_atoms: int) -> None:
    atoms = prototype("Si", name)
    result = supercell(atoms, max_atoms)
    assert len(result) <= max(max_atoms, len(atoms))
    assert len(result) > max_atoms / 2 or len(atoms) > max_atoms / 2
    assert result.get_volume() / len(result) == pytest.approx(atoms.get_volume() / len(atoms))
    assert np.linalg.det(result.cell.array) > 0
    np.testing.assert_allclose(_signature(result), _signature(atoms), atol=1e-8)
    # The same directions in space: every vector of the new lattice is one of the old.
    steps = result.cell.array @ np.linalg.inv(atoms.cell.array)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)


def test_primitive_cell_leaves_atoms_in_place() -> None:
    atoms = prototype("Si", "diamond")
    large = make_supercell(atoms, [[2, 1, 0], [0, 1, 1], [0, 0, 3]])
    small = primitive_cell(large, 1e-3)
    assert len(small) == 2
    _, distances = get_distances(small.positions, large.positions, cell=large.cell, pbc=True)
    assert distances.min(axis=1).max() < 1e-6
    molecule = Atoms("H2", positions=[[0, 0, 0], [0, 0, 0.74]])
    assert primitive_cell(molecule, 1e-3) == molecule
    moved = rattled(bulk("Si", cubic=True), 0.05, np.random.default_rng(0))
    assert len(primitive_cell(moved, 1e-3)) == 8


def test_the_free_atom_is_far_from_its_images() -> None:
    atoms = isolated_atom("Si", 11.0)
    assert len(atoms) == 1
    assert atoms.pbc.all()
    assert shortest_distance(atoms, 12.0) == pytest.approx(11.0)
