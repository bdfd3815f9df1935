"""Lattice planes and cuts against textbooks and pymatgen's slabs."""

import numpy as np
import pytest
from ase.build import bulk, make_supercell
from ase.spacegroup import crystal

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import find_neighbours
from forgefield.properties.oriented_crystal import begun_at, distinct_planes, oriented

RUTILE = crystal(
    ["Ti", "O"], [(0, 0, 0), (0.3053, 0.3053, 0)], spacegroup=136, cellpar=[4.594, 4.594, 2.959, 90, 90, 90]
)
TITANIUM = bulk("Ti", "hcp", a=2.95, c=4.68)


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
@pytest.mark.parametrize(
    "atoms", [bulk("Cu"), bulk("Si", cubic=True), bulk("Fe", "bcc", a=2.87), TITANIUM, RUTILE]
)
@pytest.mark.parametrize("max_index", [1, 2])
def test_planes_are_those_of_pymatgen(atoms, max_index):
    surface = pytest.importorskip("pymatgen.core.surface")
    from pymatgen.io.ase import AseAtomsAdaptor
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    structure = SpacegroupAnalyzer(AseAtomsAdaptor.get_structure(atoms)).get_conventional_standard_structure()
    expected = surface.get_symmetrically_distinct_miller_indices(structure, max_index)
    found = distinct_planes(atoms, max_index)
    assert len(found) == len(expected)
    # Lattice planes of the same spacings, whatever representative stands for each family.
    spacings = [sorted(structure.lattice.d_hkl(plane) for plane in planes) for planes in (found, expected)]
    assert spacings[0] == pytest.approx(spacings[1])


@pytest.mark.parametrize(
    ("atoms", "plane", "area", "repeat", "cuts"),
    [
        (bulk("Cu", a=3.6), (1, 1, 1), np.sqrt(3) / 4 * 3.6**2, 3.6 / np.sqrt(3), [3.6 / np.sqrt(3)]),
        (bulk("Cu", a=3.6, cubic=True), (1, 0, 0), 3.6**2 / 2, 1.8, [1.8]),
        # Shuffle and glide.
        (
            bulk("Si", a=5.43),
            (1, 1, 1),
            np.sqrt(3) / 4 * 5.43**2,
            5.43 / np.sqrt(3),
            [np.sqrt(3) / 4 * 5.43, 5.43 / np.sqrt(48)],
        ),
        (bulk("Fe", "bcc", a=2.87), (1, 1, 0), 2.87**2 / np.sqrt(2), 2.87 / np.sqrt(2), [2.87 / np.sqrt(2)]),
        (TITANIUM, (0, 0, 1), np.sqrt(3) / 2 * 2.95**2, 4.68, [2.34]),
    ],
)
def test_planes_and_cuts_of_textbooks(atoms, plane, area, repeat, cuts):
    found = oriented(atoms, plane)
    assert found.area == pytest.approx(area)
    assert found.repeat == pytest.approx(repeat)
    assert [cut.width for cut in found.cuts] == pytest.approx(cuts)
    assert all(cut.equal_faces for cut in found.cuts)


def test_faces_of_polar_planes_differ():
    assert [cut.equal_faces for cut in oriented(bulk("NaCl", "rocksalt", a=5.6), (1, 1, 1)).cuts] == [False]
    assert [cut.equal_faces for cut in oriented(bulk("GaAs", "zincblende", a=5.65), (1, 1, 0)).cuts] == [True]
    # Rutile (110) between its two planes of oxygen alone.
    assert [cut.equal_faces for cut in oriented(RUTILE, (1, 1, 0)).cuts] == [True, False]


@pytest.mark.parametrize("plane", [(1, 0, 0), (1, 1, 1), (2, 1, 0), (0, 1, -1), (3, 1, 1)])
@pytest.mark.parametrize("atoms", [bulk("Si"), TITANIUM, RUTILE])
def test_laid_flat_it_is_the_same_crystal(atoms, plane):
    found = oriented(atoms, plane)
    for cut in found.cuts:
        begun = begun_at(found, cut)
        large = make_supercell(begun, np.diag([2, 2, 2]))
        shells = [
            np.sort(np.linalg.norm(find_neighbours(each, 4.5).vectors, axis=1)) for each in (atoms, large)
        ]
        assert np.repeat(shells[0], len(large) // len(atoms)) == pytest.approx(shells[1], abs=1e-6)
        heights = begun.positions[:, 2]
        assert heights.min() == pytest.approx(cut.width / 2, abs=1e-6)
        assert heights.max() == pytest.approx(found.repeat - cut.width / 2, abs=1e-6)


def test_magnetic_moments_stay():
    iron = bulk("Fe", "bcc", a=2.87, cubic=True)
    iron.set_initial_magnetic_moments([2.2, -2.2])
    assert sorted(oriented(iron, (1, 0, 0)).atoms.get_initial_magnetic_moments()) == [-2.2, 2.2]


def test_plane_without_indices_is_refused():
    with pytest.raises(ForgefieldError, match=r"plane \(0, 0, 0\) does not exist; give three indices"):
        oriented(bulk("Cu"), (0, 0, 0))
