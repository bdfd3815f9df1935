"""`forgefield dataset`: what is wrong, and whole again."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT

from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Labels
from forgefield.dataset.records import Record
from forgefield.dataset.store import Dataset


def test_check_and_repair(
    finished_run: tuple[Path, Any], tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    run = tmp_path / "si-run"
    shutil.copytree(finished_run[0], run)
    count = len(ase.io.read(run / "dataset.xyz", ":"))
    sound = forgefield("dataset", "check", run)
    assert sound.exit_code == 0, sound.output
    assert f"{count} sound labels in the database, {count} in the journal" in sound.stdout
    content = (run / "dataset.db").read_bytes()
    (run / "dataset.db").write_bytes(content[: len(content) // 2])
    broken = forgefield("dataset", "check", run / "dataset.db")
    assert broken.exit_code == 1
    assert "Damaged: the file" in broken.stdout
    assert "forgefield dataset repair" in broken.stderr
    repaired = forgefield("dataset", "repair", run)
    assert repaired.exit_code == 0, repaired.output
    assert f"holds {count} labels now" in repaired.stdout
    assert "lost" not in repaired.stdout
    assert (run / "dataset.db.damaged").read_bytes() == content[: len(content) // 2]
    again = forgefield("run", finished_run[0].parent / "si.yaml", "--folder", run, "--from", "1/train")
    assert again.exit_code == 0, again.output
    assert (run / "ledger.jsonl").read_text() == (finished_run[0] / "ledger.jsonl").read_text()


def test_labels_that_are_gone_for_good_are_named(
    finished_run: tuple[Path, Any], tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    run = tmp_path / "si-run"
    shutil.copytree(finished_run[0], run)
    (run / "dataset.db").unlink()
    journal = (run / "dataset.xyz").read_text().splitlines(keepends=True)
    (run / "dataset.xyz").write_text("".join(journal[int(journal[0]) + 2 :]))
    repaired = forgefield("dataset", "repair", run)
    assert repaired.exit_code == 0, repaired.output
    assert "1 labels of step 00/label are lost" in repaired.stdout
    nothing = forgefield("dataset", "check", tmp_path)
    assert nothing.exit_code == 1
    assert "there is no data set" in nothing.stderr


def test_forces_in_another_order_are_named_when_asked_for(
    tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    rng, records = np.random.default_rng(5), []
    for number in range(24):
        atoms = bulk("Cu", cubic=True)
        # So different that none has a neighbour to be compared with.
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.08 * rng.normal(size=(3, 3))), scale_atoms=True)
        atoms.positions += 0.15 * rng.normal(size=(4, 3))
        copy = atoms.copy()
        copy.calc = EMT()
        forces = np.roll(copy.get_forces(), number == 7, axis=0)
        labels = Labels(copy.get_potential_energy(), forces, copy.get_stress(), "emt", "r1", 0.0)
        records.append(Record(structure_key(atoms), atoms, labels, "files", "a", "", "label", 0, ""))
    Dataset(tmp_path / "dataset.db").add_all(records)
    plain = forgefield("dataset", "check", tmp_path / "dataset.db")
    assert plain.exit_code == 0, plain.output
    assert "Doubtful" not in plain.stdout
    found = forgefield("dataset", "check", tmp_path / "dataset.db", "--forces")
    assert found.exit_code == 0, found.output
    assert found.stdout.count("Doubtful") == 1
    assert f"Doubtful: structure {records[7].key}: its forces" in " ".join(found.stdout.split())
