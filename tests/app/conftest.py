import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from forgefield.app.cli import app

# Tables must not depend on the width of whatever terminal the tests run in.
os.environ["COLUMNS"] = "200"

TINY = """\
system: {species: [Si]}
structures:
  prototypes: [diamond, beta-tin]
  strain: {volume_count: 5, small_count: 4, large_count: 2}
  rattle: {amplitudes: [0.05, 0.15], count: 2}
  random: {count: 0}
reference:
  engine: ase:forgefield.reference.engines.classical.tersoff_silicon
potential: {members: 2, hidden: [8], n_radial: 6, l_max: 2, l_max_4body: 0, channels: 2}
training: {epochs: 30}
exploration: {trajectories: 2, steps: 40, max_atoms: 8}
selection: {per_cycle: 3}
cycles: {max: 1}
hold_out: {configurations: 3, temperatures: [300], steps: 40, max_atoms: 8}
targets: {elastic_constants: null, phonon_rmse: null}
"""


@pytest.fixture
def forgefield() -> Callable[..., Any]:
    """The command line, in this process."""

    def call(*arguments: object) -> Any:
        return CliRunner().invoke(app, [str(each) for each in arguments])

    return call


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A small run through the command line, and what the command said."""
    folder = tmp_path_factory.mktemp("command")
    (folder / "si.yaml").write_text(TINY)
    result = CliRunner().invoke(app, ["run", str(folder / "si.yaml"), "--workers", "1"])
    assert result.exit_code == 0, result.output
    return folder / "si-run", result


@pytest.fixture(scope="session")
def tiny_input() -> str:
    """The input of the small run."""
    return TINY
