"""The run folder, candidates on disk, executors and the system's own input."""

import os
import time
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
from ase.build import bulk
from pydantic import ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.workflow.candidates import read_candidates, write_candidates
from forgefield.workflow.executors import abandon, open_executor
from forgefield.workflow.folder import Manifest, RunFolder, StepName
from forgefield.workflow.spec import RunSpec
from forgefield.workflow.system import SystemSpec


def test_steps_are_ranked_as_the_run_goes():
    names = ["00/structures", "00/label", "00/targets", "01/train", "01/hold-out", "01/verify", "01/explore",
             "01/select", "01/label", "02/train"]  # fmt: skip
    steps = [StepName(int(name[:2]), name[3:]) for name in names]
    rng = np.random.default_rng(1)
    shuffled = [steps[i] for i in rng.permutation(len(steps))]
    assert [str(step) for step in sorted(shuffled, key=lambda step: step.rank)] == names


def test_a_step_is_done_when_its_manifest_is_there_and_not_before(tmp_path):
    folder, name = RunFolder(tmp_path), StepName(3, "train")
    folder.step(name).mkdir(parents=True)
    (folder.step(name) / "manifest.json.partial").write_text("{")
    assert folder.manifest(name) is None
    folder.finish(name, Manifest("03/train", 1.5, {"forgefield": "0"}, {"a": 1}, ("k1", "k2")))
    assert folder.manifest(name) == Manifest("03/train", 1.5, {"forgefield": "0"}, {"a": 1}, ("k1", "k2"))
    assert folder.training_keys() == ("k1", "k2")


def test_what_is_set_aside_is_kept_and_what_comes_before_stays(tmp_path):
    folder = RunFolder(tmp_path)
    for name in (StepName(0, "label"), StepName(1, "train"), StepName(1, "verify"), StepName(2, "train")):
        folder.finish(name, Manifest(str(name), 0.0, {}, {}, (str(name),)))
    assert folder.resolve_step("train") == StepName(2, "train")
    assert folder.resolve_step("1/train") == folder.resolve_step("01/train") == StepName(1, "train")
    aside = folder.set_aside(StepName(1, "verify"))
    assert [str(name) for name, _ in folder.finished()] == ["00/label", "01/train"]
    assert (aside / "cycle-02" / "train" / "manifest.json").exists()
    folder.finish(StepName(1, "verify"), Manifest("again", 0.0, {}))
    assert folder.set_aside(StepName(1, "verify")) == aside.with_name("02")


def test_candidates_come_back_with_their_keys_and_origins(tmp_path):
    atoms = bulk("Si", cubic=True)
    atoms.positions += np.random.default_rng(2).normal(scale=0.1, size=(8, 3))
    candidates = [
        Candidate(atoms, "nvt", "cycle-01/nvt-300K-01", "abc", "step 40, 312 K"),
        Candidate(bulk("Si"), "prototype", "prototype/diamond", "", "5"),
        Candidate(bulk("Si", a=5.5), "files", "007", "1234567890123456789e", "1 2"),
        Candidate(bulk("Si", a=5.6), "files", "T", "12345678901234567890", "_JSON is no note"),
    ]
    write_candidates(tmp_path / "c.xyz", candidates)
    back = read_candidates(tmp_path / "c.xyz")
    assert [structure_key(each.atoms) for each in back] == [structure_key(each.atoms) for each in candidates]
    for mine, theirs in zip(back, candidates, strict=True):
        assert (mine.source, mine.trajectory, mine.parent, mine.note) == (
            theirs.source, theirs.trajectory, theirs.parent, theirs.note,
        )  # fmt: skip
        np.testing.assert_array_equal(mine.atoms.positions, theirs.atoms.positions)
    write_candidates(tmp_path / "none.xyz", [])
    assert read_candidates(tmp_path / "none.xyz") == []
    assert read_candidates(tmp_path / "absent.xyz") == []


def test_executors_run_in_other_processes_and_can_be_abandoned():
    with open_executor(1) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()
        assert executor.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
    executor = open_executor(1)
    future = executor.submit(time.sleep, 60)
    while not future.running():
        time.sleep(0.01)
    started = time.monotonic()
    abandon(executor)
    assert time.monotonic() - started < 20
    with pytest.raises(BrokenProcessPool):
        future.result(timeout=5)
    with pytest.raises(ForgefieldError, match="0 workers"):
        open_executor(0)


@pytest.mark.parametrize(
    ("given", "symbols"),
    [
        ({"element": "Si"}, ("Si",)),
        ({"species": ["Ti4+", "O2-"]}, ("O", "Ti")),
        ({"species": [["In", 3], ["Se", -2]]}, ("In", "Se")),
        ({"species": ["H+", "Cl-"]}, ("Cl", "H")),
        ({"formula": "CuInSe2"}, ("Cu", "In", "Se")),
    ],
)
def test_a_system_is_given_in_any_of_three_ways(given, symbols):
    system = SystemSpec.model_validate(given)
    assert system.symbols == symbols
    assert SystemSpec.model_validate_json(system.model_dump_json()) == system


def test_oxidation_states_are_read():
    species = SystemSpec.model_validate({"species": ["Ti4+", "O2-", "Na+"]}).species
    assert [each.oxidation_state for each in species] == [4, -2, 1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "given by nothing; give exactly one"),
        ({"element": "Si", "formula": "SiC"}, "element and formula; give exactly one"),
        ({"species": "Si"}, r"species 'Si' is not a list; write \[Si\]"),
        ({"species": ["Ti4"]}, r"has a number but no sign; write Ti4\+ or Ti4-"),
        ({"species": ["4Ti"]}, "cannot be read"),
        ({"element": "Xx"}, "'Xx' is not a chemical element"),
        ({"formula": "Ti(O"}, "cannot be read; write it like"),
    ],
)
def test_a_system_that_is_not_understood_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        SystemSpec.model_validate(given)


def test_a_budget_below_the_test_set_is_refused():
    with pytest.raises(ValidationError, match=r"budget.calculations 10 does not even cover"):
        RunSpec.model_validate({"system": {"element": "Si"}, "budget": {"calculations": 10}})
