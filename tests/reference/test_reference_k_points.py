import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from forgefield.atoms.vacuum import gaps, is_isolated_atom, plane_spacings
from forgefield.reference.k_points import KPointMesh, k_point_mesh, k_points


@pytest.mark.parametrize(
    ("atoms", "mesh"),
    [
        (bulk("Si", a=5.43, cubic=True), (3, 3, 3)),
        (bulk("Si", a=5.43), (6, 6, 6)),
        (bulk("Si", a=5.43) * (2, 2, 2), (3, 3, 3)),
        (bulk("Si", a=5.43, cubic=True) * (2, 1, 1), (2, 3, 3)),
        (Atoms("Si", cell=[10] * 3, pbc=True), (1, 1, 1)),
        (molecule("H2O", cell=[11, 12, 13], pbc=True), (1, 1, 1)),
        (molecule("H2O"), (1, 1, 1)),
        (fcc111("Al", (1, 1, 3), a=4.05, vacuum=5.0, periodic=True), (7, 7, 1)),
        (fcc111("Al", (1, 1, 3), a=4.05, vacuum=5.0), (7, 7, 1)),
        (Atoms("Al", cell=[2 * np.pi] * 3, pbc=[True, True, False]), (3, 3, 1)),
    ],
)
def test_k_point_mesh(atoms, mesh):
    assert k_point_mesh(atoms, 0.35) == mesh


def test_meshes_off_gamma_are_shifted_along_even_divisions():
    assert KPointMesh((1, 2, 3), "monkhorst-pack").shifts == (0.0, 0.5, 0.0)
    assert KPointMesh((4, 2, 2)).shifts == (0.0, 0.0, 0.0)
    atoms = bulk("Si", a=5.43, cubic=True) * (2, 1, 1)
    assert k_points(atoms, {"k_spacing": 0.35}) == KPointMesh((2, 3, 3))
    asked = k_points(atoms, {"k_spacing": 0.35, "k_mesh": "monkhorst-pack"})
    assert asked.shifts == (0.5, 0.0, 0.0)


@pytest.mark.parametrize("digit", [-1e-12, 0.0, 1e-12])
def test_a_half_way_cell_gets_one_mesh_whatever_its_last_digit(digit):
    atoms = Atoms("Al", cell=[2 * np.pi / 0.4 / 2.5 * (1 + digit), 5, 5], pbc=True)
    assert k_point_mesh(atoms, 0.40)[0] == 3


def test_gaps_look_across_the_boundary():
    atoms = Atoms("Al2", [[0.5, 0, 0], [19.5, 0, 0]], cell=[20, 4, 4], pbc=True)
    assert gaps(atoms) == pytest.approx([19.0, 4.0, 4.0])
    slanted = Atoms("Al", cell=[[4, 0, 0], [2, 3, 0], [0, 0, 9]], pbc=[True, True, False])
    assert plane_spacings(slanted) == pytest.approx([12 / np.sqrt(13), 3.0, 9.0])
    assert gaps(slanted)[2] == np.inf


def test_isolated_atom_is_told_from_a_crystal():
    assert is_isolated_atom(Atoms("Si"))
    assert is_isolated_atom(Atoms("Si", cell=[10] * 3, pbc=True))
    assert not is_isolated_atom(bulk("Al"))
    assert not is_isolated_atom(Atoms("Si2", [[0, 0, 0], [2, 0, 0]], cell=[10] * 3, pbc=True))
