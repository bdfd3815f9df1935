"""Pair lists where mistakes hide, beside ASE and vesin, and Verlet lists that must never miss a pair."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from numba import config, get_num_threads, set_num_threads
from vesin import NeighborList

from forgefield.atoms.contacts import closest_contact
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import with_vectors
from forgefield.atoms.pair_list import VerletList, find_pairs


def sorted_rows(i, j, vectors):
    rows = np.column_stack([i, j, np.round(vectors, 5) + 0.0])
    return rows[np.lexsort(rows.T[::-1])]


def ours(atoms, cutoff, pairs=None):
    found = with_vectors(find_pairs(atoms, cutoff) if pairs is None else pairs, atoms)
    near = (found.vectors**2).sum(axis=1) < cutoff**2
    return sorted_rows(found.centres[near], found.neighbours[near], found.vectors[near])


def of_ase(atoms, cutoff):
    return sorted_rows(*neighbor_list("ijD", atoms, cutoff))


def random_atoms(seed, pbc, n_atoms=12, size=5.0):
    rng = np.random.default_rng(seed)
    cell = np.eye(3) * size + rng.uniform(-0.35, 0.35, (3, 3)) * size
    return Atoms(
        numbers=np.ones(n_atoms), scaled_positions=rng.uniform(-2, 3, (n_atoms, 3)), cell=cell, pbc=pbc
    )


def uneven(n_atoms=10_000):
    """A dense drop, a thin gas and one atom far away, without periodicity."""
    rng = np.random.default_rng(3)
    drop = rng.normal(scale=9.0, size=(n_atoms // 2, 3))
    gas = rng.uniform(-300, 300, (n_atoms - len(drop) - 1, 3))
    return Atoms(numbers=np.ones(n_atoms), positions=np.vstack([drop, gas, [[4e5, -3e5, 1e6]]]))


@pytest.mark.parametrize("pbc", list(np.ndindex(2, 2, 2)), ids=str)
@pytest.mark.parametrize("cutoff", [1.5, 4.0, 9.0])
def test_random_skewed_cells_of_any_periodicity(pbc, cutoff):
    atoms = random_atoms(int(cutoff), np.array(pbc, dtype=bool))
    np.testing.assert_allclose(ours(atoms, cutoff), of_ase(atoms, cutoff), atol=3e-5)


@pytest.mark.parametrize(
    "atoms",
    [
        Atoms(),
        Atoms("Si"),
        Atoms("Si", cell=[2.1, 2.2, 2.3], pbc=True),
        Atoms("H4", [[0, 0, 0], [1, 0, 0], [0, 1.1, 0], [3, 3, 0]]),
        Atoms("H2", [[0, 0, 0], [0, 0, 0.7]], cell=[0, 0, 3], pbc=[False, False, True]),
        Atoms("H3", [[1e5, 0, 0], [1e5, 1, 0], [-1e5, 0, 0]]),
    ],
    ids=["empty", "one atom", "tiny cell", "coplanar molecule", "chain without width", "huge vacuum"],
)
def test_structures_of_few_atoms(atoms):
    # Four ångström is up to twice the tiny cell's edge, twelve is six times that.
    for cutoff in (4.0, 12.0):
        found = ours(atoms, cutoff)
        expected = of_ase(atoms, cutoff) if len(atoms) else np.empty((0, 5))
        assert len(found) == len(expected)
        np.testing.assert_allclose(found, expected, atol=3e-5)


@pytest.mark.parametrize("atoms", [uneven(), bulk("Cu", cubic=True) * 12], ids=["uneven", "crystal"])
def test_ten_thousand_atoms_beside_vesin(atoms):
    atoms.rattle(0.05, seed=1)
    i, j, vectors = NeighborList(cutoff=4.2, full_list=True).compute(
        points=atoms.positions, box=atoms.cell.array, periodic=atoms.pbc, quantities="ijD"
    )
    found = with_vectors(find_pairs(atoms, 4.2), atoms)
    np.testing.assert_array_equal(np.diff(found.offsets), np.bincount(i, minlength=len(atoms)))
    keys, sums = (np.sort(a * len(atoms) + b) for a, b in ((found.centres, found.neighbours), (i, j)))
    np.testing.assert_array_equal(keys, sums)
    lengths = [np.sort(np.linalg.norm(v, axis=1)) for v in (found.vectors, vectors)]
    np.testing.assert_allclose(*lengths, atol=1e-9)


def test_number_of_threads_changes_nothing():
    atoms = bulk("Si", cubic=True) * 4
    atoms.rattle(0.1, seed=2)
    before = get_num_threads()
    try:
        lists = []
        for threads in (1, config.NUMBA_NUM_THREADS):
            set_num_threads(threads)
            lists.append(find_pairs(atoms, 5.0))
    finally:
        set_num_threads(before)
    for name in ("offsets", "neighbours", "images", "shifts"):
        np.testing.assert_array_equal(getattr(lists[0], name), getattr(lists[1], name))


def test_wrong_input_is_refused():
    with pytest.raises(ForgefieldError, match=r"cutoff of -1\.0 Å finds no pairs; choose"):
        find_pairs(bulk("Si"), -1.0)
    with pytest.raises(ForgefieldError, match="span no volume; give vectors"):
        find_pairs(Atoms("H", cell=[[1, 0, 0], [0, 1, 0], [1, 1, 0]], pbc=True), 3.0)
    lost = bulk("Si")
    lost.positions[1, 2] = np.nan
    with pytest.raises(ForgefieldError, match=r"atom 1 of 2 is at .*nan.* time step"):
        find_pairs(lost, 3.0)
    lists = VerletList(3.0)
    lists.update(bulk("Si"))
    with pytest.raises(ForgefieldError, match="atom 1 of 2"):
        lists.update(lost)


def verlet_steps(rng, atoms, kind):
    """Motions that a list may have to survive, one step each."""
    velocities = rng.normal(scale=0.05, size=atoms.positions.shape) * (kind != "cell alone")
    for step in range(40):
        atoms.positions += velocities
        if kind == "strained":
            atoms.set_cell(atoms.cell @ (np.eye(3) + rng.normal(scale=0.003, size=(3, 3))), scale_atoms=True)
        elif kind == "wrapped" and step % 7 == 3:
            atoms.wrap()
        elif kind == "drifting":
            atoms.positions += [0.02, 0.0, -0.01]
        elif kind == "cell alone":
            atoms.set_cell(atoms.cell * (1 + 0.01 * rng.normal()))
        yield atoms


@pytest.mark.parametrize("kind", ["still", "strained", "wrapped", "drifting", "cell alone"])
@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False), (False, False, False)], ids=str)
def test_a_verlet_list_never_misses_a_pair(kind, pbc):
    rng = np.random.default_rng(11)
    atoms = random_atoms(5, pbc, n_atoms=40, size=7.5)
    lists = VerletList(3.7, skin=0.8)
    for moved in verlet_steps(rng, atoms, kind):
        np.testing.assert_allclose(ours(moved, 3.7, lists.update(moved)), of_ase(moved, 3.7), atol=3e-5)
    assert lists.builds < 30
    assert lists.builds > 1 or kind == "cell alone"


def test_a_verlet_list_is_kept_until_an_atom_has_moved_half_the_skin():
    atoms = bulk("Si", cubic=True)
    lists = VerletList(5.0, skin=1.0)
    first = lists.update(atoms)
    atoms.positions[3, 1] += 0.499
    assert lists.update(atoms) is first
    atoms.positions[3, 1] += 0.002
    assert lists.update(atoms) is not first
    assert lists.builds == 2


def test_a_verlet_list_survives_small_strain_and_yields_to_large():
    atoms = bulk("Si", cubic=True)
    lists = VerletList(5.0, skin=0.5)
    lists.update(atoms)
    atoms.set_cell(atoms.cell * 0.95, scale_atoms=True)
    lists.update(atoms)
    assert lists.builds == 1  # 5.5 Å shrink to 5.2
    atoms.set_cell(atoms.cell * 0.95, scale_atoms=True)
    lists.update(atoms)
    assert lists.builds == 2


def test_a_verlet_list_notices_other_structures():
    atoms = bulk("Si", cubic=True)
    lists = VerletList(5.0)
    for changed in (atoms, atoms * (2, 1, 1), bulk("Si", cubic=True), Atoms("Si"), Atoms()):
        np.testing.assert_array_equal(ours(changed, 5.0, lists.update(changed)), ours(changed, 5.0))
    layer = Atoms("Si", cell=[4, 4, 1], pbc=(True, True, False))
    lists.update(layer)
    layer.pbc = True
    assert len(ours(layer, 5.0, lists.update(layer))) == len(of_ase(layer, 5.0))


def test_the_closest_contact_is_that_of_all_distances():
    atoms = random_atoms(8, True)
    atoms.symbols[:] = ["H", "Si", "O"] * 4
    contact = closest_contact(atoms, search=3.0)
    i, j, d = neighbor_list("ijd", atoms, 8.0)
    radii = np.array([0.31, 1.11, 0.66] * 4)  # Cordero et al.
    ratios = d / (radii[i] + radii[j])
    assert contact.ratio == pytest.approx(ratios.min())
    assert set(contact.pair) == {i[ratios.argmin()], j[ratios.argmin()]}
    assert contact.distance == pytest.approx(d[ratios.argmin()])
    assert closest_contact(atoms, search=0.5 * contact.ratio).pair == (-1, -1)
    assert closest_contact(Atoms()).ratio == float("inf")
