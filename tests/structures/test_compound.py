"""All sources together: what is found for real compounds, and what becomes of every structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from pymatgen.analysis.structure_matcher import StructureMatcher

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.structures.build import initial_structures
from forgefield.structures.charge_balance import balanced_formulas
from forgefield.structures.compound import Compound, compound_structures
from forgefield.structures.compound_spec import ClusterSpec, CrystalSpec, DefectSpec, SlabSpec
from forgefield.structures.crystal_types import same_types
from forgefield.structures.pymatgen_bridge import to_pymatgen
from forgefield.structures.source_result import Collected
from forgefield.structures.spec import RandomSpec, StructuresSpec

from .compound_cases import (
    COPPER_INDIUM_SELENIDE,
    TITANIA,
    anatase,
    brookite,
    chalcopyrite,
    charge,
    rutile,
)

OFFLINE = {"optimade": None, "materials_project": None, "isolated_atom": False}
TITANIA_FORMULAS = Compound(TITANIA, balanced_formulas(TITANIA), exactly=True)


def collected(spec: StructuresSpec, compound: Compound, cache: Path, *own: Atoms) -> Collected:
    mine = [Candidate(atoms, "file", f"file/{number}") for number, atoms in enumerate(own)]
    return compound_structures(spec, compound, mine, cache, np.random.default_rng(5))


def crystals(found: Collected) -> list[Candidate]:
    return [each for each in found.candidates if each.source in ("prototype", "substitution", "random")]


@pytest.fixture(scope="module")
def titania(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    spec = StructuresSpec(random=RandomSpec(count=3), **OFFLINE)
    return collected(spec, TITANIA_FORMULAS, tmp_path_factory.mktemp("answers"))


def test_rutile_anatase_and_brookite_come_from_the_ions_alone(titania: Collected) -> None:
    matcher = StructureMatcher(ltol=0.05, stol=0.1, angle_tol=2)
    for mineral in (rutile(), anatase(), brookite()):
        found = [c for c in crystals(titania) if matcher.fit(to_pymatgen(c.atoms), to_pymatgen(mineral))]
        assert len(found) == 1
        assert found[0].source == "prototype"


def test_every_structure_of_every_source_is_accounted_for(titania: Collected) -> None:
    counts = {each.source: each for each in titania.sources}
    assert list(counts) == ["prototype", "substitution", "random", "distortion"]
    for each in titania.sources:
        assert each.found == each.excluded + each.duplicates + each.surplus + each.kept
        assert each.kept == sum(c.source == each.source for c in titania.candidates)
    assert counts["substitution"].duplicates >= 8
    repeated = [note for note in titania.left_out if note.reason.startswith("the same crystal as ")]
    assert len(repeated) == sum(each.duplicates for each in titania.sources)
    assert set(same_types(crystals(titania))) == {None}
    assert all(charge(each.atoms, TITANIA) == 0 for each in crystals(titania))


def test_sources_take_turns_when_there_are_too_many(tmp_path: Path) -> None:
    spec = StructuresSpec(
        random=RandomSpec(count=4), crystals=CrystalSpec(count=6, max_atoms=12), distortions=None, **OFFLINE
    )
    found = collected(spec, TITANIA_FORMULAS, tmp_path)
    sources = [each.source for each in found.candidates]
    assert len(sources) == 6
    assert sources[:4] == ["prototype", "random"] * 2
    surplus = [note for note in found.left_out if note.reason == "one more than crystals.count"]
    assert len(surplus) == sum(each.surplus for each in found.sources)
    assert not any(note.general for note in surplus)


def test_the_users_own_crystals_come_first(tmp_path: Path) -> None:
    spec = StructuresSpec(random=RandomSpec(count=0), distortions=None, **OFFLINE)
    found = collected(spec, TITANIA_FORMULAS, tmp_path, rutile())
    assert not any("Rutile" in each.note for each in found.candidates)
    assert any("the same crystal as file/0" in note.reason for note in found.left_out)


def test_chalcopyrite_is_among_the_selenides_of_copper_and_indium(tmp_path: Path) -> None:
    compound = Compound(COPPER_INDIUM_SELENIDE, balanced_formulas(COPPER_INDIUM_SELENIDE))
    spec = StructuresSpec(random=RandomSpec(count=0), distortions=None, **OFFLINE)
    found = collected(spec, compound, tmp_path)
    matcher = StructureMatcher(ltol=0.1, stol=0.1, angle_tol=3)
    matching = [c for c in found.candidates if matcher.fit(to_pymatgen(c.atoms), to_pymatgen(chalcopyrite()))]
    assert matching
    assert all(charge(each.atoms, COPPER_INDIUM_SELENIDE) == 0 for each in found.candidates)
    formulas = {each.atoms.get_chemical_formula("metal", empirical=True) for each in found.candidates}
    assert len(formulas) > 1


def test_what_is_made_of_crystals_is_there_when_asked_for(tmp_path: Path) -> None:
    spec = StructuresSpec(
        random=RandomSpec(count=0),
        crystals=CrystalSpec(max_atoms=6, count=3),
        clusters=ClusterSpec(count=2, atoms=(9, 15)),
        slabs=SlabSpec(thickness=6.0, max_atoms=36, count=2),
        defects=DefectSpec(max_atoms=24, interstitials=1),
        parents=1,
        **OFFLINE,
    )
    found = collected(spec, TITANIA_FORMULAS, tmp_path)
    counts = {each.source: each.kept for each in found.sources}
    assert counts["cluster"] == 4
    assert counts["slab"] >= 1
    assert counts["defect"] >= 4
    assert counts["distortion"] >= 5


def test_the_same_seed_gives_the_same_structures(titania: Collected, tmp_path: Path) -> None:
    spec = StructuresSpec(random=RandomSpec(count=3), **OFFLINE)
    again = collected(spec, TITANIA_FORMULAS, tmp_path)
    assert [structure_key(c.atoms) for c in again.candidates] == [
        structure_key(c.atoms) for c in titania.candidates
    ]


def test_nothing_at_all_is_an_error_that_says_why(tmp_path: Path) -> None:
    spec = StructuresSpec(prototypes=(), substitution=None, random=RandomSpec(count=0), **OFFLINE)
    with pytest.raises(ForgefieldError, match=r"no source has a structure .*all sources are switched off"):
        initial_structures(spec, ("O", "Ti"), np.random.default_rng(0), TITANIA_FORMULAS, tmp_path)
    tiny = StructuresSpec(
        random=RandomSpec(count=0), crystals=CrystalSpec(max_atoms=4), substitution=None, **OFFLINE
    )
    with pytest.raises(ForgefieldError, match=r"no crystal of the AFLOW library.*raise structures\.crystals"):
        initial_structures(tiny, ("O", "Ti"), np.random.default_rng(0), TITANIA_FORMULAS, tmp_path)
