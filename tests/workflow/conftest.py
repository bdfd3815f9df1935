"""Small real runs on silicon with a classical potential as the reference."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from forgefield.reference.ledger import Ledger
from forgefield.reference.recipe import Recipe
from forgefield.workflow.folder import RunFolder
from forgefield.workflow.spec import RunSpec

FAULTY_FOLDER = Path(__file__).parent.parent / "reference"
TERSOFF = "ase:forgefield.reference.engines.classical.tersoff_silicon"
FAULTY = "ase:faulty_calculators.FaultyTersoff"

TINY: dict[str, Any] = {
    "system": {"species": ["Si"]},
    "structures": {
        "prototypes": ["diamond"],
        "strain": {"volume_count": 5, "small_count": 0, "large_count": 4},
        "rattle": {"amplitudes": [0.05, 0.1], "count": 2},
        "random": {"count": 0},
    },
    "reference": {"engine": TERSOFF},
    "potential": {
        "cutoff": 5.0,
        "n_radial": 6,
        "l_max": 3,
        "l_max_4body": 2,
        "channels": 3,
        "hidden": [8],
        "members": 2,
    },
    "training": {"epochs": 60, "batch_atoms": 64},
    "exploration": {
        "method": "md",
        "trajectories": 3,
        "steps": 40,
        "max_atoms": 8,
        "temperatures": [300.0, 600.0],
    },
    "selection": {"per_cycle": 4},
    "cycles": {"max": 2},
    "hold_out": {"configurations": 4, "temperatures": [300.0, 600.0], "steps": 40, "max_atoms": 8},
    "targets": {"force_mae": 1e-6},
    "budget": {"calculations": 60},
}
"""A run of seconds; its force target cannot be met, so it always goes through all its cycles."""


def tiny(**groups: dict[str, Any]) -> RunSpec:
    """The tiny run with some settings changed, by group."""
    content = {**TINY, **{name: {**TINY.get(name, {}), **group} for name, group in groups.items()}}
    return RunSpec.model_validate(content)


def contents(folder: Path) -> dict[str, tuple[float, ...]]:
    """The data set of a run: energy and first force of each structure, by key."""
    recipe = Recipe.model_validate_json(RunFolder(folder).recipe.read_text())
    records = RunFolder(folder).labels.records(None, recipe.key)
    return {record.key: (record.labels.energy, *record.labels.forces.ravel()) for record in records}


def ledger_keys(folder: Path) -> list[str]:
    """Keys of all calculations that the ledger knows, with repetitions."""
    return [entry.key for entry in Ledger(RunFolder(folder).ledger).entries()]


def verdict(folder: Path) -> dict[str, Any]:
    """The stored verdict."""
    return json.loads(RunFolder(folder).verdict.read_text())


class CommandLine:
    """Runs `forgefield run`, or another command, in processes of its own, which can be killed."""

    def __init__(self, home: Path, content: dict[str, Any], command: str = "run") -> None:
        self.command = command
        self.input = home / "input.yaml"
        self.input.write_text(yaml.safe_dump(content))
        self.home = home

    def start(self, folder: str, *arguments: str, workers: int = 2) -> subprocess.Popen[str]:
        """Begin, or go on with, a run."""
        command = [
            sys.executable,
            "-m",
            "forgefield",
            self.command,
            str(self.input),
            "--folder",
            str(self.home / folder),
        ]
        search = os.pathsep.join([str(FAULTY_FOLDER), os.environ.get("PYTHONPATH", "")])
        return subprocess.Popen(
            [*command, "--workers", str(workers), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": search, "OMP_NUM_THREADS": "1"},
        )

    def finish(self, folder: str, *arguments: str, workers: int = 2) -> str:
        """Run to the end; its output."""
        process = self.start(folder, *arguments, workers=workers)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
        return output

    def kill(self, folder: str, *arguments: str, after: float, workers: int = 2) -> bool:
        """Run and kill -9 after so many seconds; False if it had ended by then."""
        process = self.start(folder, *arguments, workers=workers)
        deadline = time.monotonic() + after
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        ended = process.poll() is not None
        if not ended:
            process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        assert not ended or process.returncode == 0, output
        return not ended


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, TINY)
