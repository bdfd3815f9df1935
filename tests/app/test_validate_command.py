"""`forgefield validate`: anybody's calculator, a reference beside it, interruptions, and what it refuses."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from forgefield.reference.ledger import Ledger

EMT_NAME = "ase:ase.calculators.emt.EMT"
TERSOFF = "ase:forgefield.reference.engines.classical.tersoff_silicon"
QUICK = ["--set", "properties.phonons.minimum_length=5.0"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    ase.io.write(tmp_path / "Cu.cif", bulk("Cu", cubic=True))
    ase.io.write(tmp_path / "Si.cif", bulk("Si"))
    ase.io.write(tmp_path / "C.cif", bulk("C", cubic=True))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "comparison.csv").open() as table:
        return {row["quantity"]: row for row in csv.DictReader(table)}


def test_anybodys_calculator_alone(home: Path, forgefield: Callable[..., Any]) -> None:
    result = forgefield("validate", EMT_NAME, "Cu.cif", *QUICK)
    assert result.exit_code == 0, result.output
    found = rows(home / "emt-validation")
    atoms = bulk("Cu", cubic=True)
    volumes = np.linspace(0.97, 1.03, 13) * atoms.cell.volume
    energies = []
    for volume in volumes:
        atoms.set_cell(np.eye(3) * volume ** (1 / 3), scale_atoms=True)
        atoms.calc = EMT()
        energies.append(atoms.get_potential_energy())
    minimum = volumes[0] + np.roots(np.polyder(np.polyfit(volumes - volumes[0], energies, 5))).real
    closest = minimum[np.abs(minimum - 46.3).argmin()] / 4
    assert float(found["equilibrium volume"]["potential"]) == pytest.approx(closest, rel=1e-4)
    assert found["equilibrium volume"]["reference"] == ""
    assert "nothing was judged" in result.output
    assert (home / "emt-validation" / "report.html").stat().st_size > 1e5


@pytest.mark.parametrize(
    ("calculator", "structure"),
    [("ase:tblite.ase.TBLite", "C.cif"), (TERSOFF, "Si.cif")],
    ids=["tblite", "matscipy"],
)
def test_other_peoples_calculators_go_through_unchanged(
    home: Path, forgefield: Callable[..., Any], calculator: str, structure: str
) -> None:
    result = forgefield("validate", calculator, structure, "-p", "equation_of_state,elasticity", "-f", "out")
    assert result.exit_code == 0, result.output
    assert float(rows(home / "out")["bulk modulus"]["potential"]) > 50.0


def test_beside_a_reference_each_calculation_once(home: Path, forgefield: Callable[..., Any]) -> None:
    command = [
        "validate",
        TERSOFF,
        "Si.cif",
        "--against",
        TERSOFF,
        "-p",
        "elasticity,phonons",
        "-f",
        "out",
        *QUICK,
    ]
    forecast = forgefield(*command, "--forecast")
    assert forecast.exit_code == 0, forecast.output
    assert "Elastic constants of Si: about 3 calculations of up to 2 atoms" in forecast.output
    assert not (home / "out" / "ledger.jsonl").exists()
    result = forgefield(*command)
    assert result.exit_code == 0, result.output
    found = rows(home / "out")
    assert found["C44"]["verdict"] == "agrees"
    assert float(found["C44"]["difference"]) == pytest.approx(0.0, abs=1e-6)
    assert float(found["phonon RMSE"]["potential"]) < 1e-6
    entries = Ledger(home / "out" / "ledger.jsonl").entries()
    assert len({entry.key for entry in entries}) == len(entries)
    again = forgefield(*command, "--set", "properties.elasticity.strain=0.02")
    assert again.exit_code == 0, again.output
    more = Ledger(home / "out" / "ledger.jsonl").entries()
    # The curve and the phonons are known; of the elastic constants the displaced atom too.
    assert len(more) - len(entries) == 2
    exported = forgefield("export", "out", "--format", "xyz", "-o", "labels.xyz")
    assert exported.exit_code == 0, exported.output
    assert len(ase.io.read(home / "labels.xyz", ":")) == len(more)
    command[command.index("out")] = "elsewhere"
    repeated = forgefield(*command, "--labels", "labels.xyz")
    assert repeated.exit_code == 0, repeated.output
    taken = Ledger(home / "elsewhere" / "ledger.jsonl").entries()
    assert {entry.key for entry in taken} == {entry.key for entry in entries}
    assert all(entry.seconds == 0.0 for entry in taken), "all of them were in the file"
    assert rows(home / "elsewhere") == found


def test_a_bad_potential_is_told_from_a_good_one(home: Path, forgefield: Callable[..., Any]) -> None:
    other = "ase:forgefield.reference.engines.classical.stillinger_weber_silicon"
    result = forgefield("validate", other, "Si.cif", "--against", TERSOFF, "-p", "elasticity", "-f", "out")
    assert result.exit_code == 0, result.output
    assert rows(home / "out")["C44"]["verdict"] == "differs"
    assert "differs" in result.output
    page = (home / "out" / "report.html").read_text()
    assert "✗ differs" in page


def test_too_small_a_budget_is_said_before_anything_is_computed(
    home: Path, forgefield: Callable[..., Any]
) -> None:
    result = forgefield("validate", TERSOFF, "Si.cif", "--against", TERSOFF, "--budget", 2, "-f", "out")
    assert result.exit_code == 1
    assert "the budget allows 2; choose fewer properties" in " ".join(result.output.split())
    assert not (home / "out" / "ledger.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((EMT_NAME, "nowhere.cif"), "there is no structure file nowhere.cif"),
        ((EMT_NAME, "diamond"), "prototype diamond needs to know the element"),
        ((EMT_NAME, "Cu.cif", "-p", "elasticty"), "did you mean elasticity?"),
        ((EMT_NAME, "Cu.cif", "--against", "gpwa"), "--against gpwa is neither an engine nor a potential"),
        ((EMT_NAME, "Cu.cif", "--set", "properties.phonons.displacment=0.1"), "displacment"),
        (("ase:nowhere.Calculator", "Cu.cif"), "cannot be imported"),
        (("nowhere", "Cu.cif"), "nowhere"),
    ],
)
def test_wrong_input_is_explained(
    home: Path, forgefield: Callable[..., Any], arguments: tuple[str, ...], message: str
) -> None:
    result = forgefield("validate", *arguments)
    assert result.exit_code in (1, 2)
    assert message in " ".join(result.output.split())


def test_what_a_calculator_cannot_give_is_said(home: Path, forgefield: Callable[..., Any]) -> None:
    result = forgefield("validate", EMT_NAME, "Si.cif", "-p", "elasticity", "-f", "out")
    assert result.exit_code == 0
    assert "Elastic constants of Si: potential:" in " ".join(result.output.split())
    outcome = json.loads((home / "out" / "potential" / "Si" / "elasticity.json").read_text())
    assert outcome["finding"] is None
    assert outcome["problem"]


def test_beside_labelled_structures(home: Path, forgefield: Callable[..., Any]) -> None:
    frames = []
    for seed in range(3):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.05, seed=seed)
        atoms.calc = EMT()
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = SinglePointCalculator(atoms, energy=energy + 0.04, forces=forces)
        frames.append(atoms)
    ase.io.write(home / "labelled.xyz", frames)
    result = forgefield(
        "validate", EMT_NAME, "Cu.cif", "-p", "equation_of_state", "-f", "out", "--against", "labelled.xyz"
    )
    assert result.exit_code == 0, result.output
    assert "10.00" in result.output  # meV/atom
    assert "Labelled structures" in (home / "out" / "report.html").read_text()
    unlabelled = forgefield("validate", EMT_NAME, "Cu.cif", "-f", "out", "--against", "Cu.cif")
    assert unlabelled.exit_code == 1
    assert "none of the structures in Cu.cif has energy and forces" in " ".join(unlabelled.output.split())


def test_several_structures_and_the_energies_between_them(home: Path, forgefield: Callable[..., Any]) -> None:
    hcp = bulk("Cu", "hcp", a=2.56, c=4.2)
    ase.io.write(home / "hcp.cif", hcp)
    names = ["-p", "equation_of_state,relaxed_structure", "-f", "out"]
    result = forgefield("validate", EMT_NAME, "Cu.cif", "hcp.cif", "--against", EMT_NAME, *names)
    assert result.exit_code == 0, result.output
    above = rows(home / "out")["energy above Cu, hcp"]
    relaxed = FrechetCellFilter(hcp)
    hcp.calc = EMT()
    BFGS(relaxed, logfile=None).run(fmax=0.002)
    with (home / "out" / "comparison.csv").open() as table:
        energies = [float(row["potential"]) for row in csv.DictReader(table) if row["quantity"] == "energy"]
    assert energies[1] == pytest.approx(hcp.get_potential_energy() / 2, abs=2e-5)
    assert float(above["potential"]) == pytest.approx(energies[1] - energies[0], abs=5e-5)
    assert above["verdict"] == "agrees"
    page = (home / "out" / "report.html").read_text()
    identifiers = re.findall(r'id="(figure-[^"]*)"', page)
    assert len(identifiers) == len(set(identifiers)) == 8


def test_stopped_and_gone_on_with(home: Path) -> None:
    command = [sys.executable, "-m", "forgefield", "validate", TERSOFF, "Si.cif", "--against"]
    slow = "ase:slow_calculator.SlowTersoff"
    (home / "slow_calculator.py").write_text(
        "import time\n"
        "from forgefield.reference.engines.classical import tersoff_silicon\n"
        "def SlowTersoff():\n"
        "    time.sleep(1.0)\n"
        "    return tersoff_silicon()\n"
    )
    command += [slow, "-p", "elasticity", "-f", "out", "-w", "1"]
    running = subprocess.Popen(command, cwd=home, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60.0
    while len(Ledger(home / "out" / "ledger.jsonl").entries()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, messages = running.communicate(timeout=30)
    assert running.returncode == 130, messages
    assert "go on with:" in messages
    before = len(Ledger(home / "out" / "ledger.jsonl").entries())
    finished = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    entries = Ledger(home / "out" / "ledger.jsonl").entries()
    assert len(entries) > before
    assert len({entry.key for entry in entries}) == len(entries)
