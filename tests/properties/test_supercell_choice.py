"""The smallest supercell that is long enough, with the crystal's symmetry."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.geometry import minkowski_reduce
from ase.spacegroup import crystal

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties.crystal import find_symmetry
from forgefield.properties.supercell_choice import choose_supercell


def rutile() -> Atoms:
    return crystal(
        ("Ti", "O"), [(0, 0, 0), (0.305, 0.305, 0)], spacegroup=136, cellpar=(4.63, 4.63, 2.97, 90, 90, 90)
    )  # fmt: skip


def shortest(atoms: Atoms) -> float:
    return float(np.linalg.norm(minkowski_reduce(atoms.cell.array)[0], axis=1).min())


def rotations(atoms: Atoms) -> int:
    return len(np.unique(np.round(find_symmetry(atoms, 1e-2).rotations, 6), axis=0))


@pytest.mark.parametrize(
    ("atoms", "length", "n_atoms"),
    [
        pytest.param(bulk("Si"), 7.0, 16, id="the repeated primitive cell where it is the smallest"),
        pytest.param(bulk("Si", cubic=True), 10.0, 64, id="repeated cubes"),
        pytest.param(bulk("Mg"), 9.0, 36, id="hexagons"),
        pytest.param(rutile(), 6.5, 24, id="diagonals of rutile's square: half of 2 × 2 × 2"),
    ],
)
def test_it_is_the_smallest_with_the_symmetry(atoms: Atoms, length: float, n_atoms: int) -> None:
    found = make_supercell(atoms, np.array(choose_supercell(atoms, length, 300)))
    assert len(found) == n_atoms
    assert shortest(found) >= length - 1e-6
    assert rotations(found) == rotations(atoms)
    assert np.linalg.det(found.cell.array) > 0


def test_a_crystal_without_symmetry_takes_the_most_compact_cell() -> None:
    atoms = Atoms(
        "LiHe", [[0, 0, 0], [1.3, 0.9, 0.4]], cell=[[3.0, 0, 0], [0.05, 3.1, 0], [0.2, 0.3, 12.0]], pbc=True
    )
    found = make_supercell(atoms, np.array(choose_supercell(atoms, 4.2, 100)))
    assert len(found) == len(atoms * (2, 1, 1))
    assert shortest(found) >= 4.2


def test_too_few_atoms_are_said() -> None:
    with pytest.raises(ForgefieldError, match="at most 40 atoms"):
        choose_supercell(rutile(), 9.0, 40)
