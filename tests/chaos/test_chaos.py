"""Everything at once goes wrong, and then the same command is given again: `make chaos`."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from forgefield.reference.recipe import Recipe
from forgefield.workflow.folder import RunFolder

from ..workflow.conftest import FAULTY, FAULTY_FOLDER, TINY, CommandLine, contents, ledger_keys, verdict

pytestmark = pytest.mark.slow

KILLS = 100
DELAY = 0.3
"""Seconds that a calculation takes on top, so that many are under way when something is killed."""


def slowed(log: Path) -> dict[str, Any]:
    """The small run, whose calculations take a while and are counted."""
    reference = {"engine": FAULTY, "parameters": {"every": 0, "delay": DELAY, "log": str(log)}}
    return {**TINY, "reference": reference}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A run that nothing happened to."""
    home = tmp_path_factory.mktemp("chaos")
    line = CommandLine(home, slowed(home / "log"))
    line.finish("whole")
    return line


def assert_like_undisturbed(folder: Path, line: CommandLine) -> None:
    """Same labels to the last bit, same verdict, and no calculation entered twice."""
    assert contents(folder) == contents(line.home / "whole")
    assert verdict(folder) == verdict(line.home / "whole")
    keys = ledger_keys(folder)
    assert len(keys) == len(set(keys))
    assert not list((folder / "quarantine").glob("*"))


def test_a_hundred_kills_lose_nothing(undisturbed: CommandLine, tmp_path: Path) -> None:
    """The command or one of its engines is killed every few seconds."""
    line = CommandLine(tmp_path, slowed(tmp_path / "log"))
    rng, heads, engines = np.random.default_rng(7), 0, 0
    number, process = 0, line.start("run-0")
    while heads + engines < KILLS:
        try:
            process.wait(timeout=float(rng.uniform(2.0, 5.0)))
        except subprocess.TimeoutExpired:
            engine = None if engines > heads else an_engine(process)
            if engine is not None:
                engine.kill()
                engines += 1
                continue
            process.kill()
            heads += 1
        output, _ = process.communicate()
        if process.returncode == 0:
            # It came through in spite of all; the next one.
            assert_like_undisturbed(tmp_path / f"run-{number}", undisturbed)
            number += 1
        else:
            assert process.returncode < 0, output
        process = line.start(f"run-{number}")
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    assert_like_undisturbed(tmp_path / f"run-{number}", undisturbed)
    assert heads > 10
    assert engines > 10
    begun = len((tmp_path / "log").read_text().split())
    needed = (number + 1) * len((undisturbed.home / "log").read_text().split())
    # What was under way when something died, two calculations at most, is all that was begun again.
    assert begun <= needed + 2 * KILLS
    print(f"{heads} heads and {engines} engines killed, {number + 1} runs, {begun} calculations for {needed}")


def an_engine(command: subprocess.Popen[str]) -> psutil.Process | None:
    """A process of a run in which an engine runs; None if there is none for a while."""
    until = time.monotonic() + 10.0
    while command.poll() is None and time.monotonic() < until:
        with suppress(psutil.Error):
            for process in psutil.Process(command.pid).children(recursive=True):
                if computes(process):
                    return process
        time.sleep(0.05)
    return None


