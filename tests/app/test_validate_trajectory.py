"""`forgefield validate --trajectory`: motion beside molecular dynamics that somebody else has made."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta

MOTION = [
    "validate", "ase:ase.calculators.emt.EMT", "Cu.xyz", "-p", "dynamics",
    *("--set", "properties.dynamics.run.supercell=[[1,0,0],[0,1,0],[0,0,1]]"),
    *("--set", "properties.dynamics.run.temperature=600", "--set", "properties.dynamics.run.duration=3"),
    *("--set", "properties.dynamics.run.timestep=4", "--set", "properties.dynamics.radial.cutoff=6"),
    *("--set", "properties.dynamics.run.sample_every=16", "-f", "out"),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crystal, and its motion by ASE's own driver with the same calculator."""
    folder = tmp_path_factory.mktemp("motion")
    atoms = bulk("Cu", a=3.6, cubic=True) * (2, 2, 2)
    ase.io.write(folder / "Cu.xyz", atoms)
    atoms.calc = EMT()
    rng = np.random.default_rng(0)
    thermalize_momenta(atoms, temperature_K=600, rng=rng)
    driver = Langevin(atoms, 4 * units.fs, temperature_K=600, friction=0.01 / units.fs, rng=rng, fixcm=False)
    driver.run(300)
    driver.attach(lambda: ase.io.write(folder / "aimd.xyz", atoms, format="extxyz", append=True), interval=4)
    driver.run(800)
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_distances_of_both_are_judged(home: Path, forgefield: Callable[..., Any]) -> None:
    result = forgefield(*MOTION, "--trajectory", "Cu=aimd.xyz:16")
    assert result.exit_code == 0, result.output
    with (home / "out" / "comparison.csv").open() as table:
        found = {row["quantity"]: row for row in csv.DictReader(table)}
    peak = found["Cu–Cu, first peak of g(r)"]
    assert float(peak["reference"]) == pytest.approx(3.6 / np.sqrt(2), abs=0.06)
    assert peak["verdict"] == "agrees"
    around = found["Cu around Cu, coordination number"]
    assert float(around["reference"]) == pytest.approx(12.0, abs=0.3)
    assert around["verdict"] == "agrees"
    assert float(found["Cu–Cu, mismatch of g(r)"]["difference"]) < 8.0
    page = (home / "out" / "report.html").read_text()
    assert "beside aimd.xyz" in page
    again = forgefield(*MOTION)
    assert again.exit_code == 0, again.output
    assert "nothing was judged" in again.output


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("aimd.xyz", "is not STRUCTURE=FILE:FS"),
        ("Cu=aimd.xyz:0", "is not STRUCTURE=FILE:FS"),
        ("Cu=aimd.xyz:1.2.3", "is not STRUCTURE=FILE:FS"),
        ("Ag=aimd.xyz:16", "no such structure"),
        ("Cu=nothing.xyz:16", "there is no file"),
        ("Cu=Ag.xyz:16", "is a trajectory of Ag"),
        ("Cu=Cu.xyz:16", "frames"),
    ],
)
def test_what_cannot_be_used_is_refused(
    home: Path, forgefield: Callable[..., Any], given: str, said: str
) -> None:
    ase.io.write(home / "Ag.xyz", [bulk("Ag")] * 30)
    result = forgefield(*MOTION, "--trajectory", given)
    assert result.exit_code in (1, 2), result.output
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_trajectory_without_its_property_is_refused(home: Path, forgefield: Callable[..., Any]) -> None:
    result = forgefield("validate", "ase:ase.calculators.emt.EMT", "Cu.xyz", "--trajectory", "Cu=aimd.xyz:16")
    assert result.exit_code == 1
    assert "add dynamics to --properties" in " ".join(result.output.split())
