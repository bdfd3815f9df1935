"""An element with slabs and defects among its structures: both reach the data, relaxed in part."""

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
