"""One small run through the command line, and the commands that look at it."""

import json
import os
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
import psutil
import pytest
from ase import units
from ase.build import bulk

import forgefield as package
from forgefield.app.commands_run import again, default_folder
from forgefield.reference.ledger import Ledger


def plain(text: str) -> str:
    """Text without frames, with single spaces."""
    return " ".join(re.sub(r"[│┃─━┏┓┡┩└┘├┤┼╇┳]", " ", text).split())


def test_run_ends_with_a_verdict_and_says_where_things_are(
    finished_run: tuple[Path, Any], tiny_input: str
) -> None:
    folder, result = finished_run
    text = plain(result.stdout)
    assert folder.name == "si-run"
    assert "The run ended because" in text
    assert "force MAE, held out" in text
    assert "targets hold" in text
    assert f"Report: {folder / 'report.html'}" in text
    assert (folder / "potential" / "potential.json").exists()
    assert (folder / "input.yaml").read_text() == tiny_input
    log = result.stderr
    for step in ("00/structures", "00/label", "00/targets", "01/train", "01/hold-out", "01/verify"):
        assert f"{step}: done in" in log


def test_same_command_again_computes_nothing(
    finished_run: tuple[Path, Any], forgefield: Callable[..., Any]
) -> None:
    folder, _ = finished_run
    ledger = (folder / "ledger.jsonl").read_text()
    result = forgefield("run", folder.parent / "si.yaml")
    assert result.exit_code == 0, result.output
    assert (folder / "ledger.jsonl").read_text() == ledger
    assert "done in" not in result.stderr


def test_status_of_a_finished_run(finished_run: tuple[Path, Any], forgefield: Callable[..., Any]) -> None:
    folder, _ = finished_run
    result = forgefield("status", folder)
    assert result.exit_code == 0, result.output
    text = plain(result.stdout)
    assert "state finished" in text
    assert "cycle 1 of at most 1" in text
    content = json.loads(forgefield("status", folder, "--json").stdout)
    assert content["finished"] is True
    assert content["running"] is False
    lines = (folder / "ledger.jsonl").read_text().splitlines()
    assert content["labels"] == content["calculations"] == len(lines)
    assert content["budget_left"] == 300 - len(lines)
    assert content["core_seconds"] == pytest.approx(sum(json.loads(line)["seconds"] for line in lines))
    assert content["forecast"] == 0.0
    assert content["errors"][0]["force_mae"] > 0
    assert content["verdict"]["rows"]


