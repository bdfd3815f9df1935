"""Damaged and hostile files: a clear error or a harmless reading, never a traceback, never code that runs."""

from __future__ import annotations

import io
import json
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from forgefield.app.training_files import labelled_frames
from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.registry import load

from .hostile_files import CANARY, DAMAGES, Damage, Payload
from .sound_files import write_sound_files

LONGEST = 60
"""Seconds that a command may take over a damaged file."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of file that comes from outside, whole."""
    folder = tmp_path_factory.mktemp("sound")
    write_sound_files(folder)
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


class NoAnswerError(BaseException):
    """Not one of those that commands turn into messages."""


@pytest.fixture
def limited() -> Iterator[None]:
    """Ends a command that does not come back."""

    def end(number: int, frame: object) -> None:
        raise NoAnswerError

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


def _species(content: bytes) -> bytes:
    return json.dumps({**json.loads(content), "species": [1e308]}).encode()


def _neighbours(content: bytes) -> bytes:
    whole = json.loads(content)
    whole["functions"][0]["neighbours"] = [{}]
    return json.dumps(whole).encode()


def _arrays(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        stream = io.BytesIO()
        with np.load(io.BytesIO(content)) as whole:
            np.savez(stream, **{name: change(whole[name]) for name in whole.files})
        return stream.getvalue()

    return apply


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("density/potential.json", _species),
        ("bayesian/potential.json", _species),
        ("hdnnp/potential.json", _neighbours),
        ("density/weights.npz", _arrays(lambda each: each * np.nan)),
        ("bayesian/weights.npz", _arrays(lambda each: each * np.nan)),
        ("hdnnp/weights.npz", _arrays(lambda each: each * np.nan)),
        ("bayesian/weights.npz", _arrays(lambda each: each.astype(complex))),
        ("density/weights.npz", _arrays(lambda each: 0.0 * each)),
    ],
)  # fmt: skip
def test_numbers_that_no_potential_has_are_refused_when_it_is_read(
    file: str, change: Callable[[bytes], bytes], sound: Path, tmp_path: Path
) -> None:
    """All found by changing files at random."""
    shutil.copytree(sound, tmp_path / "place")
    damaged = tmp_path / "place" / file
    damaged.write_bytes(change(damaged.read_bytes()))
    with pytest.raises(ForgefieldError, match=r"the potential in|is damaged|a symmetry function"):
        load(damaged.parent)


def test_a_data_set_whose_rows_cannot_even_be_counted_is_called_damaged(
    sound: Path, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    database = tmp_path / "dataset.db"
    shutil.copy(sound / "dataset.db", database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM sqlite_sequence")
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'systems'").fetchone()
    content = bytearray(database.read_bytes())
    content[4096 * (root - 1) : 4096 * root] = np.random.default_rng(0).bytes(4096)
    database.write_bytes(bytes(content))
    result = forgefield("dataset", "check", database)
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == 1
    assert "Damaged: the file" in result.output


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
