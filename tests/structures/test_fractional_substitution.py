"""A share of one species replaced: how many orderings there are is known from counting and from Pólya."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from pymatgen.analysis.structure_matcher import StructureMatcher

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.atoms.site_symmetry import distinct_atoms, site_permutations
from forgefield.structures.compound_spec import FractionalSpec
from forgefield.structures.fractional_substitution import _distinct_orderings, fractional_substitutions
from forgefield.structures.ions import Ion
from forgefield.structures.pymatgen_bridge import to_pymatgen
from forgefield.structures.source_result import SourceResult

from .compound_cases import COPPER_INDIUM_SELENIDE, brookite, chalcopyrite, rutile


def _made(share: float, max_atoms: int, count: int = 50, seed: int = 0) -> SourceResult:
    parent = Candidate(chalcopyrite(), "file", "file/0")
    spec = FractionalSpec(replace="In3+", by="Tl3+", share=share, max_atoms=max_atoms, count=count)
    return fractional_substitutions([parent], COPPER_INDIUM_SELENIDE, spec, np.random.default_rng(seed))


def test_half_of_the_indium_becomes_thallium() -> None:
    result = _made(0.5, 8)
    (found,) = result.candidates
    assert found.atoms.get_chemical_formula("metal") == "Cu2InTlSe4"
    assert found.source == "fractional"
    assert found.trajectory == "fractional/file/0/In-Tl-0.5-000"
    assert found.parent == structure_key(chalcopyrite())
    assert found.note.startswith("Tl3+ on 1 of 2 In3+ sites, ordering 1 of 1, lengths × 1.0")
    # CuTlSe2 is larger: a = 5.84 Å instead of 5.78 Å.
    assert 1.0 < found.atoms.get_volume() / chalcopyrite().get_volume() < 1.04


def test_all_of_it_can_be_replaced() -> None:
    (found,) = _made(1.0, 8).candidates
    assert found.atoms.get_chemical_formula("metal") == "Cu2Tl2Se4"


@pytest.mark.parametrize(("size", "replaced", "orderings"), [(2, 1, 1), (2, 2, 3), (2, 4, 6), (3, 2, 3)])
def test_orderings_are_as_many_as_the_lattice_has(size: int, replaced: int, orderings: int) -> None:
    """Colourings of a cube's corners, and pairs on a torus of 27 sites, which differ by one, two or three steps."""
    cell = bulk("Po", "sc", a=3.0).repeat(size)
    places = _distinct_orderings(cell, np.arange(len(cell)), replaced, 1000, np.random.default_rng(0))
    assert len(places) == orderings


def test_orderings_agree_with_a_structure_matcher() -> None:
    cell = chalcopyrite().repeat((2, 1, 1))
    sites = np.flatnonzero(cell.symbols == "In")
    places = _distinct_orderings(cell, sites, 2, 1000, np.random.default_rng(0))
    every = []
    for i, first in enumerate(sites):
        for second in sites[i + 1 :]:
            atoms = cell.copy()
            atoms.symbols[[first, second]] = "Tl"
            every.append(to_pymatgen(atoms))
    groups = StructureMatcher(primitive_cell=False, scale=False, stol=0.05).group_structures(every)
    assert len(places) >= len(groups) > 1


def test_results_are_distinct_bounded_and_the_same_for_the_same_seed() -> None:
    first, again, other = (_made(0.3, 64, count=3, seed=seed) for seed in (1, 1, 2))
    assert len(first.candidates) == 3
    keys = [[structure_key(c.atoms) for c in result.candidates] for result in (first, again, other)]
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]
    for candidate in first.candidates:
        counts = candidate.atoms.symbols.formula.count()
        assert counts["Tl"] / (counts["Tl"] + counts["In"]) == pytest.approx(0.3, abs=0.02)
        assert len(candidate.atoms) <= 64


def test_many_orderings_are_drawn_not_listed() -> None:
    cell = bulk("Po", "sc", a=3.0).repeat(4)
    places = _distinct_orderings(cell, np.arange(64), 32, 4, np.random.default_rng(0))
    assert len(places) == 4
    assert all(len(set(place.tolist())) == 32 for place in places)


def test_a_share_that_does_not_come_out_is_listed() -> None:
    result = _made(0.1, 16)
    assert result.candidates == ()
    assert str(result.left_out[0]) == (
        "file/0 (Cu2In2Se4): no cell with at most 16 atoms lets Tl3+ take 10% of the In3+ sites; raise max_atoms "
        "or tolerance"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "Ga3+",
            "Tl3+",
            r"Ga3\+ cannot be replaced in a compound of Cu1\+, In3\+, Se2-; name one of",
        ),
        (
            "In3+",
            "Tl1+",
            r"Tl1\+ in the place of In3\+ would charge the crystal; name an ion of charge \+3",
        ),
        (
            "In3+",
            "Cu3+",
            r"Cu3\+ cannot take the place of In3\+: there is Cu in .* already; name another",
        ),
        ("In3+", "Tl9+", r"Tl9\+ is no known oxidation state of Tl"),
    ],
)
def test_impossible_replacements_are_refused(old: str, new: str, message: str) -> None:
    parent, spec = Candidate(chalcopyrite(), "file", "file/0"), FractionalSpec(replace=old, by=new)
    with pytest.raises(ForgefieldError, match=message):
        fractional_substitutions([parent], COPPER_INDIUM_SELENIDE, spec, np.random.default_rng(0))


def test_crystals_in_which_nothing_can_be_replaced_are_listed() -> None:
    mixed = chalcopyrite()
    mixed.symbols[mixed.symbols == "In"] = ["In", "Tl"]
    parents = [
        Candidate(mixed, "file", "file/0"),
        Candidate(bulk("CuSe", "rocksalt", a=5.2), "file", "file/1"),
    ]
    spec = FractionalSpec(replace="In3+", by="Tl3+")
    result = fractional_substitutions(parents, COPPER_INDIUM_SELENIDE, spec, np.random.default_rng(0))
    assert result.candidates == ()
    assert [str(note) for note in result.left_out] == [
        "file/0 (Cu2InTlSe4): contains Tl, not only Cu1+, In3+, Se2-",
        "file/1 (CuSe): lacks In",
    ]


def test_the_smallest_supercell_is_taken() -> None:
    # Of the cells with 3 to 5 sites only that with 5 lets a fifth be replaced.
    salt, ions = bulk("NaCl", "rocksalt", a=5.64), (Ion("Na", 1), Ion("Cl", -1))
    spec = FractionalSpec(replace="Na+", by="K+", share=0.2, tolerance=0.0)
    rng = np.random.default_rng(0)
    result = fractional_substitutions([Candidate(salt, "file", "file/0")], ions, spec, rng)
    assert {c.atoms.get_chemical_formula("metal") for c in result.candidates} == {"KNa4Cl5"}


@pytest.mark.parametrize(("atoms", "kinds"), [(rutile(), 2), (brookite(), 3), (bulk("Al", cubic=True), 1)])
def test_sites_of_one_kind_are_counted_once(atoms: Atoms, kinds: int) -> None:
    assert len(distinct_atoms(atoms)) == kinds
    assert len(distinct_atoms(atoms.repeat((2, 1, 1)))) == kinds
    permutations = site_permutations(atoms)
    assert np.array_equal(
        np.sort(permutations, axis=1), np.tile(np.arange(len(atoms)), (len(permutations), 1))
    )
    assert (atoms.numbers[permutations] == atoms.numbers).all()
