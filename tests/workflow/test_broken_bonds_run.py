"""An element with slabs and defects among its structures: both reach the data, relaxed in part."""

from forgefield.dataset.store import Dataset
from forgefield.reference.recipe import Recipe
from forgefield.workflow.folder import RunFolder, StepName
from forgefield.workflow.loop import run

from .conftest import TINY, tiny


def test_slabs_and_defects_of_an_element_are_relaxed_in_part_and_labelled(tmp_path):
    spec = tiny(
        structures={
            **TINY["structures"],
            "slabs": {"thickness": 6.0, "vacuum": 8.0, "max_atoms": 8},
            "defects": {"max_atoms": 16},
        },
        exploration={"method": "on-the-fly", "trajectories": 1, "steps": 10, "temperatures": [300.0]},
        perturbation={"count": 12},
    )
    outcome = run(spec, tmp_path / "run", job="learn")
    folder = RunFolder(tmp_path / "run")
    summary = folder.manifest(StepName(0, "perturb")).summary
    assert summary["starts"] >= 6
    assert summary["by_source"]["slab"] >= 2
    assert summary["by_source"]["defect"] >= 2
    assert summary["labelled"] == sum(summary["by_source"].values()) <= 12
    assert outcome.calculations <= 60


def test_later_cycles_label_broken_bonds_where_the_trained_potential_puts_them(tmp_path):
    spec = tiny(
        structures={**TINY["structures"], "defects": {"max_atoms": 16, "interstitials": 0}},
        perturbation={"count": 2, "per_cycle": 2},
        targets={"force_mae": 1e-9},
        cycles={"max": 2},
    )
    run(spec, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    first, later = (folder.manifest(StepName(cycle, "perturb")) for cycle in (0, 1))
    assert 1 <= later.summary["labelled"] <= 2
    assert not set(later.keys) & set(first.keys)
    assert set(later.keys) <= set(folder.training_keys())
    recipe = Recipe.model_validate_json(folder.recipe.read_text()).key
    notes = [record.note for record in Dataset(folder.dataset).records(later.keys, recipe)]
    assert notes
    assert all("relaxed to 0.0" in note for note in notes)
    assert folder.manifest(StepName(2, "perturb")) is None, "the last potential is not explored with"
