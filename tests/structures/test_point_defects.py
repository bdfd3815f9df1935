"""Point defects at sites that textbooks name."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from forgefield.atoms.neighbours import shortest_distance
from forgefield.atoms.records import Candidate
from forgefield.structures.compound_spec import DefectSpec
from forgefield.structures.point_defects import point_defects
from forgefield.structures.rattle import rattled

from .compound_cases import brookite, chalcopyrite, rutile


def test_salt_has_two_of_each() -> None:
    parent = Candidate(bulk("NaCl", "rocksalt", a=5.64), "file", "file/0")
    result = point_defects([parent], DefectSpec(max_atoms=64))
    kinds = {
        c.trajectory.removeprefix("defect/file/0/"): c.atoms.get_chemical_formula() for c in result.candidates
    }
    assert kinds == {
        "vacancy-0-Na": "Cl32Na31",
        "vacancy-1-Cl": "Cl31Na32",
        "antisite-0-Cl-on-Na": "Cl33Na31",
        "antisite-1-Na-on-Cl": "Cl31Na33",
        "interstitial-0-Cl": "Cl33Na32",
        "interstitial-0-Na": "Cl32Na33",
    }
    by_name = {c.trajectory.rsplit("/", 1)[1]: c for c in result.candidates}
    interstitial = by_name["interstitial-0-Na"].atoms
    assert shortest_distance(interstitial) == pytest.approx(np.sqrt(3) / 4 * 5.64, abs=1e-6)
    assert shortest_distance(by_name["vacancy-0-Na"].atoms) == pytest.approx(2.82, abs=1e-6)
    assert by_name["vacancy-0-Na"].note == "vacancy 0 Na in Na32Cl32 of file/0"
    assert by_name["vacancy-0-Na"].source == "defect"


def test_an_atom_on_its_way_is_half_way_into_the_hole() -> None:
    parent = Candidate(bulk("NaCl", "rocksalt", a=5.64), "file", "file/0")
    spec = DefectSpec(max_atoms=64, antisites=False, interstitials=0, hops=True)
    by_name = {c.trajectory.rsplit("/", 1)[1]: c.atoms for c in point_defects([parent], spec).candidates}
    assert set(by_name) == {"vacancy-0-Na", "hop-0-Na", "vacancy-1-Cl", "hop-1-Cl"}
    moved = by_name["hop-0-Na"]
    assert moved.get_chemical_formula() == "Cl32Na31"
    # Along [110] it passes between two anions, a quarter of the lattice constant off on either side.
    assert shortest_distance(moved) == pytest.approx(np.sqrt(2) / 4 * 5.64, abs=1e-6)
    lonely = point_defects([parent], spec.model_copy(update={"max_atoms": 2}))
    assert not any("hop" in c.trajectory for c in lonely.candidates)


def test_every_kind_of_site_has_its_vacancy() -> None:
    parents = [Candidate(chalcopyrite(), "file", "file/0"), Candidate(brookite(), "file", "file/1")]
    spec = DefectSpec(max_atoms=32, antisites=False, interstitials=0)
    names = [c.trajectory for c in point_defects(parents, spec).candidates]
    # Brookite has two kinds of oxygen.
    assert sorted(name.rsplit("-", 1)[1] for name in names[:3]) == ["Cu", "In", "Se"]
    assert sorted(name.rsplit("-", 1)[1] for name in names[3:]) == ["O", "O", "Ti"]


def test_a_crystal_that_is_not_quite_symmetric_has_no_more_kinds_of_sites() -> None:
    parent = Candidate(rattled(rutile(), 1e-3, np.random.default_rng(0)), "file", "file/0")
    names = [
        c.trajectory for c in point_defects([parent], DefectSpec(max_atoms=24, interstitials=1)).candidates
    ]
    kinds = ["vacancy-0", "vacancy-1", "antisite-0", "antisite-1", "interstitial-0", "interstitial-0"]
    assert ["-".join(name.rsplit("/", 1)[1].split("-")[:2]) for name in names] == kinds


def test_antisites_are_made_of_the_crystal_s_own_elements() -> None:
    parent = Candidate(chalcopyrite(), "file", "file/0")
    spec = DefectSpec(max_atoms=16, vacancies=False, interstitials=0)
    result = point_defects([parent], spec)
    assert len(result.candidates) == 6
    assert {frozenset(c.atoms.get_chemical_symbols()) for c in result.candidates} == {
        frozenset(("Cu", "In", "Se"))
    }


def test_what_does_not_fit_is_listed() -> None:
    result = point_defects([Candidate(brookite(), "file", "file/0")], DefectSpec(max_atoms=20))
    assert [str(note) for note in result.left_out] == [
        "defects of file/0: its primitive cell has 24 atoms, more than max_atoms 20"
    ]
    dense = DefectSpec(max_atoms=8, min_distance_ratio=1.0)
    result = point_defects([Candidate(bulk("Al", a=4.0), "file", "file/0")], dense)
    assert [str(note) for note in result.left_out] == [
        "interstitials of file/0: no void keeps atoms at 1 sums of covalent radii; lower min_distance_ratio"
    ]
    assert [c.atoms.get_chemical_formula() for c in result.candidates] == ["Al7"]
