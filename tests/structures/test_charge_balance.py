"""Ions that can be neutral together, and ions that cannot."""

from __future__ import annotations

import sys

import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.structures.charge_balance import BalancedFormula, balanced_formulas, reduced_formula
from forgefield.structures.ions import Ion, ion_from_text, known_ions

TITANIA = (Ion("Ti", 4), Ion("O", -2))
CHALCOPYRITE = (Ion("Cu", 1), Ion("In", 3), Ion("Se", -2))


@pytest.mark.parametrize(
    ("ions", "max_atoms", "formulas"),
    [
        (TITANIA, 30, ["TiO2"]),
        (CHALCOPYRITE, 10, ["CuInSe2", "Cu3InSe3", "CuIn3Se5", "Cu5InSe4"]),
        (CHALCOPYRITE, 4, ["CuInSe2"]),
        ((Ion("Al", 3), Ion("O", -2)), 5, ["Al2O3"]),
        ((Ion("Sr", 2), Ion("Ti", 4), Ion("O", -2)), 8, ["SrTiO3", "Sr2TiO4", "SrTi2O5"]),
        ((Ion("Ni", 0), Ion("Al", 0)), 3, ["AlNi", "AlNi2", "Al2Ni"]),
        ((Ion("Si", 0),), 4, ["Si"]),
    ],
)
def test_formulas_are_neutral_whole_and_complete(
    ions: tuple[Ion, ...], max_atoms: int, formulas: list[str]
) -> None:
    found = balanced_formulas(ions, max_atoms)
    assert [str(formula) for formula in found] == formulas
    for formula in found:
        assert sum(n * ion.charge for n, ion in zip(formula.counts, formula.ions, strict=True)) == 0
        assert min(formula.counts) >= 1


def test_the_order_of_the_species_does_not_matter() -> None:
    assert {str(f) for f in balanced_formulas(CHALCOPYRITE)} == {
        str(f) for f in balanced_formulas(CHALCOPYRITE[::-1])
    }
    assert balanced_formulas(TITANIA)[0] == BalancedFormula(TITANIA, (1, 2))
    assert reduced_formula({"O": 8, "Ti": 4}, TITANIA) == "TiO2"
    (triphylite,) = balanced_formulas((Ion("O", -2), Ion("P", 5), Ion("Fe", 2), Ion("Li", 1)), 7)
    assert str(triphylite) == "LiFePO4"


@pytest.mark.parametrize(
    ("ions", "message"),
    [
        (
            (Ion("Ti", 4), Ion("Zr", 4)),
            r"Ti4\+, Zr4\+ cannot be neutral together: all charges are those of cations; add an anion such as O2-",
        ),
        ((Ion("O", -2),), r"O2- cannot be neutral .* those of anions; add a cation such as Na1\+"),
        (
            (Ion("Ta", 5), Ion("N", -3)),
            r"no formula with at most 6 atoms makes Ta5\+, N3- neutral; allow formulas of 8 atoms",
        ),
        ((Ion("Ti", 9), Ion("O", -2)), r"Ti9\+ is no known oxidation state of Ti; known are .*Ti3\+, Ti4\+"),
        ((Ion("ti", 4), Ion("O", -2)), r"'ti' is no element from H to Pu; did you mean Ti\?"),
        (
            (Ion("Fe", 2), Ion("Fe", 3), Ion("O", -2)),
            r"Fe is given twice, as Fe2\+ and Fe3\+, but compounds of mixed valence are left out; decide for one",
        ),
        ((), r"no species are given; name them with their oxidation states"),
    ],
)
def test_what_is_wrong_is_said(ions: tuple[Ion, ...], message: str) -> None:
    with pytest.raises(ForgefieldError, match=message):
        balanced_formulas(ions, 6)


def test_ions_are_written_as_in_the_input() -> None:
    assert [str(ion) for ion in (*TITANIA, Ion("Cu", 1), Ion("Ni", 0))] == ["Ti4+", "O2-", "Cu1+", "Ni"]
    assert known_ions(TITANIA) == TITANIA


def test_without_pymatgen_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymatgen", None)
    with pytest.raises(
        ForgefieldError, match=r"oxidation states need pymatgen, which is not installed; pip install"
    ):
        balanced_formulas(TITANIA)


@pytest.mark.parametrize(
    "ion", [Ion("Ti", 4), Ion("O", -2), Ion("Na", 1), Ion("Cl", -1), Ion("Al", 0), Ion("Xe", 0)]
)
def test_ions_are_read_as_they_are_written(ion: Ion) -> None:
    assert ion_from_text(str(ion)) == ion
    assert ion_from_text(f" {str(ion).replace('1', '')} ") == ion


@pytest.mark.parametrize("text", ["", "Ti4", "4+", "ti4+", "Ti+4", "TiO2", "Ti4++", "Ti 4+"])
def test_what_is_no_ion_is_refused(text: str) -> None:
    with pytest.raises(
        ForgefieldError, match=r"is no ion; write the element and its charge, the sign last, such as"
    ):
        ion_from_text(text)
    with pytest.raises(ForgefieldError, match="'Xx' is no element from H to Pu"):
        ion_from_text("Xx2+")
