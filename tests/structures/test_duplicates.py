"""One crystal in many guises, and different crystals that look alike."""

from __future__ import annotations

import time

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell, niggli_reduce
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.io.ase import AseAtomsAdaptor
from scipy.spatial.transform import Rotation

from forgefield.atoms.records import Candidate
from forgefield.structures.duplicates import remove_duplicates, twins
from forgefield.structures.prototypes import prototype
from forgefield.structures.random_search import random_crystals
from forgefield.structures.rattle import rattled
from forgefield.structures.strain import scaled_to_volume, strained


def _kept(*structures: Atoms) -> int:
    return len(remove_duplicates([Candidate(atoms, "test", "t") for atoms in structures]))


def _guise(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """The same crystal rotated or reflected, shifted, renumbered, and in another cell."""
    while True:
        matrix = rng.integers(-2, 3, size=(3, 3))
        if 1 <= round(np.linalg.det(matrix)) <= 3:
            break
    copy = make_supercell(atoms, matrix)
    rotation = Rotation.random(random_state=int(rng.integers(2**31))).as_matrix() * rng.choice([-1, 1])
    copy.set_cell(copy.cell.array @ rotation, scale_atoms=True)
    copy.positions += rng.uniform(-5, 5, size=3)
    copy = copy[rng.permutation(len(copy))]
    copy.wrap()
    niggli_reduce(copy)
    return copy


def _crystals() -> list[Atoms]:
    rng = np.random.default_rng(5)
    names = ["diamond", "hexagonal-diamond", "beta-tin", "fcc", "hcp", "bcc", "sc", "bc8"]
    crystals = [prototype("Si", name) for name in names]
    crystals += [rattled(bulk("Si", cubic=True), amplitude, rng) for amplitude in (0.03, 0.1, 0.2)]
    crystals += random_crystals("Si", 4, (2, 8), (15.0, 22.0), 1.8, rng)
    alloy = bulk("NaCl", "zincblende", a=5.6)
    crystals.append(alloy)
    return crystals


@pytest.mark.parametrize("number", range(16))
def test_guises_of_one_crystal_are_one(number: int) -> None:
    atoms = _crystals()[number]
    rng = np.random.default_rng(number)
    assert _kept(atoms, *(_guise(atoms, rng) for _ in range(4))) == 1


def test_different_crystals_stay() -> None:
    crystals = _crystals()
    assert _kept(*crystals) == len(crystals)


def test_small_differences_that_matter_stay() -> None:
    silicon = prototype("Si", "diamond")
    cube = bulk("Si", cubic=True)
    rng = np.random.default_rng(0)
    shear = np.zeros((3, 3))
    shear[0, 1] = shear[1, 0] = 0.01
    different = [
        silicon,
        scaled_to_volume(silicon, 1.01),
        scaled_to_volume(silicon, 0.99),
        strained(silicon, shear),
        rattled(cube, 0.02, rng),
        rattled(cube, 0.02, rng),
    ]
    assert _kept(*different) == len(different)
    swapped = bulk("NaCl", "rocksalt", a=5.6)
    assert _kept(swapped, bulk("NaCl", "zincblende", a=5.6), silicon) == 3
    slab = silicon.copy()
    slab.pbc = [True, True, False]
    assert _kept(silicon, slab) == 2
    magnetic = bulk("Fe")
    plain = prototype("Fe", "bcc")
    up, down = bulk("Fe", cubic=True), bulk("Fe", cubic=True)
    up.set_initial_magnetic_moments([2.3, 2.3])
    down.set_initial_magnetic_moments([2.3, -2.3])
    layers, stripes = (bulk("Fe", cubic=True) * (1, 1, 2) for _ in range(2))
    layers.set_initial_magnetic_moments([2.3, 2.3, -2.3, -2.3])
    stripes.set_initial_magnetic_moments([2.3, -2.3, 2.3, -2.3])
    assert _kept(magnetic, plain, up, down, layers, stripes, stripes * (1, 2, 1)) == 4


def test_molecules_and_free_atoms() -> None:
    dimer = Atoms("Si2", positions=[[0, 0, 0], [0, 0, 2.3]])
    turned = Atoms("Si2", positions=[[1, 1, 1], [1, 3.3, 1]])
    longer = Atoms("Si2", positions=[[0, 0, 0], [0, 0, 2.4]])
    single = Atoms("Si", cell=[10] * 3, pbc=True)
    moved = Atoms("Si", positions=[[5, 5, 5]], cell=[10] * 3, pbc=True)
    assert _kept(dimer, turned, longer, single, moved) == 3


def test_the_first_of_each_is_kept_in_order() -> None:
    names = ["fcc", "bcc", "fcc", "sc", "bcc"]
    candidates = [Candidate(prototype("Al", name), "test", str(i)) for i, name in enumerate(names)]
    assert [candidate.trajectory for candidate in remove_duplicates(candidates)] == ["0", "1", "3"]
    assert remove_duplicates([]) == []
    assert twins(candidates) == [None, None, 0, None, 1]
    assert twins([]) == []


def test_agrees_with_the_structure_matcher_of_pymatgen() -> None:
    rng = np.random.default_rng(11)
    crystals = _crystals()[:12]
    pool = crystals + [_guise(atoms, rng) for atoms in crystals[::2]]
    matcher = StructureMatcher(ltol=0.01, stol=0.003, angle_tol=0.5, scale=False)
    structures = [AseAtomsAdaptor.get_structure(atoms) for atoms in pool]
    groups = matcher.group_structures(structures)
    assert _kept(*pool) == len(groups) == len(crystals)


def test_hundreds_of_structures_take_seconds() -> None:
    rng = np.random.default_rng(0)
    cube = bulk("Si", cubic=True)
    pool = [rattled(cube, 0.1, rng) for _ in range(300)]
    start = time.perf_counter()
    assert _kept(*pool) == 300
    assert time.perf_counter() - start < 10.0
