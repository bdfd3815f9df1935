import pickle
from pathlib import Path

import pytest
from ase.build import bulk

import forgefield
from forgefield.app.input import parse_input, read_input
from forgefield.app.problems import InputError, as_written, dotted
from forgefield.app.yaml_source import read_yaml
from forgefield.workflow.spec import RunSpec

TERSOFF = "reference: {engine: ase:forgefield.reference.engines.classical.tersoff_silicon}\n"


def test_smallest_input_has_the_defaults() -> None:
    spec = parse_input("system: {species: [Si]}\n" + TERSOFF)
    assert spec.system.symbols == ("Si",)
    assert spec == RunSpec.model_validate({"system": {"species": ["Si"]}, "reference": spec.reference})
    assert spec.seed == RunSpec.model_fields["seed"].default


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("No", "No"),
        ("yes", "yes"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("010", 10),
        ("0x10", 16),
        ("0o10", 8),
        ("1e-3", 0.001),
        ("1.", 1.0),
        (".5", 0.5),
        ("-7", -7),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("'1'", "1"),
        ("1_000", "1_000"),
    ],
)
def test_scalars_are_read_as_in_yaml_1_2(text: str, value: object) -> None:
    found = read_yaml(f"key: {text}\n", "x").data["key"]
    assert found == value
    assert type(found) is type(value)


def test_small_numbers_and_switches_in_words_are_accepted() -> None:
    text = "system: {element: Al}\nreference: {engine: ase:ase.calculators.emt.EMT}\n"
    spec = parse_input(text + "training: {weight_decay: 1e-5}\nexploration: {ramp: no}\n")
    assert spec.training.weight_decay == 1e-5
    assert spec.exploration.ramp is False


def test_anchors_and_merges_keep_their_lines() -> None:
    text = "system: {element: Si}\nhold_out: &few\n  max_atoms: 8\nexploration:\n  <<: *few\n  steps: 50\n"
    source = read_yaml(text, "x")
    assert source.data["exploration"] == {"max_atoms": 8, "steps": 50}
    assert source.line(("exploration", "max_atoms")) == 3
    assert source.line(("exploration", "steps")) == 6
    spec = parse_input(text + TERSOFF)
    assert spec.exploration.max_atoms == spec.hold_out.max_atoms == 8


def test_own_values_win_over_merged_ones() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {x: 3}\nc: {<<: [*a, *b], y: 5}\n"
    assert read_yaml(text, "x").data["c"] == {"x": 1, "y": 5}


def test_files_are_found_from_the_folder_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inputs").mkdir()
    bulk("Si").write(tmp_path / "inputs" / "mine.xyz")
    path = tmp_path / "inputs" / "si.yaml"
    path.write_text("system: {element: Si}\nstructures: {files: [mine.xyz]}\n" + TERSOFF)
    monkeypatch.chdir(tmp_path)
    spec = read_input("inputs/si.yaml")
    assert spec.structures.files == (tmp_path / "inputs" / "mine.xyz",)


VASP = (
    "system: {element: Si}\nreference:\n  engine: vasp\n  command: ./vasp\n  pseudopotentials: potentials\n"
)


def test_pseudopotentials_are_found_from_the_folder_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "potentials" / "potpaw_PBE" / "Si"
    folder.mkdir(parents=True)
    (folder / "POTCAR").write_text("PAW_PBE Si\n LEXCH = PE\n ENMAX = 245.345; ENMIN = 184.0 eV\n")
    program = tmp_path / "vasp"
    program.write_text("#!/bin/sh\necho vasp.6.3.0\n")
    program.chmod(0o755)
    path = tmp_path / "si.yaml"
    path.write_text(VASP.replace("./vasp", str(program)))
    monkeypatch.chdir("/")
    assert read_input(path).reference.pseudopotentials == str(tmp_path / "potentials")


def test_program_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'\./vasp' was not found; .* set reference.command") as raised:
        parse_input(VASP, "si.yaml", tmp_path)
    (problem,) = raised.value.problems
    assert (problem.line, problem.key) == (3, "reference.engine")


def test_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "si.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + b"system: {element: Si}\n" + TERSOFF.encode())
    assert read_input(path).system.element == "Si"


def test_missing_system_does_not_hide_other_problems() -> None:
    with pytest.raises(InputError) as raised:
        parse_input("species: [Si]\nseed: -1\n", "x.yaml")
    assert [problem.key for problem in raised.value.problems] == ["system", "species", "seed"]


def test_error_carries_its_parts_and_survives_pickling() -> None:
    with pytest.raises(InputError) as raised:
        parse_input("system: {element: Si}\ncycles: {max: 0}\n", "x.yaml")
    error = pickle.loads(pickle.dumps(raised.value))
    (problem,) = error.problems
    assert (problem.line, problem.key, problem.value) == (2, "cycles.max", "0")
    assert str(error) == str(raised.value)
    assert str(error).startswith(
        "x.yaml, line 2: cycles.max: 0 — this must be at least 1; write a whole number"
    )
    assert isinstance(error, forgefield.ForgefieldError)


def test_budget_counts_what_is_planned() -> None:
    counts = (
        "strain: {volume_count: 3, small_count: 2, large_count: 1}\n  rattle: {amplitudes: [0.1], count: 2}"
    )
    text = (
        "system: {element: Si}\n" + TERSOFF + f"structures:\n  prototypes: [diamond, fcc, bcc]\n  {counts}\n"
        "  companions: {volumes: 2}\n  random: {count: 1}\nhold_out: {configurations: 4}\n"
        "budget:\n  calculations: "
    )
    # 3 + 2 + 1 strained, 2 rattled, 2 × 2 companions, 1 random, 1 free atom = 14, and 4 held out.
    with pytest.raises(InputError, match=r"about 14 initial structures and 4 held-out .* allow more than 18"):
        parse_input(text + "18\n")
    assert parse_input(text + "19\n").budget.calculations == 19


def test_paths_and_values_are_written_as_people_do() -> None:
    assert dotted(("system", "species", 1)) == "system.species[1]"
    assert as_written({"a": [1, None, True, "x"]}) == "{a: [1, null, true, 'x']}"
    assert len(as_written("x" * 500)) == 60
