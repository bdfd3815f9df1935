"""`forgefield evaluate --uncertainty`: what a potential expects of its errors, beside what they are."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from forgefield.potentials.fitting import fit
from forgefield.reference.engines.classical import stillinger_weber_silicon

SETTINGS = {
    "potential": {"cutoff": 4.5, "n_radial": 5, "l_max": 2},
    "repulsion": None,
    "training": {"validation_fraction": 1e-6},
}


def rattled(seed: int) -> Atoms:
    """Silicon, more or less disordered, with labels."""
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.02 + 0.02 * (seed % 8), seed=seed)
    atoms.calc = stillinger_weber_silicon()
    results = {
        "energy": atoms.get_potential_energy(),
        "forces": atoms.get_forces(),
        "stress": atoms.get_stress(),
    }
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Bayesian potential, and structures that it has not seen."""
    folder = tmp_path_factory.mktemp("evaluate")
    fit([rattled(seed) for seed in range(16)], "bayesian", settings=SETTINGS).potential.save(
        folder / "potential"
    )
    ase.io.write(folder / "test.xyz", [rattled(seed) for seed in range(100, 130)])
    return folder


def test_expected_and_actual_errors_stand_side_by_side(folder: Path, forgefield: Callable[..., Any]) -> None:
    result = forgefield("evaluate", folder / "potential", folder / "test.xyz", "--uncertainty")
    assert result.exit_code == 0, result.output
    rows = [
        [float(cell) for cell in line.split("│")[1:-1]]
        for line in result.stdout.partition("Force uncertainty")[2].splitlines()
        if re.match(r"│ +\d+ │", line)
    ]
    counts, expected, actual, ratios = np.array(rows).T
    assert counts.sum() == 30 * 8
    assert (np.diff(expected) >= 0).all()
    np.testing.assert_allclose(ratios, actual / expected, atol=0.02)
    assert np.average(expected**2, weights=counts) == pytest.approx(
        np.average(actual**2, weights=counts), rel=0.01
    )
    correlation = float(re.search(r"Ranks correlate by (\d\.\d+)", result.stdout)[1])
    assert correlation > 0.5


def test_a_potential_without_uncertainty_says_so(
    folder: Path, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    frames = [rattled(seed) for seed in range(6)]
    fit(frames, "nep", settings={"training": {"epochs": 1}}).potential.save(tmp_path / "nep")
    result = forgefield("evaluate", tmp_path / "nep", folder / "test.xyz", "--uncertainty")
    assert result.exit_code == 1
    assert "says nothing of its own uncertainty; leave out --uncertainty" in result.stderr
