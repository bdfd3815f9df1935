"""One crystal by its identifier: from the reference OPTIMADE server and from the Materials Project."""

from __future__ import annotations

import http.server
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Candidate
from forgefield.structures.compound_spec import WebSpec
from forgefield.structures.database_id import crystal_by_id, ions_of
from forgefield.structures.ions import Ion
from forgefield.structures.optimade_query import PROVIDERS

from .compound_cases import COPPER_INDIUM_SELENIDE, TITANIA, chalcopyrite, rutile
from .materials_project_server import MaterialsProject
from .web_cases import QUICK, STORED, Handler, send


def test_an_entry_comes_as_it_is_stored(optimade_server: str, tmp_path: Path) -> None:
    found = crystal_by_id(f"{optimade_server}:entry-5", tmp_path, QUICK)
    # Salt's two atoms are not repeated.
    assert found.atoms.get_chemical_symbols() == ["Na", "Cl"]
    np.testing.assert_allclose(found.atoms.positions, STORED[5].positions, atol=1e-7)
    np.testing.assert_allclose(found.atoms.cell.array, STORED[5].cell.array, atol=1e-7)
    server = optimade_server.removeprefix("http://")
    assert found.source == "database"
    assert found.trajectory == f"database/{server}/entry-5"
    assert found.note == f"NaCl, entry-5 of {server}"


def test_the_materials_project_is_asked_by_optimade_without_a_key(
    optimade_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MP_API_KEY", raising=False)
    monkeypatch.setitem(PROVIDERS, "materials-project", optimade_server)
    found = crystal_by_id("mp-2133", tmp_path, QUICK)
    assert found.trajectory == "database/materials-project/mp-2133"
    assert found.atoms.get_chemical_formula() == "O2Zn2"
    assert crystal_by_id("materials-project:mp-2133", tmp_path, QUICK).atoms == found.atoms
    assert len(list(tmp_path.iterdir())) == 1


def test_the_materials_project_is_asked_with_a_key(
    materials_project: MaterialsProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = crystal_by_id("mp-2657", tmp_path, QUICK)
    np.testing.assert_allclose(found.atoms.positions, rutile().positions, atol=1e-9)
    assert found.note == "Ti2O4, mp-2657 of the Materials Project, 30 meV/atom above the hull"
    # What was answered once needs neither key nor connection.
    monkeypatch.delenv("MP_API_KEY")
    assert crystal_by_id("mp-2657", tmp_path, QUICK) == found
    assert len(materials_project.asked) == 1


def test_the_same_entry_is_not_asked_for_twice(
    optimade_server: str, serve: Callable[[Handler], str], tmp_path: Path
) -> None:
    paths = []

    def empty(request: http.server.BaseHTTPRequestHandler) -> None:
        paths.append(request.path)
        send(request, 200, json.dumps({"data": [{"id": "another"}]}))

    address = serve(empty)
    for _ in range(2):
        with pytest.raises(
            ForgefieldError, match=r"127\.0\.0\.1:\d+ has no entry 7; look its identifier up on"
        ):
            crystal_by_id(f"{address}:7", tmp_path, QUICK)
    assert len(paths) == 1
    assert "filter=id%3D%227%22" in paths[0]


@pytest.mark.parametrize(
    "text", ["titania", "mp-", "cod:", ":17", "cod:1 or 2", 'cod:7" OR id="8', "https://x", ""]
)
def test_what_is_no_identifier_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        ForgefieldError, match="is no identifier of a database's entry; write it like mp-2657, cod:1"
    ):
        crystal_by_id(text, tmp_path)
    assert not list(tmp_path.iterdir())


def test_entries_that_cannot_be_used_say_why(
    optimade_server: str, materials_project: MaterialsProject, tmp_path: Path
) -> None:
    for number, reason in ((8, "it has 2 sites, but says nsites 3"), (10, "some of its sites are shared")):
        with pytest.raises(
            ForgefieldError, match=f"entry-{number} of .* cannot be used: {reason}.*; choose another"
        ):
            crystal_by_id(f"{optimade_server}:entry-{number}", tmp_path, QUICK)
    with pytest.raises(ForgefieldError, match="has no entry entry-99; look its identifier up"):
        crystal_by_id(f"{optimade_server}:entry-99", tmp_path, QUICK)
    with pytest.raises(ForgefieldError, match=r"there is no OPTIMADE database 'codd'; did you mean cod\?"):
        crystal_by_id("codd:17", tmp_path, QUICK)
    with pytest.raises(ForgefieldError, match="the Materials Project has no mp-12; look it up at https"):
        crystal_by_id("mp-12", tmp_path, QUICK)
    materials_project.answer = (200, '{"data": [{"material_id": "mp-13"}]}')
    with pytest.raises(
        ForgefieldError, match=r"mp-13 of the Materials Project cannot be read .*; choose another"
    ):
        crystal_by_id("mp-13", tmp_path, QUICK)


def test_servers_that_cannot_be_reached_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        ForgefieldError, match=r"127\.0\.0\.1:9 cannot be reached .*; check the address and the net"
    ):
        crystal_by_id("http://127.0.0.1:9:17", tmp_path, WebSpec(attempts=1))


@pytest.mark.parametrize(("atoms", "ions"), [(rutile(), TITANIA), (chalcopyrite(), COPPER_INDIUM_SELENIDE)])
def test_oxidation_states_are_guessed(atoms: object, ions: tuple[Ion, ...]) -> None:
    assert set(ions_of(Candidate(atoms, "file", "file/0"))) == set(ions)


def test_states_that_are_not_clear_are_asked_for() -> None:
    with pytest.raises(
        ForgefieldError,
        match=r"the oxidation states of Al \(file/0\) are mixed or unknown; give the species with their oxidation",
    ):
        ions_of(Candidate(bulk("Al"), "file", "file/0"))
