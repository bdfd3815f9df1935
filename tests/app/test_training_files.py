"""Data files of `forgefield train`: databases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.db import connect

from forgefield.app.training_files import labelled_frames
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Candidate, Labels
from forgefield.dataset.records import Provenance
from forgefield.dataset.store import Dataset
from forgefield.potentials.registry import units_named
from forgefield.potentials.training_set import collect

UNITS = units_named("bohr-hartree")


def test_a_runs_data_set_keeps_its_trajectories_and_numbers(tmp_path: Path) -> None:
    data, labels = Dataset(tmp_path / "dataset.db"), []
    for number in range(5):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=number)
        calculated = atoms.copy()
        calculated.calc = EMT()
        labels.append(
            Labels(
                calculated.get_potential_energy(),
                calculated.get_forces(),
                calculated.get_stress(),
                "r",
                "emt",
                0.0,
            )
        )
        data.add(Candidate(atoms, "nvt", f"run-{number // 2}"), labels[-1], Provenance("label", 0))
    found, unlabelled = collect(labelled_frames([data.path], UNITS))
    assert unlabelled == 0
    assert found.trajectories == ("run-0", "run-0", "run-1", "run-1", "run-2")
    assert set(found.groups) == {"nvt"}
    for number, label in enumerate(labels):
        assert found.energies[number] == label.energy
        assert np.array_equal(found.label(number).forces, label.forces)
        np.testing.assert_allclose(found.stresses[number], label.stress)


def test_somebodys_database_is_read_too(tmp_path: Path) -> None:
    with connect(tmp_path / "own.db") as database:
        for number in range(3):
            atoms = bulk("Cu", cubic=True)
            atoms.rattle(0.1, seed=number)
            atoms.calc = EMT()
            atoms.get_forces()
            database.write(atoms, temperature=300)
        database.write(bulk("Cu"))
    found, unlabelled = collect(labelled_frames([tmp_path / "own.db"], UNITS))
    assert (len(found), unlabelled) == (3, 1)
    assert set(found.trajectories) == {""}


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(ForgefieldError, match=r"bad\.db cannot be read as a database"):
        list(labelled_frames([tmp_path / "bad.db"], UNITS))
