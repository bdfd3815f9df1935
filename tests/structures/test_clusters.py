"""Clusters: neutral, round, in one piece, and with the distances of the crystal."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from pydantic import ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.neighbours import shortest_distance
from forgefield.atoms.records import Candidate
from forgefield.structures.charge_balance import balanced_formulas
from forgefield.structures.clusters import bulk_clusters, hangs_together
from forgefield.structures.compound_spec import ClusterSpec
from forgefield.structures.contacts import contact_problem
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ions import Ion
from forgefield.structures.random_clusters import random_clusters

from .compound_cases import COPPER_INDIUM_SELENIDE, TITANIA, chalcopyrite, charge, rutile

SALT = (Ion("Na", 1), Ion("Cl", -1))


@pytest.mark.parametrize(
    ("atoms", "ions"),
    [
        (rutile(), TITANIA),
        (chalcopyrite(), COPPER_INDIUM_SELENIDE),
        (bulk("NaCl", "rocksalt", a=5.64), SALT),
        (bulk("Al"), ()),
    ],
    ids=["rutile", "chalcopyrite", "salt", "aluminium"],
)
def test_clusters_are_neutral_round_pieces_of_the_crystal(atoms: Atoms, ions: tuple[Ion, ...]) -> None:
    spec = ClusterSpec(count=6, atoms=(8, 40), vacuum=4.0)
    parent = Candidate(atoms, "file", "file/0")
    result = bulk_clusters([parent], spec, np.random.default_rng(0), ions)
    assert len(result.candidates) == 6
    assert result.left_out == ()
    assert len(remove_duplicates(result.candidates)) == 6
    bond = shortest_distance(atoms)
    for candidate in result.candidates:
        cluster = candidate.atoms
        assert 8 <= len(cluster) <= 40
        assert not cluster.pbc.any()
        assert not ions or charge(cluster, ions) == 0
        assert hangs_together(cluster)
        assert shortest_distance(cluster) == pytest.approx(bond, abs=1e-6)
        lowest, highest = cluster.positions.min(axis=0), cluster.positions.max(axis=0)
        np.testing.assert_allclose(lowest, 4.0, atol=1e-9)
        np.testing.assert_allclose(cluster.cell.lengths() - highest, 4.0, atol=1e-9)
        ball = (3 * len(cluster) * atoms.get_volume() / len(atoms) / (4 * np.pi)) ** (1 / 3)
        away = np.linalg.norm(cluster.positions - cluster.positions.mean(axis=0), axis=1)
        assert away.max() < 1.7 * ball
        assert candidate.parent == structure_key(atoms)
        assert candidate.source == "cluster"
        assert candidate.note.endswith("atoms of file/0, 4 Å of vacuum")
    assert len({candidate.trajectory for candidate in result.candidates}) == 6


def test_the_same_seed_cuts_the_same_clusters() -> None:
    parent, spec = Candidate(rutile(), "file", "file/0"), ClusterSpec(count=3)
    keys = [
        [
            structure_key(c.atoms)
            for c in bulk_clusters([parent], spec, np.random.default_rng(seed), TITANIA).candidates
        ]
        for seed in (1, 1, 2)
    ]
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


def test_clusters_that_cannot_be_neutral_are_reported() -> None:
    parent = Candidate(rutile(), "file", "file/0")
    result = bulk_clusters([parent], ClusterSpec(count=2, atoms=(4, 5)), np.random.default_rng(0), TITANIA)
    assert result.candidates == ()
    assert str(result.left_out[0]) == (
        "clusters of file/0: 0 instead of 2 different neutral clusters of 4 to 5 atoms were found; widen the range "
        "of atoms"
    )


@pytest.mark.parametrize(
    "ions", [TITANIA, SALT, (Ion("Ni", 0), Ion("Al", 0))], ids=["titania", "salt", "alloy"]
)
def test_random_clusters_are_whole_formulas_with_room(ions: tuple[Ion, ...]) -> None:
    formulas = balanced_formulas(ions, 3)[:1]
    result = random_clusters(formulas, ClusterSpec(count=4, atoms=(9, 24)), np.random.default_rng(3))
    assert len(result.candidates) == 4
    for candidate in result.candidates:
        atoms = candidate.atoms
        assert 9 <= len(atoms) <= 24
        assert len(atoms) % sum(formulas[0].counts) == 0
        assert charge(atoms, ions) == 0
        assert contact_problem(atoms, ions) is None
        assert hangs_together(atoms)
        assert not atoms.pbc.any()
        # Not a chain: three equal semi-axes would give 1.
        moments = np.linalg.eigvalsh(np.cov(atoms.positions.T))
        assert moments[0] / moments[2] > 0.1
    again = random_clusters(formulas, ClusterSpec(count=4, atoms=(9, 24)), np.random.default_rng(3))
    assert [structure_key(c.atoms) for c in again.candidates] == [
        structure_key(c.atoms) for c in result.candidates
    ]


def test_sizes_that_no_formula_has_are_refused() -> None:
    with pytest.raises(
        ForgefieldError,
        match="no multiple of TiO2 has 4 to 5 atoms; widen the range of atoms of clusters; TiO2 has 3",
    ):
        random_clusters(balanced_formulas(TITANIA), ClusterSpec(atoms=(4, 5)), np.random.default_rng(0))
    with pytest.raises(ValidationError, match="the smallest number comes first"):
        ClusterSpec(atoms=(9, 8))


def test_pieces_are_told_from_wholes() -> None:
    assert hangs_together(Atoms("OO", positions=[[0, 0, 0], [1.4, 0, 0]]))
    assert not hangs_together(Atoms("OO", positions=[[0, 0, 0], [2.0, 0, 0]]))
