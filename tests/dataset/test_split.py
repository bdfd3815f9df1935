"""Train and validation sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Labels
from forgefield.dataset.records import Record
from forgefield.dataset.split import Split, split_by_trajectory


def _record(trajectory: str, number: int, source: str = "nvt") -> Record:
    labels = Labels(0.0, np.zeros((1, 3)), None, "r1", "test 1", 0.0)
    return Record(f"{trajectory}#{number}", Atoms("Si"), labels, source, trajectory, "", "label", 0, "")


def _records(n_trajectories: int, n_frames: int = 3, start: int = 0) -> list[Record]:
    return [
        _record(f"trajectory-{t}", f) for t in range(start, start + n_trajectories) for f in range(n_frames)
    ]


def _trajectories(records: tuple[Record, ...]) -> set[str]:
    return {record.trajectory for record in records}


def test_no_trajectory_is_on_both_sides_and_nothing_is_lost() -> None:
    records = _records(200)
    split = split_by_trajectory(records, fraction=0.1, seed=1)
    assert isinstance(split, Split)
    assert not _trajectories(split.train) & _trajectories(split.validation)
    assert {r.key for r in split.train + split.validation} == {r.key for r in records}
    assert [r.key for r in split.train] == [r.key for r in records if r in split.train]


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_the_share_is_the_one_asked_for(fraction: float) -> None:
    n = 2000
    validated = len(_trajectories(split_by_trajectory(_records(n, 1), fraction, 7).validation)) / n
    assert abs(validated - fraction) < 4 * np.sqrt(fraction * (1 - fraction) / n)


def test_adding_records_moves_none_that_were_there() -> None:
    old = split_by_trajectory(_records(100), seed=3)
    new = split_by_trajectory(_records(100, start=100) + _records(100), seed=3)
    assert len(old.validation) > 0
    assert _trajectories(old.train) <= _trajectories(new.train)
    assert _trajectories(old.validation) <= _trajectories(new.validation)


def test_another_seed_gives_another_split() -> None:
    records = _records(200)
    first, second = (split_by_trajectory(records, seed=seed) for seed in (0, 1))
    assert _trajectories(first.validation) != _trajectories(second.validation)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_both_sides_have_records_as_soon_as_there_are_two_trajectories(seed: int, fraction: float) -> None:
    split = split_by_trajectory(_records(2), fraction, seed)
    assert split.train
    assert split.validation


def test_one_trajectory_is_trained_on() -> None:
    for seed in range(20):
        split = split_by_trajectory(_records(1), 0.5, seed)
        assert len(split.train) == 3
        assert not split.validation
    assert split_by_trajectory([], 0.5, 0) == Split((), ())


def test_isolated_atoms_are_always_trained_on() -> None:
    isolated = [_record(f"isolated-atom/{i}", 0, source="isolated-atom") for i in range(50)]
    split = split_by_trajectory(isolated + _records(2), 0.5, seed=0)
    assert all(record in split.train for record in isolated)
    assert split.validation
    only = split_by_trajectory(isolated, 0.5, seed=0)
    assert not only.validation


def test_fraction_zero_validates_nothing_and_nonsense_is_refused() -> None:
    assert not split_by_trajectory(_records(20), 0.0, 0).validation
    for fraction in (-0.1, 1.0):
        with pytest.raises(ForgefieldError, match=f"validation fraction {fraction}"):
            split_by_trajectory(_records(2), fraction, 0)


def test_wide_cells_are_too_dear_to_validate_on() -> None:
    records = _records(40)
    wide = [replace(record, atoms=Atoms("Si9")) for record in records if record.trajectory.endswith("7")]
    mixed = [record for record in records if not record.trajectory.endswith("7")] + wide
    split = split_by_trajectory(mixed, fraction=0.5, seed=1, largest=8)
    assert split.validation
    assert all(len(record.atoms) == 1 for record in split.validation)
    assert len(split.train) + len(split.validation) == len(records)
    usual = split_by_trajectory(records, fraction=0.5, seed=1).validation
    assert {record.key for record in split.validation} == {
        record.key for record in usual if not record.trajectory.endswith("7")
    }
