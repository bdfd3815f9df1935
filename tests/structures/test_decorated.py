"""Prototypes with ions on their sites: what is known to be among them is, and what makes no sense is not."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from pymatgen.analysis.structure_matcher import StructureMatcher

from forgefield.atoms.errors import ForgefieldError
from forgefield.structures.aflow import aflow_library
from forgefield.structures.charge_balance import BalancedFormula, balanced_formulas
from forgefield.structures.compound_spec import CrystalSpec
from forgefield.structures.contacts import contact_problem
from forgefield.structures.decorated import decorated_prototypes
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ions import Ion
from forgefield.structures.pymatgen_bridge import to_pymatgen
from forgefield.structures.source_result import SourceResult

from .compound_cases import (
    COPPER_INDIUM_SELENIDE,
    TITANIA,
    anatase,
    brookite,
    chalcopyrite,
    charge,
    rutile,
    space_group,
)

MAGNESIA = (Ion("Mg", 2), Ion("O", -2))


@pytest.fixture(scope="module")
def titania() -> SourceResult:
    return decorated_prototypes(balanced_formulas(TITANIA), CrystalSpec(max_atoms=24))


def test_the_library_is_complete() -> None:
    library = aflow_library()
    assert len(library) == 288
    assert sum(len(set(entry.atoms.symbols)) > 1 for entry in library) == 233


@pytest.mark.parametrize(
    ("reference", "group"),
    [(rutile(), 136), (anatase(), 141), (brookite(), 61)],
    ids=["rutile", "anatase", "brookite"],
)
def test_titania_is_found_in_its_three_minerals(titania: SourceResult, reference: Atoms, group: int) -> None:
    assert space_group(reference) == group
    matcher = StructureMatcher(ltol=0.02, stol=0.05, angle_tol=1, scale=False)
    matching = [
        candidate
        for candidate in titania.candidates
        if space_group(candidate.atoms) == group
        and matcher.fit(to_pymatgen(candidate.atoms), to_pymatgen(reference))
    ]
    assert len(matching) == 1
    assert matching[0] in titania.candidates[:3]
    assert "as measured" in matching[0].note


def test_all_are_neutral_distinct_and_have_room(titania: SourceResult) -> None:
    assert 25 <= len(titania.candidates) <= 40
    for candidate in titania.candidates:
        assert charge(candidate.atoms, TITANIA) == 0
        assert 4 <= len(candidate.atoms) <= 24
        assert contact_problem(candidate.atoms, TITANIA) is None
        assert candidate.source == "prototype"
        assert candidate.note
        assert 5.0 < candidate.atoms.get_volume() / len(candidate.atoms) < 30.0
    assert len({candidate.trajectory for candidate in titania.candidates}) == len(titania.candidates)
    assert len(remove_duplicates(titania.candidates)) == len(titania.candidates)


def test_what_is_left_out_is_listed(titania: SourceResult) -> None:
    notes = {note.name: note.reason for note in titania.left_out}
    assert not any(name.startswith("Fluorite") for name in notes)
    assert notes["Keatite (A2B_tP36_96_3b_ab) as TiO2"] == "36 atoms, more than max_atoms 24"
    close = [reason for name, reason in notes.items() if name.startswith("Pyrite")]
    assert len(close) == 1
    assert close[0].startswith("brings O2- and O2- to 1.9")


def test_small_cells_are_repeated_or_dropped() -> None:
    formulas = balanced_formulas(MAGNESIA)
    dropped = decorated_prototypes(formulas, CrystalSpec(max_atoms=8, small_cells="drop"))
    repeated = decorated_prototypes(formulas, CrystalSpec(max_atoms=8))
    assert min(len(candidate.atoms) for candidate in dropped.candidates) == 4
    assert min(len(candidate.atoms) for candidate in repeated.candidates) == 4
    rocksalt = [c for c in repeated.candidates if "Rock Salt" in c.note]
    assert [space_group(candidate.atoms) for candidate in rocksalt] == [225]
    assert not any("Rock Salt" in candidate.note for candidate in dropped.candidates)
    (reason,) = (note.reason for note in dropped.left_out if "Rock Salt" in note.name)
    assert reason == "2 atoms, fewer than min_atoms 4; small_cells: repeat would keep it"
    # Measured: 9.34 Å³/atom.
    assert rocksalt[0].atoms.get_volume() / len(rocksalt[0].atoms) == pytest.approx(9.34, rel=0.1)


def test_every_assignment_of_three_species_is_made() -> None:
    formulas = balanced_formulas(COPPER_INDIUM_SELENIDE, 4)
    result = decorated_prototypes(formulas, CrystalSpec(max_atoms=16))
    assert all(charge(candidate.atoms, COPPER_INDIUM_SELENIDE) == 0 for candidate in result.candidates)
    found = [c for c in result.candidates if space_group(c.atoms) == 122]
    # CuFeS2's parameter is 0.257: copper and indium may change places, and are then not the same crystal.
    assert len(found) == 2
    matcher = StructureMatcher(ltol=0.1, stol=0.1, angle_tol=3, scale=False)
    assert any(matcher.fit(to_pymatgen(c.atoms), to_pymatgen(chalcopyrite())) for c in found)


def test_metals_have_prototypes_too() -> None:
    alloy = BalancedFormula((Ion("Ni", 0), Ion("Al", 0)), (1, 1))
    result = decorated_prototypes((alloy,), CrystalSpec(max_atoms=4))
    (b2,) = [c for c in result.candidates if space_group(c.atoms) == 221]
    assert (b2.atoms.get_volume() / len(b2.atoms)) == pytest.approx(2.887**3 / 2, rel=0.15)


def test_a_formula_without_a_crystal_says_what_to_do() -> None:
    odd = BalancedFormula(COPPER_INDIUM_SELENIDE, (5, 1, 4))
    result = decorated_prototypes((odd,), CrystalSpec())
    assert result.candidates == ()
    (note,) = result.left_out
    assert str(note) == (
        "Cu5InSe4: no crystal of the AFLOW library with the proportions 1:4:5 remains; raise max_atoms or use "
        "another source, such as substitution or a database"
    )
    with pytest.raises(ForgefieldError, match=r"Ti9\+ is no known oxidation state"):
        decorated_prototypes((BalancedFormula((Ion("Ti", 9), Ion("O", -2)), (2, 9)),), CrystalSpec())


def test_contacts_are_judged_by_the_right_radii() -> None:
    pair = Atoms("OO", positions=np.array([[0, 0, 0], [1.9, 0, 0]]), cell=[12] * 3, pbc=True)
    assert contact_problem(pair, TITANIA) == "brings O2- and O2- to 1.90 Å of each other, closer than 2.02 Å"
    assert contact_problem(pair, (Ion("O", 0),)) is None
    pair.symbols[0] = "Ti"
    assert contact_problem(pair, TITANIA) is None
    pair.positions[1, 0] = 1.5
    assert contact_problem(pair, TITANIA) == "brings Ti4+ and O2- to 1.50 Å of each other, closer than 1.60 Å"
