import pickle
import sys

import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.reference.engines.gpaw_sets import read_paw_sets
from forgefield.reference.recipe import Recipe, resolve_recipe
from forgefield.reference.spec import ReferenceSpec

EMT_ENGINE = "ase:ase.calculators.emt.EMT"


def test_recipe_survives_json_and_pickle(tersoff):
    again = Recipe.model_validate_json(tersoff.model_dump_json())
    assert again == tersoff
    assert again.key == tersoff.key
    assert pickle.loads(pickle.dumps(tersoff)).key == tersoff.key
    assert tersoff.label.startswith("ase:forgefield.reference.engines.classical.tersoff_silicon 0.")


def test_recipe_key_follows_what_changes_the_numbers_only():
    base = ReferenceSpec(engine=EMT_ENGINE)
    same = base.model_copy(update={"time_limit": 5.0, "max_attempts": 1, "max_force": 9.0})
    other = base.model_copy(update={"parameters": {"asap_cutoff": True}})
    keys = [resolve_recipe(spec, ["Cu"]).key for spec in (base, same, other)]
    assert keys[0] == keys[1] != keys[2]


def test_recipe_of_uninstalled_module_is_versioned_by_its_source(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "my_potential_for_test.py"
    versions = []
    for comment in ("# one", "# two"):
        module.write_text(f"from ase.calculators.emt import EMT  {comment}\n")
        versions.append(resolve_recipe(ReferenceSpec(engine="ase:my_potential_for_test.EMT"), ["Cu"]).version)
    assert all(version.startswith("source-") for version in versions)
    assert versions[0] != versions[1]


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (
            "ase:no_such_package.Potential",
            "cannot be imported: No module named 'no_such_package'; check the spelling",
        ),
        ("ase:ase.calculators.emt.EMTT", "module ase.calculators.emt has no EMTT; name a calculator"),
        ("ase:ase.calculators.emt.parameters", "is dict, not a callable"),
    ],
)
def test_recipe_refuses_paths_that_are_no_calculator(engine, message):
    with pytest.raises(ForgefieldError, match=message):
        resolve_recipe(ReferenceSpec(engine=engine), ["Cu"])


def test_recipe_refuses_parameters_that_a_calculator_does_not_take():
    spec = ReferenceSpec(
        engine="ase:forgefield.reference.engines.classical.published", parameters={"form": "TersoffBrenner"}
    )
    with pytest.raises(
        ForgefieldError, match=r"missing a required argument: 'parametrisation'; .* takes \(form"
    ):
        resolve_recipe(spec, ["Si"])


@pytest.mark.parametrize("species", [[], ["Xx"], ["X"], ["si"]])
def test_recipe_refuses_what_is_no_element(species):
    with pytest.raises(ForgefieldError, match="name no chemical element; give chemical symbols"):
        resolve_recipe(ReferenceSpec(engine=EMT_ENGINE), species)


@pytest.mark.parametrize("engine", ["gpaw", "tblite"])
def test_recipe_names_the_extra_of_a_missing_engine(engine, monkeypatch):
    monkeypatch.setitem(sys.modules, engine, None)
    monkeypatch.setitem(sys.modules, f"{engine}.ase", None)
    with pytest.raises(ForgefieldError, match=rf"engine {engine} is not installed .*forgefield\[{engine}\]"):
        resolve_recipe(ReferenceSpec(engine=engine), ["Si"])


@pytest.mark.parametrize(
    ("species", "cutoff"),
    [
        (("Si",), 300),
        (("Al",), 300),
        (("O",), 700),
        (("C",), 650),
        (("H",), 700),
        (("Cu",), 600),
        (("Li",), 300),
    ],
)
def test_gpaw_cutoff_follows_the_paw_set(species, cutoff):
    pytest.importorskip("gpaw")
    assert [one.cutoff for one in read_paw_sets(species, "PBE", None)] == [cutoff]


def test_gpaw_recipe_takes_the_hardest_element():
    pytest.importorskip("gpaw")
    recipe = resolve_recipe(ReferenceSpec(), ["Si", "O", "O"])
    assert recipe.species == ("O", "Si")
    assert recipe.parameters["cutoff"] == 700
    assert resolve_recipe(ReferenceSpec(cutoff=420.0), ["Si"]).parameters["cutoff"] == 420.0


@pytest.mark.parametrize(
    ("settings", "species", "message"),
    [
        ({"xc": "PBEsol"}, "Si", "xc PBEsol is not in this build of GPAW .* choose LDA, PBE"),
        ({}, "U", "GPAW has no PAW set U.PBE"),
        ({"parameters": {"setups": {"Si": "soft"}}}, "Si", "GPAW has no PAW set Si.soft.PBE"),
        (
            {"parameters": {"kpts": [2, 2, 2]}},
            "Si",
            "would override reference.k_spacing; set reference.k_spacing",
        ),
        (
            {"parameters": {"mixr": {}}},
            "Si",
            r"reference.parameters.mixr is no parameter .* did you mean mixer\?",
        ),
        ({"parameters": {"txt": "-"}}, "Si", "reference.parameters.txt is no parameter"),
    ],
)
def test_gpaw_recipe_refuses(settings, species, message):
    pytest.importorskip("gpaw")
    with pytest.raises(ForgefieldError, match=message):
        resolve_recipe(ReferenceSpec(**settings), [species])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_iteration": 3}, r"did you mean max_iterations\?"),
        ({"method": "GFN1-xTB"}, "would override reference.method"),
    ],
)
def test_tblite_recipe_refuses(parameters, message):
    pytest.importorskip("tblite")
    with pytest.raises(ForgefieldError, match=message):
        resolve_recipe(ReferenceSpec(engine="tblite", parameters=parameters), ["H"])
