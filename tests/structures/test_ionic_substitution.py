"""Ions that take each other's places: which, where, how probably, and how large the crystal is then."""

from __future__ import annotations

import math

import pytest
from ase.build import bulk
from pymatgen.core import Species
from pymatgen.core.structure_prediction.substitutor import Substitutor

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.structures.compound_spec import CrystalSpec, SubstitutionSpec
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ionic_substitution import ionic_substitutions, library_parents
from forgefield.structures.ions import Ion
from forgefield.structures.oxidation_states import guessed_ions
from forgefield.structures.pymatgen_bridge import to_pymatgen

from .compound_cases import COPPER_INDIUM_SELENIDE, TITANIA, chalcopyrite, charge, rutile, space_group

CHALCOPYRITES = [entry for entry in library_parents() if "Chalcopyrite" in entry.note]


def test_chalcopyrite_is_found_from_the_mineral_it_is_named_after() -> None:
    result = ionic_substitutions(CHALCOPYRITES, COPPER_INDIUM_SELENIDE, SubstitutionSpec(), CrystalSpec())
    (found,) = result.candidates
    assert space_group(found.atoms) == 122
    assert charge(found.atoms, COPPER_INDIUM_SELENIDE) == 0
    assert found.source == "substitution"
    assert found.trajectory.startswith("substitution/CuInSe2/aflow/")
    assert found.parent == structure_key(CHALCOPYRITES[0].atoms)
    assert found.note.startswith("In3+ for Fe3+, Se2- for S2- with probability 0.0026, lengths × 1.1")
    assert found.atoms.get_volume() == pytest.approx(chalcopyrite().get_volume(), rel=0.12)


def test_probabilities_and_exchanges_are_those_of_pymatgen() -> None:
    parents = [parent for parent in library_parents() if len(set(parent.atoms.symbols)) == 3][:16]
    ions = (Ion("Sr", 2), Ion("Ti", 4), Ion("O", -2))
    species = [Species(ion.element, ion.charge) for ion in ions]
    result = ionic_substitutions(
        parents, ions, SubstitutionSpec(threshold=1e-4), CrystalSpec(max_atoms=60, min_distance_ratio=0.3)
    )
    states = [guessed_ions(parent.atoms) for parent in parents]
    decorated = [
        {
            "structure": to_pymatgen(parent.atoms, {ion.element: ion.charge for ion in known}),
            "id": parent.trajectory,
        }
        for parent, known in zip(parents, states, strict=True)
        if known is not None and len(parent.atoms) <= 60
    ]
    theirs = Substitutor(threshold=1e-4).pred_from_structures(species, decorated, remove_duplicates=False)
    expected = {(f"{each.history[0]['source']}", f"{each.other_parameters['proba']:.2g}") for each in theirs}
    ours = {
        (c.trajectory.split("/", 2)[2].rsplit("-", 1)[0], c.note.split("probability ")[1].split(",")[0])
        for c in result.candidates
    }
    assert len(ours) >= 4
    assert ours == expected


def test_all_are_neutral_distinct_and_probable_enough() -> None:
    limits = CrystalSpec(max_atoms=12, small_cells="drop")
    result = ionic_substitutions(library_parents(), TITANIA, SubstitutionSpec(count=6), limits)
    assert len(result.candidates) == 6
    probabilities = [float(c.note.split("probability ")[1].split(",")[0]) for c in result.candidates]
    assert probabilities == sorted(probabilities, reverse=True)
    assert probabilities[-1] >= 1e-3
    assert all(charge(c.atoms, TITANIA) == 0 and 4 <= len(c.atoms) <= 12 for c in result.candidates)
    assert len(remove_duplicates(result.candidates)) == 6
    assert len({c.trajectory for c in result.candidates}) == 6
    reasons = {note.reason for note in result.left_out}
    assert "its oxidation states are mixed or unknown" in reasons
    assert "3 atoms, fewer than min_atoms 4; small_cells: repeat would keep it" in reasons
    assert "24 atoms, more than max_atoms 12" in reasons


def test_a_crystal_of_the_very_ions_is_no_substitution() -> None:
    parents = [
        Candidate(rutile(), "file", "file/0"),
        Candidate(bulk("NaCl", "rocksalt", a=5.64), "file", "file/1"),
    ]
    result = ionic_substitutions(parents, TITANIA, SubstitutionSpec(), CrystalSpec())
    assert result.candidates == ()
    assert str(result.left_out[-1]) == (
        "substitution by Ti4+, O2-: nothing remains of 2 crystals; the most probable exchange has probability "
        "0.0e+00, the threshold is 0.001: lower it or give other crystals"
    )


def test_the_threshold_counts() -> None:
    spec = SubstitutionSpec(threshold=0.01)
    strict = ionic_substitutions(CHALCOPYRITES, COPPER_INDIUM_SELENIDE, spec, CrystalSpec())
    assert strict.candidates == ()
    assert (
        "the most probable exchange has probability 2.6e-03, the threshold is 0.01"
        in strict.left_out[-1].reason
    )


@pytest.mark.parametrize(
    ("ions", "reason"),
    [
        (
            (Ion("Si", 4), Ion("C", -4)),
            "the table of substitution probabilities has no C4-; it knows C1+, C2+, C3+, C4+",
        ),
        (
            (Ion("Ni", 0), Ion("Al", 0)),
            "the table of substitution probabilities has no Ni; it knows Ni1+, Ni2+, Ni3+, Ni4+",
        ),
        (
            (Ion("Ne", 0), Ion("O", -2)),
            "the table of substitution probabilities has no Ne; it has no Ne at all",
        ),
    ],
)
def test_ions_that_the_table_lacks_are_named(ions: tuple[Ion, ...], reason: str) -> None:
    result = ionic_substitutions(CHALCOPYRITES, ions, SubstitutionSpec(), CrystalSpec())
    assert result.candidates == ()
    assert [note.reason for note in result.left_out] == [reason]


def test_species_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ForgefieldError, match="'Xx' is no element"):
        ionic_substitutions(CHALCOPYRITES, (Ion("Xx", 1),), SubstitutionSpec(), CrystalSpec())


def test_sizes_follow_the_ions() -> None:
    parents = [Candidate(bulk("NaCl", "rocksalt", a=5.64), "file", "file/0")]
    bromide, limits = (Ion("K", 1), Ion("Br", -1)), CrystalSpec(min_atoms=1)
    (found,) = ionic_substitutions(parents, bromide, SubstitutionSpec(threshold=1e-6), limits).candidates
    assert (4.0 * found.atoms.get_volume()) ** (1 / 3) == pytest.approx(6.60, rel=0.03)
    assert math.isclose(found.atoms.get_scaled_positions()[1, 0], 0.5)
