"""Damaged and hostile files: a clear error or a harmless reading, never a traceback, never code that runs."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ase.io
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from forgefield.app.training_files import labelled_frames
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Labels
from forgefield.dataset.records import Record
from forgefield.dataset.store import Dataset
from forgefield.potentials.fitting import fit

from .hostile_files import CANARY, DAMAGES, Damage, Payload

LONGEST = 60
"""Seconds that a command may take over a damaged file."""


def crystals() -> list[Atoms]:
    found = []
    for number in range(6):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=number)
        atoms.calc = EMT()
        atoms.get_stress()
        found.append(atoms)
    return found


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of file that comes from outside, whole."""
    folder, frames = tmp_path_factory.mktemp("sound"), crystals()
    ase.io.write(folder / "data.xyz", frames)
    small: dict[str, dict[str, Any]] = {
        "nep": {"cutoff": 4.0, "angular_cutoff": 4.0, "neurons": 4},
        "density": {"cutoff": 4.0, "n_radial": 4, "l_max": 2, "l_max_4body": 0, "channels": 2, "hidden": [4]},
        "hdnnp": {"cutoff": 4.0, "hidden": [4]},
        "bayesian": {"cutoff": 4.0},
    }
    for family, spec in small.items():
        training = {"epochs": 1} if family != "bayesian" else {}
        settings = {"potential": spec, "training": training, "repulsion": None}
        fit(frames, family, settings=settings).potential.save(folder / family)
    data = Dataset(folder / "dataset.db")
    for atoms in frames:
        labels = Labels(atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(), "r", "emt", 0.0)
        bare = atoms.copy()
        data.add_all([Record(structure_key(bare), bare, labels, "nvt", "a", "", "label", 0, "")])
    return folder


CASES = {
    "data.xyz": ("evaluate", "density", "data.xyz"),
    "data.xyz to train": ("train", "data.xyz", "--epochs", "1", "-o", "out"),
    "density/potential.json": ("evaluate", "density", "data.xyz"),
    "density/weights.npz": ("evaluate", "density", "data.xyz"),
    "bayesian/weights.npz": ("evaluate", "bayesian", "data.xyz"),
    "nep/nep.txt": ("evaluate", "nep/nep.txt", "data.xyz"),
    "nep/potential.json": ("evaluate", "nep", "data.xyz"),
    "hdnnp/potential.json": ("evaluate", "hdnnp", "data.xyz"),
    "dataset.db": ("dataset", "check", "dataset.db"),
    "dataset.db to train": ("train", "dataset.db", "--epochs", "1", "-o", "out"),
}


@pytest.fixture
def limited() -> Iterator[None]:
    """Ends a command that does not come back."""

    def end(number: int, frame: object) -> None:
        raise TimeoutError(f"no answer in {LONGEST} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(LONGEST)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("damage", DAMAGES, ids=[each.name for each in DAMAGES])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("limited")
def test_a_damaged_file_is_refused_or_read_harmlessly(
    case: str,
    damage: Damage,
    sound: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    forgefield: Callable[..., Any],
) -> None:
    place = tmp_path / "place"
    shutil.copytree(sound, place)
    monkeypatch.chdir(place)
    file = Path(case.split()[0])
    file.write_bytes(damage.apply(file.read_bytes(), tmp_path))
    result = forgefield(*CASES[case])
    assert not list(tmp_path.rglob(CANARY))
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code in ((1, 2) if damage.certain else (0, 1, 2)), result.output
    if result.exit_code:
        assert "Error" in result.output or "damaged" in result.output, result.output


def test_a_checkpoint_that_is_a_pickle_runs_nothing(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgefield: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(sound / "data.xyz", tmp_path)
    command = ("train", "data.xyz", "--epochs", "1", "-o", "out", "--family", "nep")
    assert forgefield(*command).exit_code == 0
    shutil.rmtree(tmp_path / "out" / "potential")
    torch.save({"model": Payload(tmp_path)}, tmp_path / "out" / "checkpoint.pt")
    result = forgefield(*command)
    assert result.exit_code == 1
    assert "does not fit this training" in result.output
    assert not (tmp_path / CANARY).exists()


def test_the_sound_files_are_sound(
    sound: Path, monkeypatch: pytest.MonkeyPatch, forgefield: Callable[..., Any]
) -> None:
    monkeypatch.chdir(sound)
    for arguments in CASES.values():
        if arguments[0] != "train":
            result = forgefield(*arguments)
            assert result.exit_code == 0, result.output
    assert len(list(labelled_frames([sound / "dataset.db"], None))) == 6  # type: ignore[arg-type]
