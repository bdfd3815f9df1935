"""Statistics of a data set and its export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Labels
from forgefield.dataset.export import export_extxyz, exported_records
from forgefield.dataset.records import Record
from forgefield.dataset.statistics import dataset_statistics


def _record(atoms: Atoms, source: str, cycle: int = 0) -> Record:
    atoms = atoms.copy()
    atoms.calc = EMT()
    labels = Labels(
        energy=float(atoms.get_potential_energy()),
        forces=np.asarray(atoms.get_forces()),
        stress=np.asarray(atoms.get_stress()) if atoms.pbc.all() else None,
        recipe="emt",
        engine="ase 3",
        seconds=0.5,
    )
    atoms.calc = None
    return Record(f"{source}-{cycle}", atoms, labels, source, f"{source}/1", "", "label", cycle, "a note")


@pytest.fixture
def records() -> list[Record]:
    rattled = bulk("Al", cubic=True)
    rattled.rattle(0.1, rng=np.random.default_rng(0))
    alloy = bulk("Cu", a=4.0, cubic=True)
    alloy.numbers[0] = 13
    return [_record(rattled, "rattle"), _record(alloy, "strain", 1), _record(Atoms("Al"), "isolated-atom")]


def test_statistics_agree_with_hand_counts(records: list[Record]) -> None:
    statistics = dataset_statistics(records)
    assert (statistics.structures, statistics.atoms, statistics.trajectories) == (3, 9, 3)
    assert statistics.species == {"Al": 6, "Cu": 3}
    assert statistics.by_source == {"isolated-atom": 1, "rattle": 1, "strain": 1}
    assert statistics.by_cycle == {0: 2, 1: 1}
    assert statistics.with_stress == 2
    assert statistics.seconds == 1.5
    assert statistics.volume is not None
    assert statistics.volume.minimum == pytest.approx(4.0**3 / 4)
    assert statistics.volume.maximum == pytest.approx(4.05**3 / 4)
    energies = [record.labels.energy / len(record.atoms) for record in records]
    assert statistics.energy is not None
    assert statistics.energy.mean == pytest.approx(np.mean(energies))
    assert statistics.force is not None
    assert statistics.force.minimum == 0.0
    forces = np.vstack([record.labels.forces for record in records])
    assert statistics.force.maximum == pytest.approx(np.sqrt((forces**2).sum(axis=1)).max())


def test_statistics_of_nothing() -> None:
    statistics = dataset_statistics([])
    assert statistics.structures == 0
    assert statistics.energy is None
    assert statistics.force is None
    assert statistics.volume is None


def test_ase_reads_the_export(records: list[Record], tmp_path: Path) -> None:
    path = tmp_path / "export" / "all.xyz"
    export_extxyz(records, path)
    frames = ase.io.read(path, index=":")
    assert len(frames) == 3
    for frame, record in zip(frames, records, strict=True):
        assert frame.get_potential_energy() == record.labels.energy
        assert np.array_equal(frame.get_forces(), record.labels.forces)
        np.testing.assert_allclose(frame.positions, record.atoms.positions, atol=1e-8)
        assert frame.info["source"] == record.source
        assert frame.info["trajectory"] == record.trajectory
        assert frame.info["note"] == "a note"
        assert frame.info["recipe"] == "recipe-emt"
        if record.labels.stress is not None:
            np.testing.assert_allclose(frame.get_stress(), record.labels.stress, atol=1e-12)
    assert [path.name for path in path.parent.iterdir()] == ["all.xyz"]


@pytest.mark.parametrize(
    "text", ["12345678901234567890", "1234567890123456789e", "12e3", "007", "True", "_JSON 1"]
)
def test_texts_that_look_like_something_else_come_back(
    records: list[Record], tmp_path: Path, text: str
) -> None:
    key = structure_key(records[0].atoms)
    record = replace(records[0], key=key, parent=text, note=text, trajectory=text)
    export_extxyz([record], tmp_path / "one.xyz")
    (back,) = exported_records(tmp_path / "one.xyz")
    assert (back.parent, back.note, back.trajectory) == (text, text, text)
