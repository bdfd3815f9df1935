"""Damaged data sets: what is wrong is found, and nothing that was written anywhere is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Labels
from forgefield.dataset.export import exported_records
from forgefield.dataset.integrity import inspect, repair
from forgefield.dataset.records import Record
from forgefield.dataset.store import Dataset

COUNT = 60


def record(seed: int, magnetic: bool = False) -> Record:
    rng = np.random.default_rng(seed)
    atoms = bulk("Fe" if magnetic else "Si", cubic=True)
    atoms.rattle(0.1, rng=rng)
    if magnetic:
        atoms.set_initial_magnetic_moments([2.3, -2.3])
    stress = None if seed % 3 else rng.normal(size=6)
    labels = Labels(rng.normal(), rng.normal(size=(len(atoms), 3)), stress, "r1", "gpaw 26.7.0", 1 / 3, 2)
    return Record(
        structure_key(atoms), atoms, labels, "rattle", f"t/{seed}", "abc", "00/label", seed, '0.1 Å, "x"'
    )


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    found = Dataset(tmp_path / "dataset.db")
    found.add_all([record(seed, magnetic=seed == 7) for seed in range(COUNT)])
    return found


def same(one: Record, two: Record) -> bool:
    stresses = one.labels.stress, two.labels.stress
    return (
        one.atoms == two.atoms
        and np.array_equal(one.atoms.get_initial_magnetic_moments(), two.atoms.get_initial_magnetic_moments())
        and one.labels.energy == two.labels.energy
        and np.array_equal(one.labels.forces, two.labels.forces)
        and (stresses[1] is None if stresses[0] is None else np.array_equal(*stresses))
        and (one.labels.engine, one.labels.seconds, one.labels.attempts)
        == (two.labels.engine, two.labels.seconds, two.labels.attempts)
        and (one.source, one.trajectory, one.parent, one.step, one.cycle, one.note)
        == (two.source, two.trajectory, two.parent, two.step, two.cycle, two.note)
    )


def test_a_whole_data_set_is_called_whole(dataset: Dataset) -> None:
    found = inspect(dataset)
    assert (found.sound, found.journal, found.whole, found.unjournalled) == (COUNT, COUNT, True, ())
    assert dataset.add_all([record(3), record(COUNT)]) == 1
    assert inspect(dataset).journal == COUNT + 1
    with pytest.raises(ForgefieldError, match="there is no data set"):
        inspect(Dataset(dataset.path.with_name("none.db")))


def test_many_go_in_together_or_not_at_all(dataset: Dataset) -> None:
    bad = record(COUNT + 1)
    bad.labels.forces[0, 0] = np.nan
    with pytest.raises(ForgefieldError, match="not finite"):
        dataset.add_all([record(COUNT), bad])
    assert len(dataset) == inspect(dataset).journal == COUNT


def _page(path: Path) -> None:
    """Noise over a page in the middle of the file."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = np.random.default_rng(0).bytes(4096)
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3 // 4096 * 4096])


def _header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[:100] = bytes(100)
    path.write_bytes(content)


def _change(path: Path, column: str) -> None:
    """One bit of a number."""
    with sqlite3.connect(path) as connection:
        (blob,) = connection.execute(f"SELECT {column} FROM systems WHERE id = 5").fetchone()
        changed = bytearray(blob)
        changed[5] ^= 8
        connection.execute(f"UPDATE systems SET {column} = ? WHERE id = 5", (bytes(changed),))
    connection.close()


def _position(path: Path) -> None:
    _change(path, "positions")


def _force(path: Path) -> None:
    _change(path, "forces")


@pytest.mark.parametrize("damage", [_page, _cut, _header, _position, _force, Path.unlink])
def test_from_the_journal_comes_all_that_the_database_lost(
    dataset: Dataset, damage: Callable[[Path], None]
) -> None:
    damage(dataset.path)
    before = inspect(dataset)
    assert not before.whole
    assert before.damage
    assert repair(dataset) == before
    assert inspect(dataset).whole
    found = {each.key: each for each in dataset.records(None, "r1")}
    for seed in range(COUNT):
        written = record(seed, magnetic=seed == 7)
        assert same(found[written.key], written)


def test_half_a_frame_costs_no_other(dataset: Dataset) -> None:
    content = dataset.journal.read_bytes()
    for cut in (17, 400):
        dataset.journal.write_bytes(content[:-cut])
        late = record(COUNT + cut)
        dataset.add_all([late])
        found = inspect(dataset)
        assert found.journal == COUNT, "the last one is lost, the new one is there"
        assert found.whole
        assert [key for key, _ in found.unjournalled][:1] != [late.key]
    repair(dataset)
    assert inspect(dataset).unjournalled == ()
    assert len(dataset) == COUNT + 2


@pytest.mark.parametrize("count", [b"100000000000", b"9" * 20])
def test_a_frame_of_more_atoms_than_there_are_costs_no_other(dataset: Dataset, count: bytes) -> None:
    content = dataset.journal.read_bytes()
    number, _, rest = content.partition(b"\n")
    dataset.journal.write_bytes(count + b"\n" + rest)
    assert number.isdigit()
    assert inspect(dataset).journal == COUNT - 1


def test_a_lost_journal_is_written_anew(dataset: Dataset) -> None:
    dataset.journal.unlink()
    assert len(inspect(dataset).unjournalled) == COUNT
    repair(dataset)
    assert inspect(dataset).journal == COUNT


@pytest.mark.parametrize("moves", range(4))
def test_a_repair_that_is_killed_between_its_moves_is_gone_on_with(
    dataset: Dataset, moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = list(dataset.iterate())
    dataset.journal.unlink()
    left, move = [moves], Path.replace

    def killed(path: Path, target: Path) -> Path:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        return move(path, target)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(Path, "replace", killed)
        repair(dataset)
    repair(dataset)
    assert inspect(dataset).whole
    assert all(map(same, dataset.iterate(), records))
    assert len(dataset) == len(records) == len(list(exported_records(dataset.journal)))


def test_labels_that_contradict_each_other_are_named_but_no_damage(tmp_path: Path) -> None:
    rng, dataset, records = np.random.default_rng(4), Dataset(tmp_path / "dataset.db"), []
    for number in range(8):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.08, rng=rng)
        copy = atoms.copy()
        copy.calc = EMT()
        forces = copy.get_forces()
        labels = Labels(
            copy.get_potential_energy(), -forces if number == 3 else forces, None, "r1", "emt", 0.0
        )
        records.append(Record(structure_key(atoms), atoms, labels, "files", "a", "", "label", 0, ""))
    dataset.add_all(records)
    found = inspect(dataset)
    assert found.whole
    (line,) = found.doubtful
    assert line.startswith(f"structure {records[3].key}: energy and forces contradict")
