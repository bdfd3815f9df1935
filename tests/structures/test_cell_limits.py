"""Cells with too few, too many or the right number of atoms."""

from __future__ import annotations

import pytest
from ase import Atoms
from ase.build import bulk
from pydantic import ValidationError

from forgefield.atoms.records import Candidate
from forgefield.structures.cell_limits import cell_problem, repeated_if_small, room_problem
from forgefield.structures.compound_spec import CrystalSpec
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.strain import scaled_to_volume

from .compound_cases import TITANIA, rutile

SALT = bulk("NaCl", "rocksalt", a=5.64)


@pytest.mark.parametrize(
    ("atoms", "limits", "problem"),
    [
        (rutile(), CrystalSpec(), None),
        (rutile(), CrystalSpec(min_atoms=6, max_atoms=6, small_cells="drop"), None),
        (rutile(), CrystalSpec(max_atoms=5), "6 atoms, more than max_atoms 5"),
        (SALT, CrystalSpec(), None),
        (
            SALT,
            CrystalSpec(small_cells="drop"),
            "2 atoms, fewer than min_atoms 4; small_cells: repeat would keep it",
        ),
        (rutile(), CrystalSpec(min_atoms=7, max_atoms=11), "cannot be repeated to between 7 and 11 atoms"),
        # A cell of an element with one atom is as good as any other.
        (bulk("Al"), CrystalSpec(small_cells="drop"), None),
        (bulk("Al", cubic=True), CrystalSpec(min_atoms=1, max_atoms=3), "4 atoms, more than max_atoms 3"),
    ],
)
def test_what_is_wrong_with_a_cell(atoms: Atoms, limits: CrystalSpec, problem: str | None) -> None:
    assert cell_problem(atoms, limits) == problem


@pytest.mark.parametrize(
    "cell", [SALT, bulk("ZnO", "wurtzite", a=3.25), rutile()], ids=["salt", "ZnO", "rutile"]
)
@pytest.mark.parametrize("fewest", [3, 5, 9, 10, 14, 18, 29, 50])
def test_small_cells_are_repeated_within_the_limits(cell: Atoms, fewest: int) -> None:
    for most in (fewest + 5, 64):
        repeated = repeated_if_small(cell, CrystalSpec(min_atoms=fewest, max_atoms=most))
        assert fewest <= len(repeated) <= most
        assert len(remove_duplicates([Candidate(cell, "test", "0"), Candidate(repeated, "test", "1")])) == 1


def test_what_is_large_enough_and_what_is_an_element_stays() -> None:
    for atoms, limits in ((rutile(), CrystalSpec()), (bulk("Al"), CrystalSpec(min_atoms=8))):
        assert repeated_if_small(atoms, limits) == atoms


def test_atoms_need_room_and_fill_it() -> None:
    limits = CrystalSpec()
    assert room_problem(rutile(), TITANIA, limits) is None
    close = room_problem(scaled_to_volume(rutile(), 0.4), TITANIA, limits)
    assert close == "brings Ti4+ and Ti4+ to 2.18 Å of each other, closer than 2.56 Å"
    sparse = room_problem(scaled_to_volume(rutile(), 4.0), TITANIA, limits)
    assert sparse == "is sparse: atoms fill 15% of it, less than min_packing 20%"
    assert room_problem(scaled_to_volume(rutile(), 4.0), TITANIA, CrystalSpec(min_packing=0.1)) is None


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="min_atoms 8 is larger than max_atoms 4"):
        CrystalSpec(min_atoms=8, max_atoms=4)
