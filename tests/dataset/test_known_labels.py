"""Exported labels, read back."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Labels
from forgefield.dataset.export import export_extxyz
from forgefield.dataset.known_labels import read_known_labels
from forgefield.dataset.records import Record


def record(atoms: Atoms, recipe: str) -> Record:
    measured = atoms.copy()
    measured.calc = EMT()
    stress = measured.get_stress() if atoms.pbc.all() else None
    labels = Labels(measured.get_potential_energy(), measured.get_forces(), stress, recipe, "emt 1", 0.5)
    return Record(structure_key(atoms), atoms, labels, "rattle", "rattle/1", "", "label", 0, "")


def test_what_is_exported_comes_back_to_the_bit(tmp_path: Path) -> None:
    crystal = bulk("Al", cubic=True)
    crystal.rattle(0.1, rng=np.random.default_rng(0))
    molecule = Atoms("Al2", [[0, 0, 0], [0, 0, 2.5]])
    records = [record(crystal, "one"), record(molecule, "one"), record(bulk("Cu"), "another")]
    export_extxyz(records, tmp_path / "labels.xyz")
    known = read_known_labels([tmp_path / "labels.xyz"], "one", "emt 1")
    assert set(known) == {structure_key(crystal), structure_key(molecule)}
    for each in records[:2]:
        found = known[each.key]
        assert found.energy == each.labels.energy
        assert np.array_equal(found.forces, each.labels.forces)
        assert (found.recipe, found.engine, found.seconds) == ("one", "emt 1", 0.0)
    assert np.array_equal(known[records[0].key].stress, records[0].labels.stress)
    assert known[records[1].key].stress is None


def test_files_that_hold_nothing_of_the_recipe_are_refused(tmp_path: Path) -> None:
    export_extxyz([record(bulk("Cu"), "another")], tmp_path / "labels.xyz")
    with pytest.raises(ForgefieldError, match=r"no label of recipe one .*its recipes: another"):
        read_known_labels([tmp_path / "labels.xyz"], "one", "emt 1")
    ase.io.write(tmp_path / "bare.xyz", bulk("Cu"))
    with pytest.raises(ForgefieldError, match="its recipes: none"):
        read_known_labels([tmp_path / "bare.xyz"], "one", "emt 1")
