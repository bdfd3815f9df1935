"""Relaxation as a job of its own: reference forces below the tolerance, few calculations, no harm from failures."""

import time
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.io import read
from ase.optimize import BFGS

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import write_extxyz
from forgefield.reference.engines.classical import tersoff_silicon
from forgefield.structures.spec import StructuresSpec
from forgefield.workflow.folder import RunFolder, StepName
from forgefield.workflow.loop import run
from forgefield.workflow.spec import RunSpec

from .conftest import FAULTY, FAULTY_FOLDER, TERSOFF, CommandLine, contents, ledger_keys


def starts() -> list[Atoms]:
    found = []
    for seed in range(3):
        atoms = bulk("Si", cubic=True, a=5.4 + 0.05 * seed)
        atoms.rattle(0.1 + 0.05 * seed, seed=seed)
        found.append(atoms)
    return found


def relaxing(folder: Path, **groups) -> RunSpec:
    write_extxyz(folder / "starts.xyz", [(atoms, None) for atoms in starts()])
    common = {"system": {"species": ["Si"]}, "reference": {"engine": TERSOFF}}
    spec = RunSpec.model_validate({**common, **groups})
    return spec.model_copy(update={"structures": StructuresSpec.only((folder / "starts.xyz",))})


@pytest.mark.parametrize("cell", [False, True])
def test_structures_reach_minima_with_a_third_of_the_calculations(tmp_path, cell):
    outcome = run(relaxing(tmp_path, relaxation={"cell": cell}), tmp_path / "run", job="relax")
    assert outcome.reason == "3 of 3 structures are relaxed to 0.05 eV/Å"
    relaxed = read(RunFolder(tmp_path / "run").relaxed, ":")
    theirs = 0
    for start, found in zip(starts(), relaxed, strict=True):
        checked = Atoms(found, calculator=tersoff_silicon())
        forces = (FrechetCellFilter(checked) if cell else checked).get_forces()
        assert np.linalg.norm(forces, axis=1).max() <= 0.05
        start.calc = tersoff_silicon()
        with BFGS(FrechetCellFilter(start) if cell else start, logfile=None) as optimiser:
            optimiser.run(fmax=0.05)
        theirs += optimiser.nsteps + 1
        assert found.get_potential_energy() == pytest.approx(start.get_potential_energy(), abs=8e-3)
        assert found.info["outcome"] == "converged"
    assert outcome.calculations <= theirs / 3


def test_killed_and_resumed_it_calculates_the_same(tmp_path):
    write_extxyz(tmp_path / "starts.xyz", [(atoms, None) for atoms in starts()])
    line = CommandLine(tmp_path, {"system": {"species": ["Si"]}, "reference": {"engine": TERSOFF}}, "relax")
    files = str(tmp_path / "starts.xyz")
    started = time.monotonic()
    assert "3 of 3 structures are relaxed" in line.finish("whole", files)
    seconds = time.monotonic() - started
    for share in (0.6, 0.8):
        line.kill("killed", files, after=share * seconds)
    line.finish("killed", files)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    keys = ledger_keys(tmp_path / "killed")
    assert len(keys) == len(set(keys))
    relaxed = [RunFolder(tmp_path / each).relaxed.read_text() for each in ("whole", "killed")]
    assert relaxed[0] == relaxed[1]


def test_a_failed_calculation_ends_one_relaxation_only(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FAULTY_FOLDER))
    reference = {"engine": FAULTY, "parameters": {"fault": "error", "every": 5}}
    run(relaxing(tmp_path, reference=reference), tmp_path / "run", job="relax")
    folder = RunFolder(tmp_path / "run")
    ends = [each["outcome"] for each in folder.manifest(StepName(0, "relax")).summary["structures"]]
    assert "no labels" in ends
    assert "converged" in ends


def test_without_calculations_the_best_so_far_is_kept(tmp_path):
    outcome = run(relaxing(tmp_path, relaxation={"calculations": 2}), tmp_path / "run", job="relax")
    assert outcome.calculations == 6
    relaxed = read(RunFolder(tmp_path / "run").relaxed, ":")
    assert [each.info["outcome"] for each in relaxed] == ["out of calculations"] * 3
    for start, found in zip(starts(), relaxed, strict=True):
        start.calc = tersoff_silicon()
        assert found.get_potential_energy() <= start.get_potential_energy()


def test_what_cannot_start_is_named(tmp_path):
    crushed = bulk("Si", cubic=True, a=2.5)
    write_extxyz(tmp_path / "crushed.xyz", [(crushed, None)])
    spec = relaxing(tmp_path)
    spec = spec.model_copy(update={"structures": StructuresSpec.only((tmp_path / "crushed.xyz",))})
    with pytest.raises(ForgefieldError, match="covalent distance"):
        run(spec, tmp_path / "run", job="relax")
