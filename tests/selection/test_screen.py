"""The screen for overlaps and densities."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.data import covalent_radii

from forgefield.atoms.contacts import closest_contact
from forgefield.selection.screen import Limits, limits_from, screen


def _slab():
    slab = bulk("Si", cubic=True)
    slab.center(vacuum=5.0, axis=2)
    slab.pbc = True
    return slab


def test_closest_contact_counts_in_covalent_radii():
    water = molecule("H2O")
    contact = closest_contact(water, search=2.0)
    radii = covalent_radii[water.numbers]
    expected = min(water.get_distance(i, j) / (radii[i] + radii[j]) for i, j in [(0, 1), (0, 2), (1, 2)])
    assert contact.ratio == pytest.approx(expected)
    assert contact.distance == pytest.approx(water.get_distance(0, 1))
    assert 0 in contact.pair


def test_closest_contact_sees_images():
    contact = closest_contact(bulk("Si"), search=1.5)
    assert contact.distance == pytest.approx(5.43 * np.sqrt(3) / 4)
    alone = Atoms("Cu", cell=[1.5, 9, 9], pbc=True)
    assert closest_contact(alone, search=1.0).distance == pytest.approx(1.5)


def test_closest_contact_finds_nothing():
    assert closest_contact(Atoms("Cu", cell=[9, 9, 9], pbc=True)).ratio == np.inf
    assert closest_contact(Atoms()).ratio == np.inf
    # The search reaches as far as two large atoms; a pair of small ones beyond the ratio does not count.
    assert closest_contact(Atoms("H2Cs", positions=[[0, 0, 0], [2, 0, 0], [30, 0, 0]])).ratio == np.inf


def test_limits_come_from_the_known_densities():
    known = [bulk("Si", a=5.2), bulk("Si", a=5.6, cubic=True), molecule("Si2H6")]
    known.append(Atoms("Si", cell=[10, 10, 10], pbc=True))  # an isolated atom has no density
    known.append(_slab())  # nor has a slab
    limits = limits_from(known, min_distance_ratio=0.7, volume_window=1.25)
    assert limits.min_volume == pytest.approx(5.2**3 / 8 / 1.25)
    assert limits.max_volume == pytest.approx(5.6**3 / 8 * 1.25)
    assert limits.min_distance_ratio == 0.7
    assert limits_from(known[2:], 0.7, 1.25) == Limits(min_distance_ratio=0.7)


def test_the_vacuum_over_a_slab_is_no_low_density():
    limits = Limits(min_volume=10.0, max_volume=30.0)
    thin = bulk("Si", a=7.0, cubic=True)
    assert screen([_slab(), thin], limits).mask.tolist() == [True, False]


def test_screen_gives_reasons():
    broken = bulk("Si")
    broken.positions[0, 0] = np.nan
    candidates = [
        bulk("Si"),
        bulk("Si", a=4.0),
        Atoms("Si2", positions=[[0, 0, 0], [1, 0, 0]], cell=[6, 6, 6], pbc=True),
        molecule("Si2H6"),
        broken,
        Atoms(),
    ]
    screening = screen(candidates, Limits(min_distance_ratio=0.6, min_volume=10.0, max_volume=200.0))
    assert screening.mask.tolist() == [True, False, False, True, False, False]
    assert screening.reasons[0] == ""
    assert screening.reasons[1] == "8.00 Å³ per atom lies outside 10.00 to 200.00"
    assert screening.reasons[2] == "Si0–Si1 at 1.00 Å, 0.45 of the covalent distance (limit 0.60)"
    assert screening.reasons[4] == "coordinates are not finite"
    assert screening.reasons[5] == "no atoms"


def test_a_cell_without_volume_is_refused():
    flat = Atoms("Si2", [[0, 0, 0], [0, 0, 2.3]], cell=[[3, 0, 0], [6, 0, 0], [0, 0, 5]], pbc=True)
    assert screen([flat], Limits(min_volume=5.0)).reasons == ("0.00 Å³ per atom lies outside 5.00 to inf",)


def test_screening_nothing():
    assert screen([], Limits()).mask.shape == (0,)
