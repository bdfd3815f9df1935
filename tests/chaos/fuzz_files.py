"""Files changed at random, over and over: python tests/chaos/fuzz_files.py FOLDER [--minutes 60] [--seed 0]

Whatever a command makes of such a file other than a result or a clear error is kept in FOLDER, with the command, so
that it can become a test.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner, Result

from forgefield.app.cli import app

sys.path.insert(0, str(Path(__file__).parents[1] / "app"))
from sound_files import write_sound_files

Change = Callable[[bytes, np.random.Generator], bytes]

LONGEST, MEMORY = 60, 12 * 10**9
"""Seconds and bytes that a command may take."""
NASTY = (
    b"nan", b"inf", b"-inf", b"1e999", b"-1", b"0", b"1e-320", b"99999999999999999999", b"", b"true", b"null", b"[]",
    b"{}", b"\x00", b"\xff\xfe", b"\xe2\x80\xae", b"'", b'"', b"../../etc/passwd", b"$(touch x)", b"&a [*a]",
    b"!!python/name:os.system", b": ", b"- ", b"#", b"%s%n", b"1_000", b"0x10", b"1:30", b"\t", b"\n\n", b"X",
    b"1" * 400, b"[" * 400, b"Uuo", b"1 2 3",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1e308, float("nan"), "", "x" * 5000, [], {}, [[]], [None], ["Cu"] * 3, {"a": {}}, -0.5,
    "nan",
)  # fmt: skip


def texts(content: bytes, rng: np.random.Generator) -> bytes:
    """One change as a person, a disk or a bad program makes it."""
    at, end = sorted(int(each) for each in rng.integers(0, len(content) + 1, size=2))
    end = min(end, at + 200)
    lines = content.split(b"\n")
    line = int(rng.integers(len(lines)))
    nasty = NASTY[rng.integers(len(NASTY))]
    match rng.integers(9):
        case 0:
            return content[:at] + rng.bytes(int(rng.integers(1, 9))) + content[at + 4 :]
        case 1:
            return content[:at] + content[end:]
        case 2:
            return content[:end] + content[at:]
        case 3:
            return content[:at]
        case 4:
            return content[:at] + nasty + content[at:]
        case 5:
            return b"\n".join(lines[:line] + lines[line + 1 :])
        case 6:
            return b"\n".join(lines[:line] + [lines[line]] * int(rng.integers(2, 300)) + lines[line:])
    words = lines[line].split(b" ")
    words[rng.integers(len(words))] = nasty
    lines[line] = b" ".join(words)
    return b"\n".join(lines)


def objects(content: bytes, rng: np.random.Generator) -> bytes:
    """A value anywhere in JSON is another one, or is missing."""
    whole = json.loads(content)
    node: Any = whole
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return json.dumps(whole).encode()
        key = keys[rng.integers(len(keys))]
        if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.7:
            node = node[key]
            continue
        if rng.random() < 0.2:
            del node[key]
        else:
            node[key] = VALUES[rng.integers(len(VALUES))]
        return json.dumps(whole).encode()


def arrays(content: bytes, rng: np.random.Generator) -> bytes:
    """One array of an archive has another shape, type, name or content, or is missing."""
    with np.load(io.BytesIO(content)) as archive:
        whole = {name: archive[name] for name in archive.files}
    name = list(whole)[rng.integers(len(whole))]
    array = whole.pop(name)
    changes = (
        lambda: None,
        lambda: array[..., None],
        lambda: array.ravel(),
        lambda: array.astype(np.float32),
        lambda: array.astype("S9"),
        lambda: np.full(array.shape, np.nan),
        lambda: array[:0],
        lambda: np.zeros((0, 3)),
        lambda: array.astype(complex),
        lambda: np.array("text"),
        lambda: -array,
        lambda: np.full(array.shape, 10**18),
    )
    changed = changes[rng.integers(len(changes))]()
    if changed is not None:
        whole[name if rng.random() < 0.9 else "other"] = changed
    stream = io.BytesIO()
    np.savez(stream, **whole)
    return stream.getvalue()


CASES: tuple[tuple[str, Change, tuple[str, ...]], ...] = (
    *((name, texts, ("validate-input", name)) for name in ("run.yaml", "other.yaml") * 3),
    (
        "settings.yaml",
        texts,
        ("train", "data.xyz", "--settings", "settings.yaml", "--epochs", "1", "-o", "out"),
    ),
    ("data.xyz", texts, ("evaluate", "density", "data.xyz")),
    ("data.xyz", texts, ("convert", "data.xyz", "input.data")),
    ("input.data", texts, ("convert", "input.data", "back.xyz")),
    ("density/potential.json", objects, ("evaluate", "density", "data.xyz")),
    ("density/weights.npz", arrays, ("evaluate", "density", "data.xyz")),
    ("density/weights.npz", texts, ("evaluate", "density", "data.xyz")),
    ("bayesian/potential.json", objects, ("evaluate", "bayesian", "data.xyz")),
    ("bayesian/weights.npz", arrays, ("evaluate", "bayesian", "data.xyz")),
    ("nep/potential.json", objects, ("evaluate", "nep", "data.xyz")),
    ("nep/nep.txt", texts, ("evaluate", "nep/nep.txt", "data.xyz")),
    ("hdnnp/potential.json", objects, ("evaluate", "hdnnp", "data.xyz")),
    ("n2p2/input.nn", texts, ("evaluate", "n2p2", "data.xyz")),
    ("n2p2/scaling.data", texts, ("evaluate", "n2p2", "data.xyz")),
    ("n2p2/weights.029.data", texts, ("evaluate", "n2p2", "data.xyz")),
    ("dataset.db", texts, ("dataset", "check", "dataset.db")),
    ("dataset.db", texts, ("convert", "dataset.db", "back.xyz")),
    ("dataset.xyz", texts, ("dataset", "repair", "dataset.db")),
)
SETTINGS = "potential: {cutoff: 4.0, n_radial: 4, hidden: [4]}\ntraining: {epochs: 1}\n"


def prepare(sound: Path) -> None:
    """Sound files of all kinds."""
    sound.mkdir(parents=True)
    write_sound_files(sound)
    (sound / "settings.yaml").write_text(SETTINGS)
    for command in (
        ("init", "--species", "Si", "--output", sound / "run.yaml"),
        ("init", "--species", "Ti4+,O2-", "--output", sound / "other.yaml"),
        ("convert", sound / "data.xyz", sound / "input.data"),
        ("convert", sound / "hdnnp", sound / "n2p2", "--to", "n2p2"),
    ):
        done = CliRunner().invoke(app, list(map(str, command)))
        assert done.exit_code == 0, done.output


class NoAnswerError(BaseException):
    """Not one of those that commands turn into messages."""


def too_long(number: int, frame: object) -> None:
    """Ends a command that does not come back."""
    raise NoAnswerError


def answer(command: tuple[str, ...]) -> Result:
    """What a command says, or that it says nothing."""
    signal.alarm(LONGEST)
    try:
        return CliRunner().invoke(app, list(command))
    except NoAnswerError as error:
        return Result(CliRunner(), b"", b"", b"", None, -1, error, sys.exc_info())
    finally:
        signal.alarm(0)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    sound, place = (chosen.folder.absolute() / name for name in ("sound", "place"))
    if not sound.exists():
        prepare(sound)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, too_long)
    rng, tried, found, until = (
        np.random.default_rng(chosen.seed),
        Counter[str](),
        0,
        time.monotonic() + 60 * chosen.minutes,
    )
    while time.monotonic() < until:
        name, change, command = CASES[rng.integers(len(CASES))]
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(sound, place)
        os.chdir(place)
        content = Path(name).read_bytes()
        for _ in range(int(rng.integers(1, 4))):
            try:
                content = change(content, rng)
            except (ValueError, IndexError, TypeError, KeyError, OverflowError):
                break
        Path(name).write_bytes(content)
        result = answer(command)
        gc.collect()  # what an exception's frames held
        tried[f"{name} {result.exit_code}"] += 1
        unclear = result.exit_code not in (0, 1, 2) or (
            result.exit_code and "Error" not in result.output and "damaged" not in result.output
        )
        if unclear or not (result.exception is None or isinstance(result.exception, SystemExit)):
            found += 1
            kept = chosen.folder / f"found-{chosen.seed}-{found:03d}"
            kept.mkdir(parents=True, exist_ok=True)
            (kept / Path(name).name).write_bytes(content)
            story = "".join(traceback.format_exception(*result.exc_info)) if result.exc_info else ""
            (kept / "story.txt").write_text(
                f"{name}\n{command}\n{result.exit_code}\n{result.output}\n{story}"
            )
            print(f"{kept.name}: {name}, {command[0]}: {result.exception!r}"[:160], flush=True)
    print(f"{sum(tried.values())} files, {found} not read well", dict(sorted(tried.items())), sep="\n")


if __name__ == "__main__":
    main()
