"""Learning on the fly within a run: fewer calculations, the same data after a kill, no harm from failures."""

import json
import time
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read

from forgefield.atoms.errors import ForgefieldError
from forgefield.dataset.store import Dataset
from forgefield.potentials.registry import load
from forgefield.reference.engines.classical import tersoff_silicon
from forgefield.reference.recipe import Recipe
from forgefield.report.build import build_report
from forgefield.workflow.folder import RunFolder, StepName
from forgefield.workflow.loop import run

from .conftest import FAULTY, FAULTY_FOLDER, TINY, CommandLine, contents, ledger_keys, tiny

EXPLORATION = {
    **TINY["exploration"],
    "method": "on-the-fly",
    "steps": 150,
    "temperatures": [600.0, 1500.0],
    "on_the_fly": {"target_error": 0.02},
}
LEARNING = StepName(0, "explore")


def learning(**groups: dict[str, Any]):
    return tiny(**{"exploration": EXPLORATION, "selection": {"per_cycle": 12}, **groups})


def asked(folder) -> list[dict[str, Any]]:
    return json.loads((RunFolder(folder).step(LEARNING) / "requests.json").read_text())


def test_what_is_learned_is_what_was_asked_for(tmp_path):
    outcome = run(learning(), tmp_path / "run", job="learn")
    folder = RunFolder(tmp_path / "run")
    manifest = folder.manifest(LEARNING)
    requests = asked(folder.path)
    assert 0 < len(requests) <= 12
    assert manifest.summary["requests"] == len(requests)
    assert set(manifest.keys) == {each["key"] for each in requests}
    assert manifest.summary["bypassed"] > 0.9
    assert outcome.verdict is None
    for each in requests:
        assert each["uncertainty"] > each["threshold"] > 0.0
        assert each["error"] is not None
    potential = load(folder.potential)
    atoms = bulk("Si", cubic=True, a=5.432)
    atoms.rattle(0.05, seed=1)
    found = potential.evaluate(atoms, uncertainty=True)
    atoms.calc = tersoff_silicon()
    error = np.abs(found.forces - atoms.get_forces())
    assert error.max() < 0.15
    assert error.max() < 5 * found.uncertainty.forces.max() * manifest.summary["scale"]


def test_a_whole_run_learns_before_it_trains(tmp_path):
    outcome = run(learning(), tmp_path / "run")
    done = [str(name) for name, _ in RunFolder(tmp_path / "run").finished()]
    assert done == [
        "00/structures", "00/label", "00/targets", "00/explore",
        "01/train", "01/hold-out", "01/verify", "01/explore", "02/train", "02/verify",
    ]  # fmt: skip
    assert outcome.reason == "cycles.max 2 trainings are done"
    page = build_report(outcome.folder).read_text()
    assert "What the potential asked for while it moved" in page
    assert "expected normalised calibration error" in page
    assert "which had no part in training or calibration" in page
    assert RunFolder(outcome.folder).manifest(StepName(1, "train")).summary["distilled"] > 60
    assert outcome.calculations <= 60


def test_killed_and_resumed_it_learns_the_same_to_the_bit(tmp_path):
    content = {**TINY, "exploration": EXPLORATION, "selection": {"per_cycle": 12}}
    line = CommandLine(tmp_path, content, "learn")
    started = time.monotonic()
    line.finish("whole")
    seconds = time.monotonic() - started
    rng = np.random.default_rng(4)
    for _ in range(3):
        line.kill("killed", after=float(rng.uniform(0.3, 0.9)) * seconds)
    line.finish("killed")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert contents(killed) == contents(whole)
    assert asked(killed) == asked(whole)
    keys = ledger_keys(killed)
    assert len(keys) == len(set(keys))
    said = [load(RunFolder(each).potential).evaluate(bulk("Si", a=5.3), True) for each in (whole, killed)]
    assert said[0].energy == said[1].energy
    np.testing.assert_array_equal(said[0].uncertainty.forces, said[1].uncertainty.forces)


def test_calculations_that_fail_do_not_stop_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FAULTY_FOLDER))
    reference = {"engine": FAULTY, "parameters": {"fault": "error", "every": 3}}
    run(learning(reference=reference), tmp_path / "run", job="learn")
    requests = asked(tmp_path / "run")
    failed = [each for each in requests if each["error"] is None]
    assert failed, "the fault struck none of what was asked for"
    assert len(failed) < len(requests)
    keys = set(RunFolder(tmp_path / "run").manifest(LEARNING).keys)
    assert keys.isdisjoint(each["key"] for each in failed)


def test_large_cells_wait_for_what_small_ones_learn(tmp_path):
    grown = {**EXPLORATION, "trajectories": 2, "grow_to": 64}
    run(
        learning(exploration=grown, surrogate={"kernel": "linear"}, selection={"per_cycle": 60}),
        tmp_path / "run",
        job="learn",
    )
    folder = RunFolder(tmp_path / "run")
    assert folder.manifest(LEARNING).summary["outcomes"] == {"completed": 4}
    sizes = [64 if each["trajectory"].endswith("-64-atoms") else 8 for each in asked(folder.path)]
    assert sizes == sorted(sizes)
    assert set(sizes) == {8, 64}
    recipe = Recipe.model_validate_json(folder.recipe.read_text())
    records = Dataset(folder.dataset).records(folder.manifest(LEARNING).keys, recipe.key)
    assert [len(record.atoms) for record in records] == sizes
    assert {len(atoms) for atoms in read(folder.step(LEARNING) / "frames.xyz", ":")} == {8, 64}


def test_the_budget_is_kept(tmp_path):
    outcome = run(learning(budget={"calculations": 20}), tmp_path / "run", job="learn")
    assert outcome.calculations <= 20
    assert outcome.reason == "the calculations are spent"


def test_without_any_labels_it_says_so(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FAULTY_FOLDER))
    reference = {"engine": FAULTY, "parameters": {"fault": "error", "every": 1}}
    with pytest.raises(ForgefieldError, match="none of the initial structures got labels"):
        run(learning(reference=reference), tmp_path / "run", job="learn")
