"""Shortest distances and seeds from labelled structures."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from forgefield.atoms.errors import ForgefieldError
from forgefield.selection.diversity_spec import DiversitySpec
from forgefield.selection.reference_bounds import reference_bounds, screen_by_reference, shortest_distances
from forgefield.selection.screen import Limits, limits_from
from forgefield.selection.seeds import seeds

SALT = bulk("NaCl", "rocksalt", a=5.64)
TIGHT = bulk("NaCl", "rocksalt", a=5.40)


def test_shortest_distances_of_crystals():
    given = shortest_distances([SALT, TIGHT], ("Cl", "Na"))
    like, unlike = 5.40 / np.sqrt(2), 2.70
    np.testing.assert_allclose(given, [[like, unlike], [unlike, like]])
    chlorine = shortest_distances([SALT, molecule("Cl2")], ("Cl", "Na", "Ti"))
    assert chlorine[0, 0] == pytest.approx(molecule("Cl2").get_distance(0, 1))
    assert np.isinf(chlorine[2]).all()
    assert np.isinf(shortest_distances([], ("Cl",))).all()
    with pytest.raises(ForgefieldError, match="element Na is not among"):
        shortest_distances([SALT], ("Cl",))


def test_bounds_loosen_from_cycle_to_cycle():
    spec = DiversitySpec(distance_ratio=0.9, distance_ratio_floor=0.8, loosening=0.5)
    limits = limits_from([SALT, TIGHT], 0.5, 1.3)
    like, unlike = 5.40 / np.sqrt(2), 2.70
    for cycle, ratio in ((1, 0.9), (2, 0.85), (50, 0.8)):
        bounds = reference_bounds([SALT, TIGHT], ("Cl", "Na"), limits, spec, cycle)
        np.testing.assert_allclose(bounds.shortest, ratio * np.array([[like, unlike], [unlike, like]]))
        assert bounds.limits == limits


def test_settings_go_before_the_data():
    spec = DiversitySpec(min_distances={"Cl-Na": 2.0, "Cl-Ti": 1.9, "O-O": 1.0})
    given = reference_bounds([SALT], ("Na", "Cl", "Ti"), Limits(), spec, 1).shortest
    np.testing.assert_array_equal(given, given.T)
    assert given[0, 1] == 2.0
    assert given[1, 2] == 1.9
    assert given[0, 2] == 0.0  # neither data nor settings
    assert given[0, 0] == pytest.approx(0.95 * 5.64 / np.sqrt(2))


def test_screening_gives_reasons():
    bounds = reference_bounds([SALT], ("Na", "Cl"), limits_from([SALT], 0.5, 1.3), DiversitySpec(), 1)
    pushed = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    pushed.positions[0] += 0.2 * (pushed.positions[1] - pushed.positions[0])
    crowded = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    crowded.positions[0] += 0.6 * (crowded.positions[1] - crowded.positions[0])
    slightly = bulk("NaCl", "rocksalt", a=5.50)
    screening = screen_by_reference(
        [SALT, pushed, crowded, slightly, bulk("NaCl", "rocksalt", a=7.0), Atoms()], bounds
    )
    assert screening.mask.tolist() == [True, False, False, True, False, False]
    assert screening.reasons[0] == screening.reasons[3] == ""
    assert screening.reasons[1] == "Na0–Cl1 at 2.26 Å (limit from the data 2.68)"
    assert screening.reasons[2] == "Na0–Cl1 at 1.13 Å, 0.42 of the covalent distance (limit 0.50)"
    assert "Å³ per atom lies outside" in screening.reasons[4]
    assert screening.reasons[5] == "no atoms"
    assert screen_by_reference([], bounds).mask.shape == (0,)


def test_the_worst_pair_is_named_by_its_share_of_its_own_limit():
    bounds = reference_bounds([SALT], ("Na", "Cl"), Limits(min_distance_ratio=0.1), DiversitySpec(), 1)
    # 0.90 of 2.82 Å for unlike ions, 0.85 of 3.99 Å for like ones: the latter is worse though longer.
    atoms = Atoms("NaClNaNa", [[0, 0, 0], [0.9 * 2.82, 0, 0], [0, 50, 0], [0, 50, 0.85 * 3.988]])
    assert screen_by_reference([atoms], bounds).reasons[0] == "Na2–Na3 at 3.39 Å (limit from the data 3.79)"


def test_pairs_unknown_to_the_data_are_bounded_by_covalent_radii_alone():
    bounds = reference_bounds([], ("Na", "Cl"), Limits(min_distance_ratio=0.6), DiversitySpec(), 1)
    pair = Atoms("NaCl", [[0, 0, 0], [1.7, 0, 0]])
    close = Atoms("NaCl", [[0, 0, 0], [1.4, 0, 0]])
    assert screen_by_reference([pair, close], bounds).mask.tolist() == [True, False]


def test_seeds_are_at_rest():
    forces = [
        np.array([[0.05, 0.05, 0.05], [0.0, 0.0, 0.0]]),
        np.array([[0.06, 0.06, 0.06]]),  # each component is small, their length is not
        np.array([[0.0, 0.0, -0.0999]]),
        np.array([[0.0, np.nan, 0.0]]),
        np.array([[0.0, 0.10, 0.0]]),
    ]
    assert seeds(forces).tolist() == [0, 2]
    assert seeds(forces, below=0.2).tolist() == [0, 1, 2, 4]
    assert seeds([]).tolist() == []
