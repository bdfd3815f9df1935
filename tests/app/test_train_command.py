"""`forgefield train`: from a file of labelled structures to a potential, in one command."""

import json
import os
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
from ase import Atoms
from ase.build import bulk

import forgefield as package
from forgefield.atoms.formats import write_extxyz
from forgefield.atoms.records import Labels

SMALL = ("cutoff=4", "n_radial=4", "l_max=2", "l_max_4body=0", "channels=2", "hidden=[6]")
QUICK = [word for each in SMALL for word in ("--set", f"potential.{each}")]


def frames(count: int, seed: int = 0) -> list[tuple[Atoms, Labels]]:
    """Rattled crystals in which every atom is tied to its place by a spring."""
    rng, found = np.random.default_rng(seed), []
    for number in range(count):
        atoms = bulk("Si", cubic=True)
        shift = rng.normal(scale=0.05, size=(8, 3))
        atoms.positions += shift
        atoms.info["group"] = "hot" if number % 2 else "cold"
        found.append((atoms, Labels(float(2 * (shift**2).sum()) - 40.0, -4 * shift, None, "", "", 0.0)))
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_extxyz(tmp_path / "si.xyz", [*frames(24), (bulk("Si"), None)])
    write_extxyz(tmp_path / "test.xyz.gz", frames(4, seed=1))
    return tmp_path / "si.xyz"


def test_one_command_makes_a_potential_a_record_and_a_report(
    data: Path, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    out = tmp_path / "out"
    arguments = ("train", data, "--test", tmp_path / "test.xyz.gz", "-o", out, "--epochs", 6, *QUICK)
    result = forgefield(*arguments, "--set", "weights.hot=2")
    assert result.exit_code == 0, result.output
    for row in ("training", "validation", "test"):
        assert any(row in line and "│" in line for line in result.stdout.splitlines())
    assert "25 structures" not in result.stderr
    assert "1 without energy or forces are left out" in result.stderr
    record = json.loads((out / "training.json").read_text())
    assert record["structures"] == {"training": 22, "validation": 2}
    assert len(record["history"]) == 6
    assert record["settings"]["weights"] == {"hot": 2.0}
    assert record["potential"]["members"] == 1
    assert record["ending"] == "finished"
    assert record["versions"]["forgefield"] == package.__version__
    potential = package.load(out)
    errors = [potential.evaluate(atoms).forces - labels.forces for atoms, labels in frames(4, seed=1)]
    mae = float(np.abs(np.concatenate(errors)).mean())
    assert record["errors"]["test"]["force_mae"] == pytest.approx(mae, rel=1e-6)
    page = (out / "report.html").read_text()
    for figure in ("course-energy", "course-force", "parity-force-test", "parity-energy-training"):
        assert f'id="figure-{figure}"' in page
    assert "course-stress" not in page
    # The repulsion is on by default, and keeps atoms apart.
    near, far = (potential.evaluate(Atoms("Si2", [[0, 0, 0], [0, 0, r]])).energy for r in (0.3, 1.0))
    assert near - far > 100

    again = forgefield(*arguments, "--set", "weights.hot=2")
    assert again.exit_code == 1
    assert "holds a finished training; name another folder with --output, or add --restart" in again.stderr
    assert forgefield(*arguments, "--restart").exit_code == 0


def test_the_same_seed_gives_the_same_potential(
    data: Path, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        result = forgefield(
            "train", data, "-o", tmp_path / name, "--seed", seed, "--epochs", 2, "--no-repulsion", *QUICK
        )
        assert result.exit_code == 0, result.output
    energies = [package.load(tmp_path / name).evaluate(bulk("Si")).energy for name in "abc"]
    assert energies[0] == energies[1] != energies[2]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_ctrl_c_keeps_the_best_and_says_how_to_go_on(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "forgefield", "train", str(data), "-o", str(out), *QUICK]
    process = subprocess.Popen(
        [*command, "--epochs", "4000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    until = time.monotonic() + 90
    while not (out / "checkpoint.pt").exists() and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 130, text
    assert "The same command goes on from here." in text
    record = json.loads((out / "training.json").read_text())
    assert record["ending"] == "stopped"
    assert 0 < record["best_epoch"] < 4000
    assert package.load(out).species == ("Si",)
    assert (out / "checkpoint.pt").exists()


def test_an_interrupted_folder_takes_only_the_same_training(
    data: Path, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "fit.json").write_text(json.dumps({"training": "other", "settings": "other"}))
    (out / "checkpoint.pt").write_bytes(b"")
    result = forgefield("train", data, "-o", out, *QUICK)
    assert result.exit_code == 1
    assert "holds an interrupted training with other training and settings" in result.stderr
    (out / "fit.json").unlink()
    assert "is not empty, and holds no training" in forgefield("train", data, "-o", out).stderr


def test_settings_come_from_a_file_and_the_command_line(
    data: Path, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        "potential: {cutoff: 4.0, n_radial: 4, l_max: 2, l_max_4body: 0, channels: 2, hidden: [6]}\n"
        "training: {epochs: 50, schedule: step}\nrepulsion: {outer: 1.5}\n"
    )
    result = forgefield(
        "train", data, "--settings", settings, "--set", "training.epochs=3", "--members", 2, "-o",
        tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert record["settings"]["training"]["epochs"] == 3
    assert record["settings"]["training"]["schedule"] == "step"
    assert record["potential"]["members"] == 2
    potential = package.load(tmp_path / "out")
    assert (potential.repulsion.inner, potential.repulsion.outer) == (0.75, 1.5)
    assert potential.evaluate(bulk("Si"), uncertainty=True).uncertainty is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--family", "density2"], "there is no potential family 'density2'; did you mean density?"),
        (["--set", "epochs"], "--set epochs is no assignment; write --set key=value"),
        (["--set", "training.epoch=3"], "there is no key training.epoch; known keys here: epochs"),
        (["--set", "potential.cutof=3"], "there is no key potential.cutof; known keys here: cutoff"),
        (["--set", "training.warm_up=0"], "training.warm_up = 0: Input should be greater than or equal to 1"),
        (["--set", "weights.cool=1"], "no group 'cool' in the data; groups: cold, hot"),
        (["--set", "repulsion.outer=1", "--set", "repulsion.inner=2"], "repulsion.inner 2.00 Å is not below"),
        (["--units", "cm"], "there are no units 'cm'; choose from: bohr-hartree, angstrom-ev"),
        (["--valid", "no.xyz"], "no structure file no.xyz"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    arguments: list[str], message: str, data: Path, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    result = forgefield("train", data, "-o", tmp_path / "out", "--epochs", 1, *QUICK, *arguments)
    assert result.exit_code == 1
    assert message in " ".join(result.stderr.split())


def test_data_without_labels_and_foreign_elements_are_refused(
    data: Path, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    ase.io.write(tmp_path / "bare.xyz", bulk("Si"))
    result = forgefield("train", tmp_path / "bare.xyz", "-o", tmp_path / "out")
    assert "none of the 1 structures in" in result.stderr
    assert "energy=" in result.stderr
    copper = [(Atoms("Cu", info={}), Labels(-1.0, np.zeros((1, 3)), None, "", "", 0.0))]
    write_extxyz(tmp_path / "cu.xyz", copper)
    result = forgefield("train", data, "--valid", tmp_path / "cu.xyz", "-o", tmp_path / "out", *QUICK)
    assert result.exit_code == 1
    assert "the validation data contain Cu, which the training data do not" in result.stderr
