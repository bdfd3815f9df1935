"""Types of crystals that mineralogists tell apart, and crystals that only look different."""

from __future__ import annotations

import time

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from forgefield.atoms.records import Candidate
from forgefield.structures.charge_balance import balanced_formulas
from forgefield.structures.compound_spec import CrystalSpec
from forgefield.structures.crystal_types import same_types
from forgefield.structures.decorated import decorated_prototypes
from forgefield.structures.duplicates import twins
from forgefield.structures.prototypes import prototype
from forgefield.structures.rattle import rattled
from forgefield.structures.strain import random_strain, scaled_to_volume, strained

from .compound_cases import TITANIA, anatase, brookite, chalcopyrite, rutile


def _candidates(*structures: Atoms) -> list[Candidate]:
    return [Candidate(atoms, "test", str(number)) for number, atoms in enumerate(structures)]


def _types(*structures: Atoms) -> list[int | None]:
    return same_types(_candidates(*structures))


def test_the_minerals_of_titania_differ() -> None:
    assert _types(rutile(), anatase(), brookite()) == [None, None, None]
    fluorite = bulk("TiO2", "fluorite", a=4.9)
    assert _types(fluorite, rutile(), anatase(), fluorite) == [None, None, None, 0]


@pytest.mark.parametrize("mineral", [rutile(), anatase(), brookite(), chalcopyrite()])
def test_a_mineral_stays_itself(mineral: Atoms) -> None:
    rng = np.random.default_rng(0)
    guises = [
        scaled_to_volume(mineral, 1.3),
        scaled_to_volume(mineral, 0.8),
        rattled(mineral, 0.05, rng),
        mineral.repeat((1, 2, 1)),
        rattled(scaled_to_volume(mineral.repeat((2, 1, 1)), 1.1), 0.03, rng),
        strained(mineral, random_strain(0.03, rng)),
        rattled(mineral.repeat((2, 1, 1)), 0.08, rng),
    ]
    assert _types(mineral, *guises) == [None, *[0] * len(guises)]
    # None of these is the same structure.
    others = [*guises[:3], *guises[4:]]
    assert twins(_candidates(mineral, *others)) == [None] * (len(others) + 1)


def test_crystals_of_one_composition_are_told_apart() -> None:
    salt, larger = (bulk("NaCl", "rocksalt", a=a) for a in (5.64, 6.2))
    others = [bulk("NaCl", "cesiumchloride", a=3.4), bulk("NaCl", "zincblende", a=6.1)]
    assert _types(salt, larger, *others, larger, bulk("KCl", "rocksalt", a=6.3)) == [
        None,
        0,
        None,
        None,
        0,
        None,
    ]


def test_elements_have_types_too() -> None:
    assert _types(bulk("Al"), bulk("Al", "bcc", a=3.2), bulk("Al", a=4.3, cubic=True)) == [None, None, 0]


def test_molecules_that_point_in_different_directions_are_not_taken_for_one() -> None:
    hydrogen = prototype("H", "alpha-nitrogen")
    aligned = bulk("H", "fcc", a=hydrogen.cell.lengths()[0])
    aligned += aligned
    aligned.set_scaled_positions([[0.948, 0.052, 0.948], [0.052, 0.948, 0.052]])
    assert _types(hydrogen, aligned) == [None, None]


def test_clusters_and_slabs_are_always_kept() -> None:
    water = molecule("H2O", vacuum=3.0)
    slab = rutile()
    slab.pbc = [True, True, False]
    assert _types(water, water, slab, rutile(), slab, rutile()) == [None, None, None, None, None, 3]
    assert same_types([]) == []


def test_hundred_and_fifty_crystals_take_seconds() -> None:
    prototypes = decorated_prototypes(balanced_formulas(TITANIA), CrystalSpec()).candidates
    rng = np.random.default_rng(0)
    pool = [rattled(prototypes[n % len(prototypes)].atoms, 0.05, rng) for n in range(150)]
    begun = time.perf_counter()
    types = _types(*pool)
    assert time.perf_counter() - begun < 10.0
    assert 10 < types.count(None) <= len(prototypes) + 5
