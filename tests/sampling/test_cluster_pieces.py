"""What is linked, what is not, and how it is put together again."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, fcc100
from ase.data import covalent_radii

from forgefield.sampling.cluster_pieces import pieces, pulled_together

CARBON_OXYGEN = covalent_radii[6] + covalent_radii[8]


@pytest.mark.parametrize(("distance", "cutoff", "count"), [(1.99, 9.0, 1), (2.01, 9.0, 2), (1.99, 2.0, 2)])
def test_atoms_are_linked_within_reach_and_cutoff(distance, cutoff, count):
    atoms = Atoms("CO", [[0, 0, 0], [0, 0, distance * CARBON_OXYGEN]])
    assert len(set(pieces(atoms, 2.0, cutoff))) == count


def test_chains_hang_together():
    atoms = Atoms("H6", [[x, 0, 0] for x in (0.0, 1.0, 2.0, 9.0, 10.0, 3.0)])
    np.testing.assert_array_equal(pieces(atoms, 2.0, 1.1), [0, 0, 0, 1, 1, 0])


def test_pieces_are_put_to_the_largest_as_they_are():
    rng = np.random.default_rng(0)
    body, pair = rng.uniform(-0.5, 0.5, (8, 3)), np.array([[0.0, 0.0, 9.0], [0.0, 0.0, 10.0]])
    atoms = Atoms("H11", np.vstack([pair, body, [[-7.0, 0.0, 0.0]]]))
    assert len(set(pieces(atoms, 2.0, 1.5))) == 3
    whole = pulled_together(atoms, 2.0, 1.5)
    assert set(pieces(whole, 2.0, 1.5)) == {0}
    np.testing.assert_array_equal(whole.positions[2:10], body)
    np.testing.assert_allclose(np.diff(whole.positions[:2], axis=0), np.diff(pair, axis=0), atol=1e-12)
    nearest = whole.get_all_distances()[:2, 2:10].min()
    assert nearest == pytest.approx(0.8 * 4.0 * covalent_radii[1])
    np.testing.assert_array_equal(atoms.positions[:2], pair)


def test_slab_is_linked_across_its_cell_and_takes_its_atoms_back():
    slab = fcc100("Cu", (2, 2, 2), vacuum=15.0)
    assert set(pieces(slab, 1.1, 6.0)) == {0}
    add_adsorbate(slab, "Cu", 11.0, "hollow")
    assert sorted(np.bincount(pieces(slab, 1.1, 6.0))) == [1, 8]
    # Beyond the edge of the cell, where only an image is near.
    slab.positions[-1, :2] += 3.0 * slab.cell.array[0, :2]
    whole = pulled_together(slab, 1.1, 6.0)
    assert set(pieces(whole, 1.1, 6.0)) == {0}
    nearest = whole.get_distances(8, range(8), mic=True).min()
    assert nearest == pytest.approx(0.8 * 1.1 * 2 * covalent_radii[29])
