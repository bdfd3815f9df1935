"""From what the user names to ions and formulas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.structures.compound import Compound
from forgefield.workflow.identify import identified, wanted_compound
from forgefield.workflow.spec import RunSpec


def compound(**system: Any) -> Compound | None:
    return wanted_compound(RunSpec.model_validate({"system": system}), Path())


def test_an_element_is_no_compound() -> None:
    assert compound(element="Si") is None
    assert compound(formula="Si") is None


def test_species_give_all_neutral_formulas_and_fixed_stoichiometry_the_simplest() -> None:
    found = compound(species=[["In", 3], ["Cu", 1], ["Se", -2]])
    assert found is not None
    assert [str(formula) for formula in found.formulas] == ["CuInSe2", "Cu3InSe3", "CuIn3Se5", "Cu5InSe4"]
    assert not found.exactly
    one = compound(species=["Cu1+", "In3+", "Se2-"], fixed_stoichiometry=True)
    assert one is not None
    assert [str(formula) for formula in one.formulas] == ["CuInSe2"]
    assert one.exactly


@pytest.mark.parametrize(
    ("formula", "ions"),
    [("TiO2", "O2-, Ti4+"), ("CuInSe2", "Cu1+, In3+, Se2-"), ("Fe2O3", "Fe3+, O2-"), ("NiAl", "Al, Ni")],
)
def test_a_formula_gives_the_usual_oxidation_states(formula: str, ions: str) -> None:
    found = compound(formula=formula)
    assert found is not None
    assert ", ".join(str(ion) for ion in found.ions) == ions
    assert len(found.formulas) == 1
    assert found.exactly


def test_an_id_that_leads_nowhere_says_what_to_do_instead(tmp_path: Path) -> None:
    spec = RunSpec.model_validate({"system": {"id": "nonsense"}})
    with pytest.raises(
        ForgefieldError, match=r"system.id nonsense: .* no identifier .*or give system.species with"
    ):
        identified(spec, tmp_path)


def test_an_id_with_species_is_taken_as_it_is(tmp_path: Path) -> None:
    spec = RunSpec.model_validate({"system": {"id": "mp-2657", "species": ["Ti4+", "O2-"]}})
    assert identified(spec, tmp_path) is spec
    assert spec.system.symbols == ("O", "Ti")


def test_what_cannot_be_neutral_is_refused() -> None:
    with pytest.raises(ForgefieldError, match=r"Na1\+, Mg2\+ cannot be neutral together"):
        compound(species=["Na+", "Mg2+"])
    with pytest.raises(ForgefieldError, match=r"Ti is given twice"):
        compound(species=["Ti4+", "Ti3+", "O2-"])
    with pytest.raises(ValidationError, match="exactly one of element, species, formula or id"):
        compound(formula="TiO2", species=["Ti4+", "O2-"])
