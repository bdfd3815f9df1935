"""Fingerprints: the same for one structure however it is written down, different for two."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from scipy.spatial.transform import Rotation

from forgefield.atoms.fingerprints import cluster_fingerprint, crystal_fingerprint, structure_fingerprint


def difference(one: Atoms, other: Atoms) -> float:
    return float(np.abs(structure_fingerprint(one) - structure_fingerprint(other)).max())


def disguised(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """Turned, moved, atoms renumbered; a crystal in other lattice vectors too."""
    rotation = Rotation.random(rng=rng).as_matrix()
    other = atoms[rng.permutation(len(atoms))]
    if atoms.pbc.all():
        other.set_cell(np.array([[1, 1, 0], [0, 1, -2], [0, 0, 1]]) @ other.cell.array)
    other.set_cell(other.cell.array @ rotation.T)
    other.positions = other.positions @ rotation.T + rng.normal(size=3)
    other.wrap()
    return other


def rattled(atoms: Atoms, amplitude: float) -> Atoms:
    atoms = atoms.copy()
    atoms.rattle(amplitude, seed=1)
    return atoms


CRYSTALS = [
    rattled(bulk("Si", cubic=True), 0.2),
    rattled(bulk("NaCl", "rocksalt", a=5.64, cubic=True), 0.2),
    bulk("Cu", "fcc", a=3.6),
]
CLUSTERS = [molecule("CH3CH2OH"), Atoms("Ar6", np.random.default_rng(0).normal(scale=3.0, size=(6, 3)))]


@pytest.mark.parametrize("atoms", CRYSTALS + CLUSTERS, ids=lambda atoms: atoms.get_chemical_formula())
def test_same_structure_written_down_in_other_ways(atoms):
    rng = np.random.default_rng(0)
    for _ in range(5):
        assert difference(atoms, disguised(atoms, rng)) < 1e-9


@pytest.mark.parametrize("atoms", CRYSTALS[:2] + CLUSTERS, ids=lambda atoms: atoms.get_chemical_formula())
def test_continuous_in_the_positions(atoms):
    small, large = (difference(atoms, rattled(atoms, amplitude)) for amplitude in (1e-5, 1e-3))
    assert 0.0 < small < 1e-4
    assert 10.0 < large / small < 1000.0


def test_polytypes_and_isomers_differ():
    fcc = bulk("Cu", "fcc", a=3.6, cubic=True)
    hcp = bulk("Cu", "hcp", a=3.6 / np.sqrt(2), c=3.6 / np.sqrt(2) * np.sqrt(8 / 3)) * (2, 1, 1)
    assert difference(fcc, hcp) > 0.1
    diamond = bulk("C", cubic=True)
    lonsdaleite = bulk("CC", "wurtzite", a=3.567 / np.sqrt(2), c=3.567 * 2 / np.sqrt(3))
    assert difference(diamond, lonsdaleite * (2, 1, 1)) > 0.1
    assert difference(molecule("trans-butane"), molecule("isobutane")) > 0.1


def test_elements_in_exchanged_places_differ():
    rocksalt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    exchanged = rocksalt.copy()
    exchanged.symbols[[0, 1]] = exchanged.symbols[[1, 0]]
    assert difference(rocksalt, exchanged) > 0.1
    molecules = molecule("CO2"), molecule("CO2")
    molecules[1].symbols[:] = ["O", "C", "O"]
    assert difference(*molecules) > 0.1


def test_cluster_values_are_eigenvalues_of_gaussians():
    """Two equal atoms: 1 ± exp(−(r / 4R)²)."""
    dimer = molecule("O2")
    overlap = np.exp(-((dimer.get_distance(0, 1) / (4 * 0.66)) ** 2))
    np.testing.assert_allclose(cluster_fingerprint(dimer), [1 - overlap, 1 + overlap], rtol=1e-12)


def test_crystal_values_are_neighbour_distances():
    """Copper: 12 neighbours at a/√2, 6 at a, 24 at a √(3/2); 24 of them count."""
    expected = 3.6 * np.repeat(np.sqrt([0.5, 1.0, 1.5]), [12, 6, 6])
    np.testing.assert_allclose(crystal_fingerprint(bulk("Cu", "fcc", a=3.6)), expected, rtol=1e-12)


def test_slab_and_wire():
    slab = Atoms("Cu", cell=[2.5, 2.5, 0], pbc=(True, True, False))
    expected = 2.5 * np.repeat(np.sqrt([1.0, 2.0, 4.0, 5.0, 8.0]), [4, 4, 4, 8, 4])
    np.testing.assert_allclose(crystal_fingerprint(slab), expected, rtol=1e-12)
    wire = Atoms("Cu", cell=[0, 0, 2.5], pbc=(False, False, True))
    distances = crystal_fingerprint(wire)
    np.testing.assert_allclose(distances[:6], 2.5 * np.repeat([1.0, 2.0, 3.0], 2), rtol=1e-12)
    assert np.isfinite(distances).all()
