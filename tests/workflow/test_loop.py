"""The loop on a classical reference: it runs, resumes, restarts, and refuses what does not fit."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

import forgefield
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import read_structures
from forgefield.dataset.export import export_extxyz
from forgefield.dataset.store import Dataset
from forgefield.reference.recipe import Recipe
from forgefield.workflow.folder import RunFolder, StepName
from forgefield.workflow.loop import RunOutcome, run

from .conftest import contents, ledger_keys, tiny

# One run, used and at last changed by all tests of this file: they stay together and in order.
pytestmark = pytest.mark.xdist_group("loop")

ALL_STEPS = [
    "00/structures", "00/label", "00/targets",
    "01/train", "01/verify", "01/explore", "01/select", "01/label",
    "02/train", "02/hold-out", "02/verify",
]  # fmt: skip


class Listener:
    """Notes which steps began."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.notes: list[str] = []
        self.advances = 0

    def step(self, name: str, what: str) -> None:
        self.begun.append(name)

    def advance(self, done: int, total: int, what: str) -> None:
        assert 1 <= done <= total
        assert what
        self.advances += 1

    def finish(self, name: str, result: str, seconds: float) -> None:
        assert name == self.begun[-1]
        assert result

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunOutcome, Listener]:
    folder, listener = tmp_path_factory.mktemp("run") / "run", Listener()
    return folder, run(tiny(), folder, input_text="# as given\n", progress=listener), listener


def test_every_step_runs_in_order_and_leaves_its_manifest(finished):
    folder, outcome, listener = finished
    assert listener.begun == ALL_STEPS
    assert [str(name) for name, _ in RunFolder(folder).finished()] == ALL_STEPS
    assert listener.advances > 40
    assert outcome.reason == "cycles.max 2 trainings are done"
    manifest = RunFolder(folder).manifest(StepName(1, "train"))
    assert manifest.versions["reference"].startswith("ase:forgefield")
    assert RunFolder(folder).input.read_text() == "# as given\n"


def test_the_potential_comes_close_to_the_reference(finished):
    _, outcome, _ = finished
    rows = {row.name: row for row in outcome.verdict.rows}
    assert not outcome.verdict.holds
    assert rows["volume"].deviation < 4.0
    assert rows["bulk modulus"].deviation < 30.0
    assert rows["force MAE, held out"].deviation < 0.25
    assert [row.name for row in outcome.verdict.rows if row.name.startswith("C")] == ["C11", "C12", "C44"]


def test_held_out_structures_are_neither_trained_on_nor_chosen(finished):
    folder, _, _ = finished
    held_out = set(RunFolder(folder).manifest(StepName(2, "hold-out")).summary["keys"])
    assert len(held_out) == 4
    assert not held_out & set(RunFolder(folder).training_keys())


def test_targets_are_not_trained_on(finished):
    folder, _, _ = finished
    recipe = Recipe.model_validate_json(RunFolder(folder).recipe.read_text())
    records = Dataset(RunFolder(folder).dataset).records(None, recipe.key)
    trained = set(RunFolder(folder).training_keys())
    assert sum(record.source == "target" for record in records) >= 8
    assert not any(record.key in trained for record in records if record.source == "target")


def test_every_label_has_its_provenance_and_its_cost(finished):
    folder, outcome, _ = finished
    recipe = Recipe.model_validate_json(RunFolder(folder).recipe.read_text())
    records = Dataset(RunFolder(folder).dataset).records(None, recipe.key)
    keys = ledger_keys(folder)
    assert sorted(keys) == sorted(record.key for record in records)
    assert outcome.calculations == len(keys) <= 60
    assert {record.step for record in records} == {"00/label", "00/targets", "01/label", "02/hold-out"}
    explored = [record for record in records if record.step == "01/label"]
    assert explored
    assert all(record.parent and record.trajectory.startswith("cycle-01/") for record in explored)
    assert all(record.labels.seconds > 0 for record in records)


