import fcntl
import json
import os
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Failure, Labels
from forgefield.properties.stored import to_json
from forgefield.properties.verdict import Verdict, VerdictRow
from forgefield.reference.ledger import Ledger
from forgefield.workflow.folder import Manifest, RunFolder, StepName
from forgefield.workflow.spec import RunSpec
from forgefield.workflow.status import read_status
from forgefield.workflow.wording import one_line

SETTINGS = {
    "system": {"species": ["Si"]},
    "cycles": {"max": 4},
    "budget": {"calculations": 40},
    "exploration": {"method": "md"},
    "selection": {"per_cycle": 10},
    "hold_out": {"configurations": 6, "from_cycle": 2},
}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run of 10 initial labels (20 s), of which 2 failed, before its first training."""
    folder = RunFolder(tmp_path / "si-run")
    folder.path.mkdir()
    folder.spec.write_text(RunSpec.model_validate(SETTINGS).model_dump_json())
    _finish(folder, 0, "structures", 1.0, {"candidates": 10, "by_source": {"strain": 6, "rattle": 4}})
    ledger = Ledger(folder.ledger)
    for number in range(8):
        labels = Labels(-1.0, np.zeros((2, 3)), None, "recipe", "gpaw 26.7.0", seconds=3.0)
        ledger.record(f"key{number}", "00/label", "strain", labels)
    for number, seconds in ((8, 5.0), (9, 7.0)):
        failure = Failure("no convergence in 60 steps", "not-converged", "recipe", seconds, attempts=3)
        ledger.record(f"key{number}", "00/label", "rattle", failure, bulk("Si"))
    counts = {"requested": 10, "labelled": 8, "failed": 2, "reused": 0, "skipped": 0}
    _finish(folder, 0, "label", 20.0, counts)
    _finish(folder, 0, "targets", 4.0, {"structure": "diamond", "problems": []})
    return folder


def _finish(folder: RunFolder, cycle: int, step: str, seconds: float, summary: dict[str, object]) -> None:
    name = StepName(cycle, step)
    folder.finish(name, Manifest(str(name), seconds, {}, summary))


def _train_and_verify(folder: RunFolder, cycle: int, seconds: float, holds: bool = False) -> None:
    _finish(folder, cycle, "train", seconds, {"structures": 7, "force_rmse": 0.125})
    summary = {
        "energy_mae": 3.5 if cycle > 1 else None,
        "force_mae": 0.09 if cycle > 1 else None,
        "holds": holds,
        "held": 2,
        "judged": 5,
        "calculations": 10,
        "training_structures": 8,
    }
    _finish(folder, cycle, "verify", 2.0, summary)


def test_labels_costs_and_failures_come_from_the_ledger(run: RunFolder) -> None:
    status = read_status(run.path)
    assert (status.labels, status.calculations, status.budget, status.budget_left) == (8, 10, 40, 30)
    assert status.core_seconds == pytest.approx(8 * 3.0 + 12.0)
    (cost,) = status.costs
    assert (cost.step, cost.calculations, cost.failures, cost.core_seconds) == ("00/label", 10, 2, 36.0)
    (failure,) = status.failures
    assert (failure.kind, failure.count) == ("not-converged", 2)
    assert failure.reasons == ("no convergence in 60 steps",)


def test_a_structure_that_was_computed_at_last_is_no_failure(run: RunFolder) -> None:
    labels = Labels(-1.0, np.zeros((2, 3)), None, "recipe", "gpaw 26.7.0", seconds=3.0)
    Ledger(run.ledger).record("key9", "00/label", "rattle", labels)
    status = read_status(run.path)
    assert (status.labels, status.calculations, status.failures[0].count) == (9, 10, 1)


def test_steps_and_the_one_in_progress(run: RunFolder) -> None:
    run.step(StepName(1, "train")).mkdir(parents=True)
    status = read_status(run.path)
    assert [(step.name, step.seconds) for step in status.steps] == [
        ("00/structures", 1.0),
        ("00/label", 20.0),
        ("00/targets", 4.0),
    ]
    assert status.steps[0].result == "10 structures: 6 strain, 4 rattle"
    assert status.steps[1].result == "8 of 10 structures labelled, 2 failed"
    assert (status.current, status.cycle, status.cycles) == ("01/train", 1, 4)
    assert (status.running, status.finished) == (False, False)
    assert status.seconds == 25.0


def test_a_locked_run_is_running(run: RunFolder) -> None:
    with (run.path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert read_status(run.path).running
    assert not read_status(run.path).running


def test_reading_the_status_leaves_the_run_startable(run: RunFolder) -> None:
    (run.path / ".lock").touch()
    read_status(run.path)
    with (run.path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_forecast_is_unknown_before_the_first_training(run: RunFolder) -> None:
    assert read_status(run.path).forecast is None


def test_forecast_adds_up_what_is_left(run: RunFolder) -> None:
    _train_and_verify(run, 1, seconds=30.0)
    # 10 calculations took 20 s, 2 s each. The budget leaves 30: 6 for the test, 10 + 10 + 4 for three cycles.
    # Still to come: 3 trainings of 30 s, each with a verdict of 2 s; exploring has no known cost.
    expected = 3 * (30.0 + 2.0) + 2.0 * (6 + 10 + 10 + 4)
    assert read_status(run.path).forecast == pytest.approx(expected)


def test_forecast_takes_the_means_of_what_was_done(run: RunFolder) -> None:
    _train_and_verify(run, 1, seconds=30.0)
    _finish(run, 1, "explore", 12.0, {"trajectories": 4, "outcomes": {"uncertain": 4}, "frames": 40})
    _finish(run, 1, "select", 1.0, {"frames": 40, "chosen": 5})
    counts = {"requested": 5, "labelled": 5, "failed": 0, "reused": 0, "skipped": 0}
    _finish(run, 1, "label", 15.0, counts)
    _train_and_verify(run, 2, seconds=50.0)
    # The latest labels took 3 s each; the ledger knows of 10 calculations, so 30 are left.
    expected = 2 * (40.0 + 2.0) + 2 * (12.0 + 1.0) + 3.0 * (6 + 10 + 10)
    assert read_status(run.path).forecast == pytest.approx(expected)


def test_forecast_of_learning_on_the_fly(run: RunFolder) -> None:
    run.spec.write_text(RunSpec.model_validate({**SETTINGS, "exploration": {}}).model_dump_json())
    _train_and_verify(run, 1, seconds=30.0)
    # Nothing was learned yet: as many calculations as allowed, 2 s each; then as long as it took.
    trainings = 3 * (30.0 + 2.0)
    assert read_status(run.path).forecast == pytest.approx(trainings + 2.0 * (6 + 10 + 10 + 4))
    _finish(
        run,
        1,
        "explore",
        50.0,
        {"trajectories": 4, "outcomes": {"completed": 4}, "requests": 7, "steps": 900},
    )
    assert read_status(run.path).forecast == pytest.approx(trainings + 2.0 * 6 + 2 * 50.0)


def test_forecast_counts_perturbed_structures_that_are_relaxed_again(run: RunFolder) -> None:
    _train_and_verify(run, 1, seconds=30.0)
    _finish(run, 0, "perturb", 8.0, {"starts": 3, "samples": 9})
    # The budget leaves 30: 6 for the test, 10 + 4 and again 10 for two cycles that explore; two trainings follow.
    assert read_status(run.path).forecast == pytest.approx(2 * (30.0 + 2.0) + 2.0 * (6 + 10 + 4 + 10))


def test_errors_of_each_cycle(run: RunFolder) -> None:
    _train_and_verify(run, 1, 30.0)
    _train_and_verify(run, 2, 30.0)
    _finish(run, 3, "train", 30.0, {"structures": 20, "force_rmse": 0.1})
    first, second, third = read_status(run.path).errors
    assert (first.cycle, first.energy_mae, first.force_mae, first.force_rmse) == (1, None, None, 0.125)
    assert (second.energy_mae, second.force_mae, second.held, second.judged) == (3.5, 0.09, 2, 5)
    assert (second.training_structures, second.calculations) == (8, 10)
    assert (third.training_structures, third.force_rmse, third.judged) == (20, 0.1, None)


def test_a_run_that_holds_is_finished(run: RunFolder) -> None:
    _train_and_verify(run, 1, 30.0, holds=True)
    run.ending.write_text("every target holds after 1 trainings\n")
    row = VerdictRow("volume", 1.0, 20.1, 20.0, 0.5, "%", True, "Å³/atom")
    run.verdict.write_text(to_json(Verdict((row,), holds=True)))
    status = read_status(run.path)
    assert status.finished
    assert status.forecast == 0.0
    assert status.verdict == Verdict((row,), holds=True)


def test_a_run_without_an_ending_is_not_finished(run: RunFolder) -> None:
    _train_and_verify(run, 4, 30.0)
    assert not read_status(run.path).finished
    run.ending.write_text("cycles.max 4 trainings are done\n")
    assert read_status(run.path).finished


def test_last_change_is_the_youngest_file(run: RunFolder) -> None:
    os.utime(run.ledger, (4e9, 4e9))
    assert read_status(run.path).last_change == pytest.approx(4e9)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ForgefieldError, match=r"there is no folder .*nowhere; name a run folder, such as si-run"
    ):
        read_status(tmp_path / "nowhere")
    with pytest.raises(ForgefieldError, match=r"holds no run; a run folder holds spec\.json"):
        read_status(tmp_path)
    (tmp_path / "set-aside").mkdir()
    with pytest.raises(ForgefieldError, match="its steps were set aside; go on with: forgefield run"):
        read_status(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"system": {"element": "Si"}, "nonsense": 1})])
def test_damaged_settings_are_named(run: RunFolder, text: str) -> None:
    run.spec.write_text(text)
    with pytest.raises(ForgefieldError, match=r"spec\.json cannot be read as the settings of a run"):
        read_status(run.path)


def test_damaged_manifest_is_named(run: RunFolder) -> None:
    (run.step(StepName(0, "label")) / "manifest.json").write_text('{"step": ')
    with pytest.raises(ForgefieldError, match=r"manifest\.json is damaged .*delete it"):
        read_status(run.path)


def test_damaged_verdict_is_named(run: RunFolder) -> None:
    run.verdict.write_text("{}")
    with pytest.raises(ForgefieldError, match="stored Verdict"):
        read_status(run.path)


@pytest.mark.parametrize(
    ("step", "summary", "line"),
    [
        (
            "targets",
            {"structure": "diamond", "problems": ["phonons: no"]},
            "reference properties of diamond; phonons: no",
        ),
        (
            "label",
            {"requested": 9, "labelled": 5, "skipped": 4},
            "5 of 9 structures labelled, 4 left out for lack of budget",
        ),
        (
            "hold-out",
            {"label": {"requested": 6, "labelled": 6}},
            "6 of 6 structures labelled, never trained on",
        ),
        ("train", {"structures": 7, "force_rmse": 0.125}, "7 structures, validation force RMSE 0.125 eV/Å"),
        ("verify", {"held": 2, "judged": 5, "force_mae": 0.09}, "2 of 5 targets hold; force MAE 0.0900 eV/Å"),
        (
            "explore",
            {"trajectories": 2, "outcomes": {"uncertain": 2}, "frames": 9},
            "2 trajectories: 2 uncertain; 9 frames",
        ),
        ("select", {"frames": 9, "chosen": 3}, "3 of 9 frames chosen"),
        ("train", {}, "? structures"),
    ],
)
def test_one_line_on_each_step(step: str, summary: dict[str, object], line: str) -> None:
    assert one_line(step, summary) == line
