"""Labels that contradict those of near structures."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read

from forgefield.atoms.records import Labels
from forgefield.dataset.agreement import Agreement
from forgefield.reference.engines.classical import tersoff_silicon

EXAMPLES = Path(__file__).parents[2] / "examples"


def labels_of(atoms: Atoms, forces: np.ndarray | None = None, energy: float | None = None) -> Labels:
    results = atoms.calc.results
    return Labels(
        results["energy"] if energy is None else energy,
        results["forces"] if forces is None else forces,
        results.get("stress"),
        "recipe",
        "engine",
        1.0,
    )


@pytest.mark.parametrize(
    ("file", "found_out"),
    [("silicon/seed-2.xyz", 0.4), ("silicon/seed-3.xyz", 0.4), ("tio2/tio2.xyz", 0.2)],
)
def test_labels_of_density_functional_theory(file: str, found_out: float) -> None:
    """None of the labels is refused, but many are once their forces are in another order."""
    frames, rng = read(EXAMPLES / file, ":"), np.random.default_rng(5)
    agreement = Agreement()
    for atoms in frames:
        agreement.remember(atoms, labels_of(atoms))
    caught = 0
    for atoms in frames:
        assert agreement.contradiction(atoms, labels_of(atoms)) is None
        forces = rng.permutation(atoms.calc.results["forces"])
        caught += agreement.contradiction(atoms, labels_of(atoms, forces)) is not None
    assert caught > found_out * len(frames)


@pytest.fixture
def neighbours() -> list[Atoms]:
    """Rattled and slightly strained silicon, in cells of their own."""
    rng, frames = np.random.default_rng(0), []
    for _ in range(8):
        atoms = bulk("Si", cubic=True)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.uniform(-0.01, 0.01, (3, 3))), scale_atoms=True)
        atoms.rattle(0.1, rng=rng)
        atoms.translate(3 * rng.normal(size=3))
        atoms.wrap()
        atoms.calc = tersoff_silicon()
        atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
        frames.append(atoms)
    return frames


def test_what_is_wrong_with_labels(neighbours: list[Atoms]) -> None:
    agreement = Agreement()
    for atoms in neighbours[:-1]:
        assert agreement.contradiction(atoms, labels_of(atoms)) is None
        agreement.remember(atoms, labels_of(atoms))
    last = neighbours[-1]
    right = labels_of(last)
    assert agreement.contradiction(last, right) is None
    for wrong in (labels_of(last, forces=-right.forces), labels_of(last, energy=right.energy + 4.0)):
        assert "contradict" in (agreement.contradiction(last, wrong) or "")
    rng = np.random.default_rng(3)
    mixed = [labels_of(last, forces=rng.permutation(right.forces)) for _ in range(20)]
    assert sum(agreement.contradiction(last, each) is not None for each in mixed) >= 8


def test_nothing_is_said_without_neighbours(neighbours: list[Atoms]) -> None:
    agreement = Agreement()
    first, last = neighbours[0], neighbours[-1]
    wrong = labels_of(last, energy=1e3)
    assert agreement.contradiction(last, wrong) is None
    agreement.remember(first, labels_of(first))
    assert agreement.contradiction(last, wrong) is None, "one may be the wrong one itself"
    far = last.copy()
    far.rattle(2.0, seed=1)
    for atoms in neighbours[:-1]:
        agreement.remember(atoms, labels_of(atoms))
    assert agreement.contradiction(far, wrong) is None
