"""`forgefield md`: ensembles, interruptions, and what it refuses."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase
import ase.io
import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator

from forgefield.potentials.fitting import fit
from forgefield.sampling.observables import read_log
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

SETTINGS = {
    "potential": {"cutoff": 4.5, "n_radial": 5, "l_max": 2},
    "repulsion": None,
    "training": {"validation_fraction": 1e-6},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A potential for silicon near its crystal, and structures."""
    folder, structures, truth = tmp_path_factory.mktemp("md"), [], StillingerWeberSilicon()
    for seed in range(16):
        atoms = bulk("Si", cubic=True)
        strain = np.random.default_rng(seed).uniform(-0.03, 0.03, (3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        atoms.rattle(0.02 + 0.02 * (seed % 5), seed=seed)
        said = truth.evaluate(atoms)
        atoms.calc = SinglePointCalculator(atoms, energy=said.energy, forces=said.forces, stress=said.stress)
        structures.append(atoms)
    fit(structures, "bayesian", settings=SETTINGS).potential.save(folder / "potential")
    ase.io.write(folder / "si.xyz", bulk("Si", cubic=True))
    ase.io.write(folder / "molecule.xyz", molecule("H2O"))
    ase.io.write(folder / "slab.xyz", ase.Atoms("Si", cell=[4, 4, 4], pbc=[True, True, False]))
    return folder


@pytest.fixture
def md(folder: Path, forgefield: Callable[..., Any]) -> Callable[..., Any]:
    """The command with the potential and the crystal."""

    def call(*options: object, structure: str = "si.xyz") -> Any:
        return forgefield("md", folder / "potential", folder / structure, *options)

    return call


def test_constant_temperature(md: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "run.traj"
    result = md("--repeat", "2", "-T", "600", "--time", "1", "--every", "10", "-o", path)
    assert result.exit_code == 0, result.output
    assert "atom-steps/s" in result.stdout
    assert f"{path} and run.csv are written" in result.stdout.replace("\n", "")
    frames, rows = ase.io.read(path, ":"), read_log(tmp_path / "run.csv")
    assert len(frames) == len(rows) == 51
    assert len(frames[0]) == 64
    assert rows[-1].time == pytest.approx(1.0)
    assert np.mean([row.temperature for row in rows[25:]]) == pytest.approx(600, rel=0.15)
    shown = re.search(r"temperature, K +│ +([\d.]+)", result.stdout)
    assert shown is not None
    assert float(shown[1]) == pytest.approx(np.mean([row.temperature for row in rows[25:]]), abs=0.1)
    # The same command again has nothing left to do.
    assert (
        "Going on at step 500 of 500"
        in md("--repeat", "2", "-T", "600", "--time", "1", "--every", "10", "-o", path).stderr
    )


def test_constant_pressure_and_a_ramp(md: Callable[..., Any], tmp_path: Path) -> None:
    options = (
        "-e",
        "npt",
        "-T",
        "100:900",
        "--pressure",
        "5",
        "--time",
        "0.8",
        "--every",
        "20",
        "--repeat",
        "2",
    )
    result = md(*options, "-o", tmp_path / "run.h5", "--cell-shape", "free")
    assert result.exit_code == 0, result.output
    rows = read_log(tmp_path / "run.csv")
    assert np.mean([row.pressure for row in rows[-10:]]) == pytest.approx(5.0, abs=1.5)
    assert rows[-1].volume < 0.98 * rows[0].volume
    assert rows[-1].temperature > 400


def test_free_motion_takes_the_velocities_of_a_frame(
    md: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    warm = tmp_path / "warm.traj"
    assert md("-T", "400", "--time", "0.5", "-o", warm, "--every", "50").exit_code == 0
    path = tmp_path / "free.traj"
    result = md(
        "-e", "nve", "--time", "0.5", "--timestep", "1", "--every", "5", "-o", path, structure=str(warm)
    )
    assert result.exit_code == 0, result.output
    last, first = ase.io.read(warm), ase.io.read(path, 0)
    momenta = last.get_momenta() - last.get_momenta().sum(axis=0) / len(last)
    np.testing.assert_allclose(first.get_momenta(), momenta, atol=1e-12)
    energies = np.array([row.total_energy for row in read_log(tmp_path / "free.csv")])
    assert np.ptp(energies) < 0.01
    assert re.search(r"Total energy drifts by [+-]0\.\d+ meV/atom per ps", result.stdout)
    hot = md("-e", "nve", "-T", "900", "--time", "0.01", "--every", "5", "-o", tmp_path / "hot.traj")
    assert hot.exit_code == 0
    assert not np.allclose(ase.io.read(tmp_path / "hot.traj", 0).get_momenta(), momenta)


def test_ctrl_c_keeps_everything(folder: Path, tmp_path: Path) -> None:
    """The interrupted run goes on to the frames of one that was left alone."""
    options = ["--every", "2", "--timestep", "1", "--repeat", "3"]
    arguments = ["md", str(folder / "potential"), str(folder / "si.xyz"), *options]
    command = [sys.executable, "-m", "forgefield", *arguments]

    def complete(name: str, picoseconds: float) -> None:
        # In processes of their own, as the last digits may depend on what a process has compiled.
        whole = [*command, "-o", str(tmp_path / name), "--time", str(picoseconds)]
        subprocess.run(whole, check=True, capture_output=True, timeout=300)

    complete("compiled.xyz", 0.002)
    stopped = [*command, "-o", str(tmp_path / "stopped.xyz"), "--time", "500"]
    child = subprocess.Popen(stopped, stderr=subprocess.PIPE, text=True)
    patience = time.monotonic() + 120.0
    while not (tmp_path / "stopped.csv").exists() and time.monotonic() < patience:
        time.sleep(0.05)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[1]
    assert child.returncode == 130, said
    assert "the same command goes on" in " ".join(said.split())
    done = read_log(tmp_path / "stopped.csv")[-1].step
    assert done > 0
    complete("stopped.xyz", (done + 20) / 1000)
    complete("whole.xyz", (done + 20) / 1000)
    assert (tmp_path / "stopped.xyz").read_bytes() == (tmp_path / "whole.xyz").read_bytes()


def test_unsure_potentials_are_said_to_be_so(md: Callable[..., Any], tmp_path: Path) -> None:
    result = md("-T", "6000", "--time", "0.3", "--timestep", "1", "--every", "10", "-o", tmp_path / "hot.xyz")
    assert "the potential is unsure of the force on atom" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-e", "nph"], "unknown --ensemble nph; choose from nve, nvt, npt"),
        (["--thermostat", "berendsen"], "unknown --thermostat berendsen; choose from langevin, nose-hoover"),
        (["-T", "-3"], "--temperature -3 is no temperature above 0 K; give one such as 600, or a ramp"),
        (["-T", "1:2:3"], "--temperature 1:2:3 is no temperature above 0 K"),
        (
            ["-e", "nve", "-T", "300:600"],
            "--ensemble nve, where nothing heats or cools; give one temperature",
        ),
        (["--pressure", "1"], "--pressure 1 GPa with --ensemble nvt, which keeps the cell; leave it out, or"),
        (
            ["-e", "npt", "--thermostat", "nose-hoover"],
            "nose-hoover keeps the cell; use langevin with --ensemble npt",
        ),
        (["--time", "0"], "--time 0 ps is no length of a run; give one above 0"),
        (["--every", "0"], "--every 0 steps gives no frames; give at least 1"),
        (["--timestep", "50"], "--timestep 50.0 must lie above 0 and at most at 10 fs; 1 or 2 fs suit most"),
        (["--repeat", "2,2"], "--repeat 2,2 is not a supercell; give one or three whole numbers"),
        (["--cell-shape", "cubic"], "unknown --cell-shape cubic; choose from isotropic, free"),
        (["-o", "md.dcd"], "md.dcd does not say in which format to write the trajectory; end it in one of"),
    ],
)
def test_what_makes_no_sense_is_refused(
    options: list[str], message: str, md: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = md(*options)
    assert result.exit_code == 1
    assert message in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_structures_that_do_not_fit_are_refused(md: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "run.traj"
    foreign = md("-o", path, structure="molecule.xyz")
    assert foreign.exit_code == 1
    assert "Si" in foreign.stderr
    slab = " ".join(md("-e", "npt", "-o", path, structure="slab.xyz").stderr.split())
    assert "constant pressure needs a structure that is periodic in three directions" in slab
    repeated = " ".join(md("--repeat", "2", "-o", path, structure="slab.xyz").stderr.split())
    assert "periodicity [True, True, False]; repeat it along periodic directions only" in repeated
    assert md("-o", path, "--time", "0.1", "--every", "10").exit_code == 0
    other = " ".join(md("-o", path, "-T", "500").stderr.split())
    assert "belongs to another run (nvt, langevin, 300 K" in other
    assert "give another --output" in other
