"""The Materials Project's client against a server on loopback that knows four documents of the public schema."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import SETTINGS

from forgefield.atoms.errors import ForgefieldError
from forgefield.structures.compound_spec import CrystalSpec, MaterialsProjectSpec
from forgefield.structures.materials_project import materials_project_structures

from .compound_cases import TITANIA, rutile
from .materials_project_server import A_KEY, DOCUMENTS, MaterialsProject

SPEC, LIMITS = MaterialsProjectSpec(timeout=5), CrystalSpec()


def test_a_crystal_comes_by_its_identifier(materials_project: MaterialsProject, tmp_path: Path) -> None:
    result = materials_project_structures("mp-2657", SPEC, LIMITS, tmp_path)
    (found,) = result.candidates
    assert result.left_out == ()
    assert found.atoms.get_chemical_symbols() == rutile().get_chemical_symbols()
    np.testing.assert_allclose(found.atoms.positions, rutile().positions, atol=1e-9)
    np.testing.assert_allclose(found.atoms.cell.array, rutile().cell.array, atol=1e-9)
    assert found.source == "database"
    assert found.trajectory == "database/materials-project/mp-2657"
    assert found.note == "Ti2O4, mp-2657 of the Materials Project, 30 meV/atom above the hull"
    assert materials_project.keys == {A_KEY}


def test_a_chemical_system_comes_by_stability(materials_project: MaterialsProject, tmp_path: Path) -> None:
    spec = SPEC.model_copy(update={"limit": 1})
    result = materials_project_structures("Ti-O", spec, CrystalSpec(max_atoms=20), tmp_path, TITANIA)
    assert [c.trajectory.rsplit("/", 1)[1] for c in result.candidates] == ["mp-390"]
    assert [str(note) for note in result.left_out] == [
        "materials-project mp-1840: 24 atoms, more than max_atoms 20",
        "materials-project mp-9: 0.50 eV/atom above the hull, more than 0.2",
        "materials-project mp-2657: one more than limit 1",
    ]
    # Structures are asked for only where they are wanted.
    assert materials_project.asked[0]["_fields"] == ["material_id,nsites,energy_above_hull"]
    assert materials_project.asked[1]["material_ids"] == ["mp-390"]


def test_the_same_question_is_not_asked_twice(
    materials_project: MaterialsProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = materials_project_structures("O-Ti", SPEC, LIMITS, tmp_path)
    assert [c.trajectory.rsplit("/", 1)[1] for c in first.candidates] == ["mp-390", "mp-1840", "mp-2657"]
    assert len(materials_project.asked) == 2
    monkeypatch.delenv("MP_API_KEY")
    again = materials_project_structures("Ti-O", SPEC, LIMITS, tmp_path)
    assert len(materials_project.asked) == 2
    assert [c.atoms for c in again.candidates] == [c.atoms for c in first.candidates]
    assert A_KEY not in "".join(path.read_text() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (
            "",
            "the environment variable MP_API_KEY is not set; get a key at https://materialsproject.org/api and put it "
            "there",
        ),
        (
            "short",
            "the key in MP_API_KEY is not one of the Materials Project: it has 5 letters instead of 32; get a key",
        ),
    ],
)
def test_without_a_key_it_says_where_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, reason: str
) -> None:
    monkeypatch.setenv("MP_API_KEY", key)
    result = materials_project_structures("mp-2657", SPEC, LIMITS, tmp_path)
    assert result.candidates == ()
    (note,) = result.left_out
    assert note.reason.startswith(reason)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            (403, "{}"),
            "gave no usable answer (REST query returned with error status code 403); check the network",
        ),
        ((500, "oh"), "error status code 500"),
        ((200, "<html>"), "gave no usable answer ("),
        ((200, '{"data": []}'), "has no structure for mp-2657 with these limits"),
        ((200, '{"data": [{"material_id": "mp-2657"}]}'), "cannot be read (KeyError: 'structure')"),
        ((200, '{"data": [{"material_id": "mp-2657", "structure": {"lattice": 3}}]}'), "cannot be read ("),
    ],
)
def test_errors_of_the_server_are_reported(
    materials_project: MaterialsProject, tmp_path: Path, answer: tuple[int, str], reason: str
) -> None:
    materials_project.answer = answer
    result = materials_project_structures("mp-2657", SPEC, LIMITS, tmp_path)
    assert result.candidates == ()
    assert reason in result.left_out[0].reason


def test_without_a_connection_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "PMG_MAPI_ENDPOINT", "http://127.0.0.1:9/")
    monkeypatch.setenv("MP_API_KEY", A_KEY)
    (note,) = materials_project_structures("mp-2657", SPEC, LIMITS, tmp_path).left_out
    assert note.reason == (
        "the Materials Project gave no usable answer (ConnectionError); check the network connection and the key in "
        "MP_API_KEY, or try again later"
    )


def test_disordered_sites_are_left_out(materials_project: MaterialsProject, tmp_path: Path) -> None:
    disordered = json.loads(json.dumps(DOCUMENTS[0]))
    disordered["structure"]["sites"][0]["species"][0]["occu"] = 0.5
    materials_project.answer = (200, json.dumps({"data": [disordered]}))
    result = materials_project_structures("mp-2657", SPEC, LIMITS, tmp_path)
    assert "shared by several elements or partly empty" in result.left_out[0].reason


def test_other_questions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ForgefieldError, match=r"'titania' is neither an identifier .* nor a chemical system; write it"
    ):
        materials_project_structures("titania", SPEC, LIMITS, tmp_path)