def computes(process: psutil.Process) -> bool:
    """Whether this is a process in which an engine runs."""
    try:
        return any("forgefield.reference.child" in word for word in process.cmdline())
    except psutil.Error:
        return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """A disk of its own, and what changes how it is mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], capture_output=True
    ).returncode:
        pytest.skip("mounting a disk takes root")
    try:
        yield place, lambda options: mount_again(place, options)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def mount_again(place: Path, options: str) -> None:
    """Change a disk while it is in use."""
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)


def refused(line: CommandLine, folder: str) -> str:
    """What the command says when it cannot go on."""
    process = line.start(folder)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1, output
    assert "Traceback" not in output
    return " ".join(output.split())


def test_a_full_disk_ends_the_run_and_loses_nothing(
    undisturbed: CommandLine, small_disk: tuple[Path, Callable[[str], None]], tmp_path: Path
) -> None:
    disk, mounted = small_disk
    line = CommandLine(tmp_path, slowed(tmp_path / "log"))
    folder = "disk/run"
    kilobytes, stops = 300, 0
    while kilobytes < 1500:
        said = refused(line, folder)
        assert "No space left" in said or "database or disk is full" in said, said
        stops += 1
        kilobytes += 150
        mounted(f"size={kilobytes}k")
    mounted("size=200m")
    line.finish(folder)
    assert stops == 8
    assert_like_undisturbed(disk / "run", undisturbed)


def test_a_disk_that_turns_read_only(
    undisturbed: CommandLine, small_disk: tuple[Path, Callable[[str], None]], tmp_path: Path
) -> None:
    disk, mounted = small_disk
    mounted("size=200m")
    line = CommandLine(tmp_path, slowed(tmp_path / "log"))
    line.kill("disk/run", after=12.0)
    mounted("ro")
    assert "Read-only file system" in refused(line, "disk/run")
    mounted("rw")
    line.finish("disk/run")
    assert_like_undisturbed(disk / "run", undisturbed)


def dataset_command(action: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`forgefield dataset check` or `repair`."""
    command = [sys.executable, "-m", "forgefield", "dataset", action, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("number", range(4))
def test_a_database_with_spoilt_pages_is_repaired(
    undisturbed: CommandLine, tmp_path: Path, number: int
) -> None:
    line = CommandLine(tmp_path, slowed(tmp_path / "log"))
    folder = tmp_path / "run"
    line.kill("run", after=25.0)
    database, rng = folder / "dataset.db", np.random.default_rng(number)
    content = bytearray(database.read_bytes())
    for page in rng.choice(len(content) // 4096, size=2, replace=False):
        content[4096 * page : 4096 * (page + 1)] = rng.bytes(4096)
    database.write_bytes(bytes(content))
    checked = dataset_command("check", folder)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert "Traceback" not in checked.stderr
    repaired = dataset_command("repair", folder)
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    line.finish("run")
    assert_like_undisturbed(folder, undisturbed)


def test_files_cut_short_are_made_again_or_named(undisturbed: CommandLine, tmp_path: Path) -> None:
    line = CommandLine(tmp_path, slowed(tmp_path / "log"))
    line.kill("run", after=35.0)
    kept = tmp_path / "kept"
    subprocess.run(["cp", "-r", tmp_path / "run", kept], check=True)
    files = [
        path.relative_to(kept) for path in sorted(kept.rglob("*")) if path.is_file() and path.stat().st_size
    ]
    named = 0
    for file in files:
        folder = tmp_path / "run"
        subprocess.run(["rm", "-rf", folder], check=True)
        subprocess.run(["cp", "-r", kept, folder], check=True)
        whole = (folder / file).read_bytes()
        (folder / file).write_bytes(whole[: len(whole) // 2])
        process = line.start("run")
        output, _ = process.communicate(timeout=300)
        assert "Traceback" not in output, (file, output)
        if process.returncode:
            named += 1
            assert file.name in output, (file, output)
        else:
            assert contents(folder) == contents(undisturbed.home / "whole"), file
    print(f"{len(files)} files cut short, {named} of them named, the others made again")


JUMPS = """
    import random, time
    before, draws = time.time, random.Random()

    def jumping():
        return before() + draws.uniform(-1e5, 1e5)

    time.time = jumping
"""


def test_a_clock_that_jumps_changes_nothing(
    undisturbed: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(JUMPS))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    line = CommandLine(tmp_path, slowed(tmp_path / "log"))
    for _ in range(3):
        line.kill("run", after=10.0)
    line.finish("run")
    assert_like_undisturbed(tmp_path / "run", undisturbed)


@pytest.mark.parametrize("fault", ["too-few-forces", "other-atoms", "text", "nothing", "nan", "huge-force"])
def test_an_engine_that_lies_is_never_believed(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(FAULTY_FOLDER))
    parameters = {"fault": fault, "every": 5, "remainder": 2}
    content = {**TINY, "reference": {"engine": FAULTY, "parameters": parameters}}
    line = CommandLine(tmp_path, content)
    line.finish("run")
    from faulty_calculators import is_struck

    folder = RunFolder(tmp_path / "run")
    recipe = Recipe.model_validate_json(folder.recipe.read_text())
    records = folder.labels.records(None, recipe.key)
    assert records
    assert not any(is_struck(record.atoms, 5, 2, 0.0) for record in records)
    assert list((tmp_path / "run" / "quarantine").glob("*.extxyz"))
