"""Data sets on a real PostgreSQL server: the same to the bit as in a file, and writers do not disturb each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Labels
from forgefield.dataset.export import record_text
from forgefield.dataset.records import Record
from forgefield.dataset.store import Dataset


def record(seed: int) -> Record:
    rng = np.random.default_rng(seed)
    atoms = (
        bulk("Si", cubic=True)
        if seed % 4
        else Atoms("Fe2", [[0, 0, 0], [0, 0, 2 + rng.random()]], magmoms=[2.3, -1])
    )
    atoms.rattle(0.1, rng=rng)
    stress = rng.normal(size=6) if atoms.pbc.all() else None
    labels = Labels(
        rng.normal() / 3,
        rng.normal(size=(len(atoms), 3)) / 3,
        stress,
        "123456789012",
        "gpaw 26.7.0",
        1 / 3,
        2,
    )
    return Record(
        structure_key(atoms), atoms, labels, "rattle", f"t/{seed}", "abc", "00/label", seed, "0.1 Å"
    )


def test_what_is_read_is_what_was_written_and_what_a_file_holds(postgres: str, tmp_path: Path) -> None:
    server, file = Dataset(tmp_path / "server.db", postgres), Dataset(tmp_path / "file.db")
    assert server.records(None, "123456789012") == []
    assert len(server) == 0
    for dataset in (server, file):
        assert dataset.add_all([record(seed) for seed in range(9)]) == 9
        assert dataset.add_all([record(3), record(9)]) == 1
    assert not (tmp_path / "server.db").exists()
    assert server.journal.read_text() == file.journal.read_text()
    both = [dataset.records(None, "123456789012") for dataset in (server, file)]
    assert [record_text(each) for each in both[0]] == [record_text(each) for each in both[1]]
    assert server.keys() == file.keys() == {record(seed).key for seed in range(10)}
    assert server.get(record(4).key, "123456789012").note == "0.1 Å"
    assert server.get(record(4).key, "another") is None


def test_writers_at_the_same_time_lose_nothing_and_write_nothing_twice(postgres: str, tmp_path: Path) -> None:
    def write(writer: int) -> int:
        dataset = Dataset(tmp_path / f"{writer}.db", postgres)
        return sum(dataset.add_all([record(seed)]) for seed in range(writer, writer + 20))

    with ThreadPoolExecutor(4) as pool:
        new = sum(pool.map(write, (0, 5, 10, 15)))
    dataset = Dataset(tmp_path / "all.db", postgres)
    assert new == len(dataset) == 35
    assert {each.key for each in dataset.records(None, "123456789012")} == {
        record(seed).key for seed in range(35)
    }


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "dataset.db", f"postgresql:///name?host={tmp_path}&user=somebody")
    with pytest.raises(ForgefieldError, match="cannot be used"):
        dataset.add_all([record(1)])
