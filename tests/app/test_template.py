from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from forgefield.app.explain import nearest_element
from forgefield.app.input import parse_input
from forgefield.app.settings import all_settings, nearest_keys
from forgefield.app.template import QUICK, changes, input_template
from forgefield.structures.spec import StructuresSpec
from forgefield.workflow.spec import RunSpec

TERSOFF = "ase:forgefield.reference.engines.classical.tersoff_silicon"


def test_template_changes_nothing_but_what_it_says() -> None:
    spec = parse_input(input_template(["Si"], engine=TERSOFF))
    plain = RunSpec.model_validate({"system": {"species": ["Si"]}, "reference": {"engine": TERSOFF}})
    assert spec == plain


def test_quick_template_is_valid_and_has_the_quick_settings() -> None:
    spec = parse_input(input_template(["Si"], quick=True))
    assert spec.structures == StructuresSpec.quick()
    for group, settings in QUICK.items():
        for key, value in settings.items():
            if not isinstance(value, dict):
                assert getattr(getattr(spec, group), key) == value
    assert spec.budget.calculations is not None
    assert spec.budget.calculations <= 120


def test_quick_leaves_out_what_the_engine_has_no_use_for() -> None:
    spec = parse_input(input_template(["Si"], quick=True, engine=TERSOFF))
    assert spec.selection.per_cycle == QUICK["selection"]["per_cycle"]
    assert "k_spacing" not in spec.reference.model_fields_set


@pytest.mark.parametrize("engine", ["espresso", "cp2k", "abinit", "vasp"])
def test_template_for_a_program_says_what_it_needs(engine: str) -> None:
    text = input_template(["Si"], quick=True, engine=engine)
    spec = RunSpec.model_validate(yaml.safe_load(text))
    assert spec.reference.command in {"pw.x", "cp2k", "abinit", "vasp_std"}
    assert (spec.reference.pseudopotentials is None) == (engine == "cp2k")
    assert spec.reference.k_spacing == QUICK["reference"]["k_spacing"]
    assert spec.reference.parameters == {}
    assert "# How the program is started, such as mpirun" in text


def test_template_is_short_and_commented() -> None:
    lines = input_template(["Si"], quick=True).splitlines()
    assert len(lines) < 80
    assert sum("#" in line for line in lines) >= 15
    assert max(map(len, lines)) <= 110


def test_changes_are_those_and_only_those() -> None:
    assert changes(StructuresSpec(), StructuresSpec()) == {}
    rebuilt = StructuresSpec.model_validate(changes(StructuresSpec.quick(), StructuresSpec()))
    assert rebuilt == StructuresSpec.quick()


def test_init_writes_a_file_that_validates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgefield: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = forgefield("init", "--species", "Si", "--quick")
    assert result.exit_code == 0, result.output
    assert "forgefield run si.yaml" in result.stdout
    checked = forgefield("validate-input", "si.yaml")
    assert checked.exit_code == 0, checked.output
    assert "si.yaml is valid" in checked.stdout
    assert "120 calculations" in checked.stdout


def test_init_does_not_overwrite_unless_forced(tmp_path: Path, forgefield: Callable[..., Any]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    refused = forgefield("init", "--output", path)
    assert refused.exit_code == 1
    assert "is there already; give another name with --output, or --force" in refused.stderr
    assert path.read_text() == "precious"
    assert forgefield("init", "--output", path, "--force").exit_code == 0
    assert "species: [Si]" in path.read_text()


@pytest.mark.parametrize("quick", [True, False])
def test_init_for_a_compound_needs_its_ions_only(
    quick: bool, tmp_path: Path, forgefield: Callable[..., Any]
) -> None:
    path = tmp_path / "tio2.yaml"
    result = forgefield("init", "-s", "Ti4+,O2-", "-o", path, *(["--quick"] if quick else []))
    assert result.exit_code == 0, result.output
    content = yaml.safe_load(path.read_text())
    assert content["system"] == {"species": ["Ti4+", "O2-"]}
    spec = RunSpec.model_validate(content)
    assert spec.system.symbols == ("O", "Ti")
    assert spec.targets.phonon_rmse is None
    checked = forgefield("validate-input", path)
    assert checked.exit_code == 0, checked.output
    assert "Ti4+, O2-" in checked.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--species", "Xq"], ["'Xq' is no element", "did you mean Xe"]),
        (["--species", "silicon"], ["did you mean Si?"]),
        (["--species", "Ti4+,Cu+"], ["Ti4+, Cu1+ cannot be neutral together", "add an anion"]),
        (["--species", "Ti4,O2-"], ["has a number but no sign", "write Ti4+ or Ti4-"]),
        (["--engine", "gpwa"], ["unknown engine 'gpwa'", "did you mean gpaw?"]),
        (["--output", "nowhere/si.yaml"], ["there is no folder nowhere"]),
        (["--output", "."], ["is a folder", "name a file"]),
    ],
)
def test_init_explains_what_it_cannot_do(
    arguments: list[str],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    forgefield: Callable[..., Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    result = forgefield("init", *arguments)
    assert result.exit_code == 1
    for word in words:
        assert word in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_setting_is_described() -> None:
    settings = all_settings()
    assert len(settings) > 80
    undescribed = [each.key for each in settings if not each.description]
    assert undescribed == []
    assert {each.key: each.default for each in settings}["reference.k_spacing"] == "0.3"
    assert {each.key: each.kind for each in settings}["cycles.max"] == "whole number ≥ 1 and ≤ 100"


@pytest.mark.parametrize(
    ("name", "path", "advice"),
    [
        ("temperature", ("exploration",), "did you mean temperatures?"),
        ("Max", ("cycles",), "did you mean max?"),
        ("phonons", (), "did you mean properties.phonons?"),
        ("kspacing", (), "did you mean reference.k_spacing?"),
        ("qqq", ("cycles",), "known keys here: max"),
        ("max:5", ("cycles",), "put a space after the colon"),
    ],
)
def test_nearest_key(name: str, path: tuple[str, ...], advice: str) -> None:
    assert nearest_keys(name, path) == advice


@pytest.mark.parametrize(
    ("word", "symbol"), [("SI", "Si"), ("Silicon", "Si"), ("aluminum", "Al"), ("Sx", "S")]
)
def test_nearest_element(word: str, symbol: str) -> None:
    assert nearest_element(word).removesuffix("?").split()[3] == symbol


def test_schema_is_json_schema_of_the_input(forgefield: Callable[..., Any]) -> None:
    result = forgefield("schema")
    content = yaml.safe_load(result.stdout)
    assert set(content["properties"]) == set(RunSpec.model_fields)
    assert content["additionalProperties"] is False
    assert content["$defs"]["CyclesSpec"]["properties"]["max"]["maximum"] == 100


def test_schema_can_be_read_as_a_table(forgefield: Callable[..., Any]) -> None:
    result = forgefield("schema", "--describe", "targets")
    assert result.exit_code == 0
    assert "targets.bulk_modulus" in result.stdout
    assert "Deviation of the" in result.stdout  # the rest is on lines of the terminal's width
    assert "reference.engine" not in result.stdout
    unknown = forgefield("schema", "--describe", "target")
    assert unknown.exit_code == 1
    assert "the input has no key 'target'" in unknown.stderr