def test_export_and_evaluate_agree_with_ase(
    finished_run: tuple[Path, Any], tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    folder, _ = finished_run
    result = forgefield("export", folder, "--format", "xyz", "--output", tmp_path / "all.xyz")
    assert result.exit_code == 0, result.output
    frames = ase.io.read(tmp_path / "all.xyz", ":")
    assert len(frames) == len((folder / "ledger.jsonl").read_text().splitlines())
    exported = forgefield("export", folder, "--format", "potential", "-o", tmp_path / "mine")
    assert exported.exit_code == 0, exported.output

    calculator = package.load(tmp_path / "mine").calculator()
    energy, force, stress = [], [], []
    for atoms in frames:
        mine = atoms.copy()
        mine.calc = calculator
        energy.append(1000 * (mine.get_potential_energy() - atoms.get_potential_energy()) / len(atoms))
        force.append((mine.get_forces() - atoms.get_forces()).ravel())
        if "stress" in atoms.calc.results:
            stress.append((mine.get_stress() - atoms.get_stress()) / units.GPa)
    forces, stresses = np.concatenate(force), np.concatenate(stress)
    evaluated = forgefield("evaluate", tmp_path / "mine", tmp_path / "all.xyz")
    assert evaluated.exit_code == 0, evaluated.output
    rows = {line.split()[0]: line.split()[1:] for line in _rows(evaluated.stdout)}
    assert {"all", "strain", "rattle", "hold-out", "isolated-atom"} <= set(rows)
    assert rows["all"] == [
        str(len(frames)),
        str(sum(map(len, frames))),
        f"{np.abs(energy).mean():.2f}",
        f"{np.sqrt(np.mean(np.square(energy))):.2f}",
        f"{np.abs(forces).mean():.4f}",
        f"{np.sqrt(np.mean(forces**2)):.4f}",
        f"{np.abs(stresses).mean():.3f}",
        f"{np.sqrt(np.mean(stresses**2)):.3f}",
    ]
    assert int(rows["all"][0]) == sum(
        int(row[0]) for name, row in rows.items() if row[0].isdigit() and name != "all"
    )


def test_evaluate_groups_by_any_entry(
    finished_run: tuple[Path, Any], tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    folder, _ = finished_run
    forgefield("export", folder, "--format", "xyz", "--output", tmp_path / "all.xyz")
    result = forgefield("evaluate", folder, tmp_path / "all.xyz", "--group-by", "cycle")
    assert {line.split()[0] for line in _rows(result.stdout)} >= {"0", "1", "all"}


def test_evaluate_needs_labels_and_known_elements(
    finished_run: tuple[Path, Any], tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    folder, _ = finished_run
    ase.io.write(tmp_path / "bare.xyz", bulk("Si"))
    bare = forgefield("evaluate", folder, tmp_path / "bare.xyz")
    assert bare.exit_code == 1
    assert "none of the 1 structures" in bare.stderr
    assert "energy=" in bare.stderr
    missing = forgefield("evaluate", folder, tmp_path / "no.xyz")
    assert missing.exit_code == 1
    assert "no structure file" in missing.stderr
    none = forgefield("evaluate", tmp_path, tmp_path / "bare.xyz")
    assert none.exit_code == 1
    assert "there is no potential in" in none.stderr
    (tmp_path / "cu.xyz").write_text(
        '1\nProperties=species:S:1:pos:R:3:forces:R:3 energy=1.0 pbc="F F F"\nCu 0 0 0 0 0 0\n'
    )
    foreign = forgefield("evaluate", folder, tmp_path / "cu.xyz")
    assert foreign.exit_code == 1
    assert "contains Cu, but the potential knows only Si" in foreign.stderr


def test_exported_labels_repeat_a_run_without_the_reference(
    finished_run: tuple[Path, Any], tiny_input: str, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    folder, _ = finished_run
    labels = tmp_path / "labels.xyz"
    assert forgefield("export", folder, "--format", "xyz", "--output", labels).exit_code == 0
    (tmp_path / "si.yaml").write_text(tiny_input)
    repeated = forgefield("run", tmp_path / "si.yaml", "--labels", labels, "--workers", 1)
    assert repeated.exit_code == 0, repeated.output
    entries = Ledger(tmp_path / "si-run" / "ledger.jsonl").entries()
    computed = Ledger(folder / "ledger.jsonl").entries()
    assert {entry.key for entry in entries} == {entry.key for entry in computed}
    assert all(entry.seconds == 0.0 for entry in entries), "all of them were in the file"
    verdict = Path("verdict.json")
    assert (tmp_path / "si-run" / verdict).read_text() == (folder / verdict).read_text()
    strange = forgefield("run", tmp_path / "si.yaml", "--labels", folder / "input.yaml")
    assert strange.exit_code == 1
    assert "input.yaml" in strange.stderr


def test_export_explains_what_it_cannot_do(
    finished_run: tuple[Path, Any], tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    folder, _ = finished_run
    (tmp_path / "there.xyz").write_text("")
    cases = {
        (folder, "lammps", tmp_path / "x"): "format 'lammps' cannot be written; choose from: xyz",
        (folder, "xyz", tmp_path / "there.xyz"): "is there already",
        (tmp_path / "none", "xyz", tmp_path / "x"): "there is no folder",
        (tmp_path, "xyz", tmp_path / "x"): "holds no run",
        (tmp_path, "potential", tmp_path / "x"): "there is no potential in",
    }
    for (source, form, target), words in cases.items():
        result = forgefield("export", source, "--format", form, "--output", target)
        assert result.exit_code == 1, words
        assert words in result.stderr


def test_report_is_written_into_the_run(
    finished_run: tuple[Path, Any], forgefield: Callable[..., Any]
) -> None:
    folder, _ = finished_run
    result = forgefield("report", folder)
    assert result.exit_code == 0, result.output
    assert (folder / "report.html").stat().st_size > 1000
    assert forgefield("report", folder.parent).exit_code == 1


def test_changed_settings_need_another_folder(
    finished_run: tuple[Path, Any], tiny_input: str, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    folder, _ = finished_run
    (tmp_path / "si.yaml").write_text(tiny_input.replace("epochs: 30", "epochs: 31"))
    result = forgefield("run", tmp_path / "si.yaml", "--folder", folder)
    assert result.exit_code == 1
    assert "other settings of training" in result.stderr
    assert "--from STEP" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "explor"), "there is no step 'explor'"),
        (("--executor", "slurm"), "unknown executor 'slurm'; choose local, or name a profile"),
        (("--executor", "absent.yaml"), "there is no profile absent.yaml"),
    ],
)
def test_run_refuses_what_it_does_not_know(
    arguments: tuple[str, ...], words: str, tiny_input: str, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    (tmp_path / "si.yaml").write_text(tiny_input)
    result = forgefield("run", tmp_path / "si.yaml", *arguments)
    assert result.exit_code == 1
    assert words in result.stderr


def test_folder_and_command_to_go_on() -> None:
    assert default_folder(Path("a/si.yaml")) == Path("a/si-run")
    assert again(Path("my si.yaml"), None, None) == "forgefield run 'my si.yaml'"
    assert again(Path("si.yaml"), Path("x"), 3) == "forgefield run si.yaml --folder x --workers 3"


def test_control_c_stops_at_once_and_says_how_to_go_on(tiny_input: str, tmp_path: Path) -> None:
    (tmp_path / "slow_engine.py").write_text(
        "import time\nfrom ase.calculators.emt import EMT\n\n"
        "class Slow(EMT):\n"
        "    def calculate(self, *arguments, **settings):\n"
        "        time.sleep(600)\n"
    )
    text = tiny_input.replace("forgefield.reference.engines.classical.tersoff_silicon", "slow_engine.Slow")
    (tmp_path / "al.yaml").write_text(text.replace("Si", "Al").replace("[diamond, beta-tin]", "[fcc]"))
    run = subprocess.Popen(
        [sys.executable, "-m", "forgefield", "run", "al.yaml", "--workers", "1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert run.stderr is not None
    for line in run.stderr:
        if "00/label" in line:
            break
    deadline = time.monotonic() + 30
    parent = psutil.Process(run.pid)
    while len(family := parent.children(recursive=True)) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)
    run.send_signal(signal.SIGINT)
    _, rest = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "Stopped. What is computed is kept; go on with:\n  forgefield run al.yaml --workers 1" in rest
    assert "Traceback" not in rest
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def _rows(table: str) -> list[str]:
    lines = [re.sub(r"[│┃]", " ", line).strip() for line in table.splitlines() if re.match(r"[│┃]", line)]
    return [line for line in lines if line]
