"""A reference that fails costs the structures on which it fails, and nothing else."""

from pathlib import Path

import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.dataset.store import Dataset
from forgefield.reference.ledger import Ledger
from forgefield.reference.recipe import Recipe
from forgefield.report.build import build_report
from forgefield.workflow.folder import RunFolder, StepName
from forgefield.workflow.loop import run
from forgefield.workflow.status import read_status

from .conftest import FAULTY, FAULTY_FOLDER, contents, ledger_keys, tiny


@pytest.fixture(autouse=True)
def faulty_calculators_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FAULTY_FOLDER))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("not-converged", "not-converged"), ("error", "error"), ("hang", "time-limit"), ("nan", "not-finite")],
)
def test_a_failing_reference_never_stops_a_run_nor_enters_the_data(fault, kind, tmp_path):
    from faulty_calculators import is_struck

    reference = {
        "engine": FAULTY,
        "parameters": {"fault": fault, "every": 6, "remainder": 1, "seconds": 60.0},
        "time_limit": 3.0,
    }
    folder = tmp_path / "run"
    outcome = run(tiny(reference=reference), folder)
    assert outcome.verdict is not None
    recipe = Recipe.model_validate_json(RunFolder(folder).recipe.read_text())
    records = Dataset(RunFolder(folder).dataset).records(None, recipe.key)
    failures = Ledger(RunFolder(folder).ledger).failures()
    assert failures
    assert {entry.kind for entry in failures.values()} == {kind}
    assert records
    assert not any(is_struck(record.atoms, 6, 1, 0.0) for record in records)
    assert not failures.keys() & {record.key for record in records}
    assert len(list((folder / "quarantine").glob("*.extxyz"))) == len(failures)
    keys = ledger_keys(folder)
    assert len(keys) == len(set(keys)) == outcome.calculations
    # Going on neither tries them again nor counts them twice.
    before = contents(folder)
    assert run(tiny(reference=reference), folder).calculations == outcome.calculations
    assert contents(folder) == before
    page = build_report(folder).read_text()
    entry = next(iter(failures.values()))
    assert entry.key in page
    assert kind in page


def test_a_reference_that_always_fails_ends_the_run_with_its_reason(tmp_path: Path):
    reference = {"engine": FAULTY, "parameters": {"fault": "error", "every": 1}}
    with pytest.raises(
        ForgefieldError, match=r"none of the initial structures got labels; see .*ledger\.jsonl"
    ):
        run(tiny(reference=reference), tmp_path / "run")
    assert Ledger(tmp_path / "run" / "ledger.jsonl").failures()


def test_an_engine_that_mixes_up_its_forces_is_not_believed(tmp_path: Path):
    reference = {"engine": FAULTY, "parameters": {"fault": "unsorted", "every": 1}}
    folder = tmp_path / "run"
    for _ in range(2):
        with pytest.raises(ForgefieldError, match=r"energies and forces of .* contradict each other"):
            run(tiny(reference=reference), folder)
    ledger = Ledger(RunFolder(folder).ledger)
    assert {entry.kind for entry in ledger.failures().values()} == {"contradiction"}
    calculated = [entry.key for entry in ledger.entries() if entry.attempts]
    assert len(calculated) == len(set(calculated))


@pytest.mark.parametrize("method", ["md", "on-the-fly"])
def test_forces_that_are_mixed_up_now_and_then_are_taken_back(tmp_path: Path, method: str):
    from faulty_calculators import is_struck

    reference = {"engine": FAULTY, "parameters": {"fault": "unsorted", "every": 6, "remainder": 2}}
    spec = tiny(reference=reference, exploration={"method": method})
    folder = RunFolder(tmp_path / "run")
    outcome = run(spec, folder.path)
    recipe = Recipe.model_validate_json(folder.recipe.read_text())
    refused = Ledger(folder.ledger).contradicting(recipe.key)
    stored = {each.key: each for each in folder.labels.records(None, recipe.key)}
    struck = {key for key, each in stored.items() if is_struck(each.atoms, 6, 2, 0.0)}
    assert refused & struck, "none was taken back"
    assert refused & stored.keys() <= struck, "sound labels were taken back"
    assert not any(stored[key].labels.forces.any() for key in struck - refused)
    believed = folder.believed(recipe.key)
    assert {each.key for each in believed} == stored.keys() - refused
    assert len(list((folder.path / "quarantine").glob("*.extxyz"))) == len(refused)
    assert read_status(folder.path).calculations == outcome.calculations == len(stored.keys() | refused)
    assert sum(each.calculations for each in read_status(folder.path).costs) == outcome.calculations
    assert run(spec, folder.path).calculations == outcome.calculations


def test_the_budget_is_never_overspent(tmp_path: Path):
    small = {"calculations": 32}
    outcome = run(tiny(budget=small, cycles={"max": 6}), tmp_path / "run")
    structures, label = (
        RunFolder(tmp_path / "run").manifest(StepName(0, step)) for step in ("structures", "label")
    )
    assert label.summary["labelled"] == structures.summary["candidates"]
    assert outcome.calculations <= 32
    assert outcome.reason == "the budget of 32 calculations is spent"
    rows = {row.name: row for row in outcome.verdict.rows}
    assert rows["force MAE, held out"].deviation is not None


def test_two_processes_do_not_share_a_folder(tmp_path: Path):
    import fcntl

    folder = tmp_path / "run"
    folder.mkdir()
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ForgefieldError, match="another process is running in"):
            run(tiny(), folder)