def test_the_potential_loads_from_the_run_folder(finished):
    folder, _, _ = finished
    atoms = bulk("Si", a=5.45)
    atoms.rattle(0.05, seed=1)
    atoms.calc = forgefield.load(folder).calculator()
    assert np.isfinite(atoms.get_potential_energy())
    assert atoms.get_forces().shape == (2, 3)


def test_the_data_set_exports_to_extended_xyz(finished, tmp_path):
    folder, _, _ = finished
    recipe = Recipe.model_validate_json(RunFolder(folder).recipe.read_text())
    records = Dataset(RunFolder(folder).dataset).records(RunFolder(folder).training_keys(), recipe.key)
    export_extxyz(records, tmp_path / "all.xyz")
    back = read_structures(tmp_path / "all.xyz")
    assert [atoms.get_potential_energy() for atoms in back] == [record.labels.energy for record in records]


def test_a_finished_run_has_nothing_left_to_do(finished):
    folder, outcome, _ = finished
    before, listener = contents(folder), Listener()
    again = run(tiny(), folder, progress=listener)
    assert listener.begun == []
    assert contents(folder) == before
    assert again.verdict == outcome.verdict


def test_a_run_of_an_earlier_version_goes_on_with_new_settings_at_their_defaults(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    written = json.loads(RunFolder(folder).spec.read_text())
    del written["relaxation"], written["exploration"]["grow_to"]
    RunFolder(folder).spec.write_text(json.dumps(written))
    listener = Listener()
    run(tiny(), folder, progress=listener)
    assert listener.begun == []


def test_other_settings_are_refused_by_name(finished):
    folder, _, _ = finished
    with pytest.raises(ForgefieldError, match=r"other settings of training; .*--from STEP"):
        run(tiny(training={"epochs": 5}), folder)
    with pytest.raises(ForgefieldError, match=r"there is no step 'exploer'; choose one of structures"):
        run(tiny(), folder, restart_from="exploer")
    with pytest.raises(ForgefieldError, match=r"step '7/train' was never begun"):
        run(tiny(), folder, restart_from="7/train")


def test_a_run_goes_on_from_an_earlier_step_with_changed_settings(finished, tmp_path):
    # Last in this file: it changes the finished run.
    folder, _, _ = finished
    before, keys = contents(folder), ledger_keys(folder)
    listener = Listener()
    changed = tiny(exploration={"steps": 60, "temperatures": [500.0]}, cycles={"max": 2})
    run(changed, folder, progress=listener, restart_from="explore")
    assert listener.begun == ["01/explore", "01/select", "01/label", "02/train", "02/hold-out", "02/verify"]
    after = contents(folder)
    assert before.items() <= after.items()
    assert len(set(ledger_keys(folder))) == len(ledger_keys(folder)) > len(keys)
    aside = folder / "set-aside" / "01"
    assert (aside / "cycle-01" / "explore" / "manifest.json").exists()
    assert (aside / "cycle-02" / "train" / "potential" / "weights.npz").exists()
    assert json.loads((aside / "spec.json").read_text())["exploration"]["steps"] == 40
    assert json.loads(RunFolder(folder).spec.read_text())["exploration"]["steps"] == 60
    trajectories = sorted((folder / "steps" / "cycle-01" / "explore").glob("trajectory-*.json"))
    assert [json.loads(path.read_text())["steps"] <= 60 for path in trajectories] == [True] * 3


def test_more_cycles_may_be_added_to_a_finished_run(finished):
    folder, _, _ = finished
    listener = Listener()
    changed = tiny(
        exploration={"steps": 60, "temperatures": [500.0]}, cycles={"max": 3}, budget={"calculations": 80}
    )
    outcome = run(changed, folder, progress=listener)
    assert listener.begun == ["02/explore", "02/select", "02/label", "03/train", "03/verify"]
    assert outcome.reason == "cycles.max 3 trainings are done"
