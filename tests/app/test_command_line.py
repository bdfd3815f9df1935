import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import forgefield as package

COMMANDS = (
    "init",
    "validate-input",
    "schema",
    "run",
    "status",
    "report",
    "evaluate",
    "export",
    "train",
    "convert",
)


def _help() -> tuple[float, str]:
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "forgefield", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return time.perf_counter() - begun, done.stdout


def test_help_answers_at_once_and_lists_every_command() -> None:
    # The best of several, as other work on the machine only ever adds time.
    timed = [_help() for _ in range(4)]
    assert min(seconds for seconds, _ in timed) <= 0.5
    for command in COMMANDS:
        assert f" {command} " in timed[0][1]
    assert "forgefield run si.yaml" in " ".join(timed[0][1].split())


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, forgefield.app.cli; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = ["torch", "ase", "numpy", "scipy", "numba", "pydantic", "yaml", "forgefield.workflow.spec"]
    done = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_every_command_explains_itself(forgefield: Callable[..., Any]) -> None:
    for command in COMMANDS:
        result = forgefield(command, "--help")
        assert result.exit_code == 0, command
        assert f"forgefield {command}" in result.output, command
        assert "Example" in result.output, command


def test_version(forgefield: Callable[..., Any]) -> None:
    assert forgefield("--version").stdout.strip() == f"forgefield {package.__version__}"


def test_no_command_shows_the_help(forgefield: Callable[..., Any]) -> None:
    result = forgefield()
    assert result.exit_code == 0
    assert "validate-input" in result.stdout


def test_misspelt_command_is_refused_with_the_nearest(forgefield: Callable[..., Any]) -> None:
    result = forgefield("statsu", "x")
    assert result.exit_code == 2
    assert "Did you mean 'status'?" in result.output


def test_debug_shows_the_traceback_wherever_it_stands(tmp_path: Any, forgefield: Callable[..., Any]) -> None:
    for arguments in (("--debug", "status", tmp_path), ("status", tmp_path, "--debug")):
        result = forgefield(*arguments)
        assert result.exit_code == 1
        assert "Traceback" in result.stderr
        assert "holds no run" in result.stderr
    assert "Traceback" not in forgefield("status", tmp_path).stderr


def test_full_disk_and_the_like_are_named(tmp_path: Any, forgefield: Callable[..., Any]) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        # The administrator may write everywhere but where there is no file system.
        folder = type(folder)("/proc")
    result = forgefield("init", "--output", folder / "si.yaml")
    assert result.exit_code == 1
    assert str(folder) in result.stderr
    assert "Traceback" not in result.stderr
