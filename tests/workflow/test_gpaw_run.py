"""The loop on real DFT, as small as it can be: two silicon atoms and a coarse mesh."""

import pytest

from forgefield.dataset.store import Dataset
from forgefield.reference.recipe import Recipe
from forgefield.workflow.folder import RunFolder
from forgefield.workflow.loop import run

from .conftest import tiny

pytest.importorskip("gpaw", reason="needs GPAW, which `make setup` builds")


@pytest.mark.gpaw
def test_a_run_on_gpaw_from_two_atoms_to_a_verdict(tmp_path):
    spec = tiny(
        structures={
            "prototypes": ["diamond"],
            "strain": {"volume_count": 5, "small_count": 3, "large_count": 0},
            "rattle": {"count": 0},
            "random": {"count": 0},
            "isolated_atom": False,
            "max_atoms": 2,
        },
        reference={"engine": "gpaw", "k_spacing": 0.7, "cutoff": 200.0},
        exploration={"max_atoms": 2, "trajectories": 2, "steps": 20},
        selection={"per_cycle": 2},
        hold_out={"configurations": 2, "temperatures": [300.0], "max_atoms": 2, "steps": 20},
        targets={"elastic_constants": None, "phonon_rmse": None, "force_mae": 1e-6},
    )
    outcome = run(spec, tmp_path / "run")
    recipe = Recipe.model_validate_json(RunFolder(tmp_path / "run").recipe.read_text())
    records = Dataset(RunFolder(tmp_path / "run").dataset).records(None, recipe.key)
    assert recipe.parameters["cutoff"] == 200.0
    assert len(records) == outcome.calculations >= 14
    assert all(record.labels.engine.startswith("gpaw") for record in records)
    rows = {row.name: row for row in outcome.verdict.rows}
    # PBE silicon; the mesh is coarse, but not absurd.
    assert rows["volume"].reference == pytest.approx(20.4, rel=0.03)
    assert rows["bulk modulus"].reference == pytest.approx(89, rel=0.15)
