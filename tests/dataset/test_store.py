"""The label store: exact, durable, idempotent, shared."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path

import ase.db
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate, Labels
from forgefield.dataset.records import Provenance
from forgefield.dataset.split import split_by_trajectory
from forgefield.dataset.store import Dataset


def _candidate(seed: int, **more: str) -> Candidate:
    atoms = bulk("Si") * (1, 1, 2)
    atoms.rattle(0.1, rng=np.random.default_rng(seed))
    return Candidate(atoms, source="rattle", trajectory=f"prototype/diamond/rattle-{seed:03d}", **more)


def _labels(seed: int, n_atoms: int = 4, recipe: str = "r1", stress: bool = True) -> Labels:
    rng = np.random.default_rng(1000 + seed)
    return Labels(
        energy=float(rng.normal()) * 100 / 3,
        forces=rng.normal(size=(n_atoms, 3)) / 3,
        stress=rng.normal(size=6) / 3 if stress else None,
        recipe=recipe,
        engine="gpaw 26.7.0",
        seconds=1.0 / 3.0,
        attempts=2,
    )


def test_what_is_read_is_what_was_written_to_the_last_bit(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "dataset.db")
    candidate, labels = _candidate(1, parent="abc", note="0.1 Å"), _labels(1)
    assert dataset.add(candidate, labels, Provenance("label", 3)) is True
    record = Dataset(tmp_path / "dataset.db").get(structure_key(candidate.atoms), "r1")
    assert record is not None
    assert record.labels.energy == labels.energy
    assert record.labels.forces.dtype == np.float64
    assert np.array_equal(record.labels.forces, labels.forces)
    assert labels.stress is not None
    assert record.labels.stress is not None
    assert np.array_equal(record.labels.stress, labels.stress)
    assert np.array_equal(record.atoms.positions, candidate.atoms.positions)
    assert np.array_equal(record.atoms.cell.array, candidate.atoms.cell.array)
    assert np.array_equal(record.atoms.numbers, candidate.atoms.numbers)
    assert record.atoms.calc is None
    assert (record.labels.engine, record.labels.seconds, record.labels.attempts) == ("gpaw 26.7.0", 1 / 3, 2)
    assert (record.source, record.trajectory) == ("rattle", "prototype/diamond/rattle-001")
    assert (record.parent, record.note, record.step, record.cycle) == ("abc", "0.1 Å", "label", 3)
    assert record.key == structure_key(record.atoms)
    with pytest.raises(FrozenInstanceError):
        record.cycle = 4  # type: ignore[misc]


def test_molecules_magnetic_moments_and_partial_periodicity_survive(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "dataset.db")
    iron = Atoms("Fe", cell=[10, 11, 12], pbc=[True, False, True], magmoms=[2.3])
    free = Atoms("SiH", positions=[[0, 0, 0], [0, 0, 1.5]])
    for atoms in (iron, free):
        labels = _labels(len(atoms), n_atoms=len(atoms), stress=False)
        dataset.add(Candidate(atoms, "isolated-atom", "isolated-atom/Fe"), labels, Provenance("label", 0))
        record = dataset.get(structure_key(atoms), "r1")
        assert record is not None
        assert record.labels.stress is None
        assert record.atoms == atoms
        assert np.array_equal(
            record.atoms.get_initial_magnetic_moments(), atoms.get_initial_magnetic_moments()
        )


def test_a_label_is_stored_once_per_recipe(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "dataset.db")
    candidate = _candidate(1)
    assert dataset.add(candidate, _labels(1), Provenance("label", 0)) is True
    assert dataset.add(candidate, _labels(2), Provenance("other", 1)) is False
    assert dataset.add(candidate, _labels(3, recipe="r2"), Provenance("label", 0)) is True
    key = structure_key(candidate.atoms)
    first = dataset.get(key, "r1")
    assert first is not None
    assert first.labels.energy == _labels(1).energy
    assert len(dataset) == 2
    assert (key, "r1") in dataset
    assert (key, "r3") not in dataset
    assert dataset.get(key, "r3") is None


def test_records_keep_the_order_of_the_keys(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "dataset.db")
    keys = []
    for seed in range(6):
        dataset.add(_candidate(seed), _labels(seed), Provenance("label", 0))
        keys.append(structure_key(_candidate(seed).atoms))
    dataset.add(_candidate(7), _labels(7, recipe="r2"), Provenance("label", 0))
    shuffled = [keys[i] for i in (4, 0, 5, 2)]
    assert [record.key for record in dataset.records(shuffled, "r1")] == shuffled
    assert [record.key for record in dataset.records(None, "r1")] == sorted(keys)
    assert len(dataset.records(None, "r2")) == 1
    with pytest.raises(ForgefieldError, match=r"1 of 2 structures have no label of recipe r1 .* nothing"):
        dataset.records([keys[0], "nothing"], "r1")


def test_records_come_one_by_one_over_several_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forgefield.dataset.rows._PAGE", 3)
    dataset = Dataset(tmp_path / "dataset.db")
    candidates = [_candidate(number) for number in range(9)]
    for number, candidate in enumerate(candidates):
        recipe = "r2" if number == 4 else "r1"
        dataset.add(candidate, _labels(number, recipe=recipe), Provenance("label", number % 2))
    keys = [structure_key(candidate.atoms) for candidate in candidates]
    assert [record.key for record in dataset.iterate()] == keys
    of_one = [key for number, key in enumerate(keys) if number != 4]
    assert [record.key for record in dataset.iterate("r1")] == of_one
    assert [record.key for record in dataset.iterate("r1", keys[:5])] == of_one[:4]
    found = dataset.records(keys[:1], "r1")[0]
    assert np.array_equal(found.labels.forces, _labels(0).forces)
    entries = dataset.entries("r1")
    records = list(dataset.iterate("r1"))
    for name in ("key", "source", "trajectory", "cycle", "n_atoms"):
        assert [getattr(each, name) for each in entries] == [getattr(each, name) for each in records]
    assert {entry.recipe for entry in entries} == {"r1"}
    by_record, by_entry = (split_by_trajectory(side, 0.3, seed=2) for side in (records, entries))
    assert [each.key for each in by_entry.validation] == [each.key for each in by_record.validation]


def test_a_page_may_be_read_while_another_process_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forgefield.dataset.rows._PAGE", 2)
    dataset, other = Dataset(tmp_path / "dataset.db"), Dataset(tmp_path / "dataset.db")
    for number in range(4):
        dataset.add(_candidate(number), _labels(number), Provenance("label", 0))
    seen = []
    for record in dataset.iterate("r1"):
        seen.append(record.key)
        if len(seen) == 1:
            other.add(_candidate(9), _labels(9), Provenance("label", 0))
    assert len(seen) == 5


def test_recipe_keys_that_look_like_numbers_are_kept_apart(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "dataset.db")
    for recipe in ("123", "1e5", "100000"):
        dataset.add(_candidate(1), _labels(1, recipe=recipe), Provenance("label", 0))
    assert len(dataset) == 3
    assert [record.labels.recipe for record in dataset.records(None, "1e5")] == ["1e5"]


def test_a_data_set_that_does_not_exist_is_empty_and_reading_does_not_make_it(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "run" / "dataset.db")
    assert len(dataset) == 0
    assert dataset.records(None, "r1") == []
    assert ("a", "r1") not in dataset
    assert not (tmp_path / "run").exists()


def test_labels_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "dataset.db")
    good = _labels(1)
    nan = np.full((4, 3), np.nan)
    for forces, message in ((nan, "forces of structure .* not finite"), (np.zeros((3, 3)), "shape")):
        bad = Labels(good.energy, forces, good.stress, "r1", "gpaw 26.7.0", 1.0)
        with pytest.raises(ForgefieldError, match=message):
            dataset.add(_candidate(1), bad, Provenance("label", 0))
    infinite = Labels(float("inf"), good.forces, None, "r1", "gpaw 26.7.0", 1.0)
    with pytest.raises(ForgefieldError, match="energy of structure"):
        dataset.add(_candidate(1), infinite, Provenance("label", 0))
    assert len(dataset) == 0


def test_a_file_that_is_no_database_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "dataset.db"
    path.write_text("this is not a database, only text that happens to be long enough to be looked at" * 20)
    for action in (
        lambda: len(Dataset(path)),
        lambda: Dataset(path).add(_candidate(1), _labels(1), Provenance("label", 0)),
    ):
        with pytest.raises(ForgefieldError, match=r"data set .*dataset\.db cannot be used: file is not a"):
            action()


def test_an_empty_file_left_by_a_killed_run_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "dataset.db"
    path.touch()
    dataset = Dataset(path)
    assert len(dataset) == 0
    assert dataset.add(_candidate(1), _labels(1), Provenance("label", 0))
    assert len(dataset) == 1


def test_ase_opens_the_file(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "dataset.db")
    dataset.add(_candidate(1), _labels(1), Provenance("label", 2))
    with ase.db.connect(dataset.path, use_lock_file=False) as database:
        row = database.get(source="rattle", cycle=2, step="label")
    atoms = row.toatoms()
    assert atoms.get_potential_energy() == _labels(1).energy
    assert np.array_equal(atoms.get_forces(), _labels(1).forces)
    assert row.calculator == "gpaw"


def test_threads_that_add_the_same_labels_store_each_once(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "dataset.db")

    def add(seed: int) -> bool:
        return dataset.add(_candidate(seed % 5), _labels(seed % 5), Provenance("label", 0))

    with ThreadPoolExecutor(4) as pool:
        new = list(pool.map(add, range(20)))
    assert sum(new) == 5
    assert len(dataset) == 5


_WRITER = """
    import sys
    import numpy as np
    from ase.build import bulk
    from forgefield.atoms.records import Candidate, Labels
    from forgefield.dataset.records import Provenance
    from forgefield.dataset.store import Dataset

    dataset = Dataset(sys.argv[1])
    for seed in range(int(sys.argv[2]), 100000):
        atoms = bulk("Si")
        atoms.rattle(0.1, rng=np.random.default_rng(seed))
        labels = Labels(float(seed), np.zeros((2, 3)), np.zeros(6), "r1", "test 1", 0.0)
        dataset.add(Candidate(atoms, "rattle", "t"), labels, Provenance("label", 0))
        print(seed, flush=True)
"""


def test_what_was_added_survives_a_killed_process(tmp_path: Path) -> None:
    """Every label whose ``add`` returned is there after SIGKILL, and the next process goes on at once."""
    path = tmp_path / "dataset.db"
    rng = np.random.default_rng(0)
    start = 0
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_WRITER), str(path), str(start)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert process.stdout is not None
        added = [int(process.stdout.readline()) for _ in range(int(rng.integers(1, 6)))]
        process.send_signal(signal.SIGKILL)
        added += [int(line) for line in process.stdout.read().splitlines() if line.strip()]
        process.stdout.close()
        process.wait()
        energies = {record.labels.energy for record in Dataset(path).records(None, "r1")}
        assert set(map(float, added)) <= energies
        start = max(added) + 1
    assert len(list(tmp_path.glob("*lock*"))) == 0
