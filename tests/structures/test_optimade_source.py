"""Databases: what comes from the reference server, which stores structures of our own."""

from __future__ import annotations

import http.server
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from forgefield.structures.compound_spec import CrystalSpec, OptimadeSpec, WebSpec
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.optimade_source import optimade_structures
from forgefield.structures.source_result import SourceResult

from .compound_cases import TITANIA
from .web_cases import LIMITS, QUICK, STORED, Handler, asked, send


def _ids(result: SourceResult) -> list[str]:
    return [candidate.trajectory.rsplit("/", 1)[1] for candidate in result.candidates]


def test_crystals_of_exactly_the_elements_come_back_as_they_were_stored(
    optimade_server: str, tmp_path: Path
) -> None:
    result = asked(optimade_server, tmp_path, ("Ti", "O"))
    assert _ids(result) == ["entry-0", "entry-1", "entry-2", "entry-3"]
    assert result.left_out == ()
    for candidate, stored in zip(result.candidates, STORED, strict=False):
        assert candidate.atoms.get_chemical_symbols() == stored.get_chemical_symbols()
        assert candidate.atoms.positions == pytest.approx(stored.positions, abs=1e-7)
        assert candidate.atoms.cell.array == pytest.approx(stored.cell.array, abs=1e-7)
        assert candidate.atoms.pbc.all()
        assert candidate.source == "database"
    assert result.candidates[0].trajectory == f"database/{optimade_server.removeprefix('http://')}/entry-0"
    assert result.candidates[0].note == f"Ti2O4, entry-0 of {optimade_server.removeprefix('http://')}"


def test_some_of_the_elements_are_enough_on_request(optimade_server: str, tmp_path: Path) -> None:
    result = asked(optimade_server, tmp_path, ("Ti", "O"), subsets=True)
    assert _ids(result) == ["entry-0", "entry-1", "entry-2", "entry-3", "entry-4"]


def test_small_cells_are_repeated_or_left_out(optimade_server: str, tmp_path: Path) -> None:
    repeated = asked(optimade_server, tmp_path, limits=CrystalSpec())
    assert [len(candidate.atoms) for candidate in repeated.candidates] == [4, 4]
    assert repeated.candidates[0].note.startswith("NaCl, entry-5")
    dropped = asked(optimade_server, tmp_path, limits=CrystalSpec(small_cells="drop"))
    assert _ids(dropped) == ["entry-7"]
    assert str(dropped.left_out[0]).endswith(
        "entry-5: 2 atoms, fewer than min_atoms 4; small_cells: repeat would keep it"
    )


def test_large_crystals_are_not_even_sent(optimade_server: str, tmp_path: Path) -> None:
    result = asked(optimade_server, tmp_path, ("Ti", "O"), limits=CrystalSpec(min_atoms=1, max_atoms=6))
    assert _ids(result) == ["entry-0", "entry-3"]
    assert result.left_out == ()


def test_pages_are_followed_and_the_limit_is_kept(optimade_server: str, tmp_path: Path) -> None:
    assert _ids(asked(optimade_server, tmp_path, ("Ti", "O"), page_limit=1)) == [
        f"entry-{n}" for n in range(4)
    ]
    assert len(list(tmp_path.glob("*.json"))) == 4
    cut = asked(optimade_server, tmp_path, ("Ti", "O"), page_limit=1, limit=3)
    assert _ids(cut) == ["entry-0", "entry-1", "entry-2"]
    assert cut.left_out[0].reason == "has more than 3 entries; raise limit for the others"


def test_malformed_and_disordered_entries_are_listed_and_duplicates_dropped(
    optimade_server: str, tmp_path: Path
) -> None:
    result = asked(optimade_server, tmp_path)
    assert _ids(result) == ["entry-5", "entry-6"]
    assert [note.reason for note in result.left_out] == [
        "it has 2 sites, but says nsites 3",
        "it has no lattice_vectors",
    ]
    assert result.left_out[0].name.endswith("entry-8")
    disordered = asked(optimade_server, tmp_path, ("Mg", "O"))
    assert disordered.candidates == ()
    assert [note.reason for note in disordered.left_out] == [
        "some of its sites are shared by several elements or partly empty",
        "has no structure of Mg, O with these limits",
    ]


def test_oxidation_states_are_checked_on_request(optimade_server: str, tmp_path: Path) -> None:
    result = optimade_structures(
        [optimade_server], ("Ti", "O"), OptimadeSpec(web=QUICK), LIMITS, tmp_path, TITANIA
    )
    assert _ids(result) == ["entry-0", "entry-1", "entry-2"]
    assert "Ti would have to be Ti2+" in result.left_out[0].reason
    assert len(remove_duplicates(result.candidates)) == 3


def test_the_same_question_is_not_asked_twice(
    optimade_server: str, serve: Callable[[Handler], str], tmp_path: Path
) -> None:
    paths = []

    def relay(request: http.server.BaseHTTPRequestHandler) -> None:
        paths.append(request.path)
        own = f"http://{request.headers['Host']}"
        with urllib.request.urlopen(optimade_server + request.path, timeout=30) as answer:
            send(request, 200, answer.read().decode().replace(optimade_server, own))

    address = serve(relay)
    first = asked(address, tmp_path, ("Ti", "O"), page_limit=3)
    assert len(paths) == 2
    again = asked(address, tmp_path, ("Ti", "O"), page_limit=3)
    assert len(paths) == 2
    assert _ids(again) == _ids(first) == [f"entry-{n}" for n in range(4)]
    asked(address, tmp_path / "other", ("Ti", "O"), page_limit=3)
    assert len(paths) == 4


def test_a_request_that_the_real_server_refuses_is_reported(optimade_server: str, tmp_path: Path) -> None:
    result = asked(optimade_server, tmp_path, page_limit=501)
    (note,) = result.left_out
    assert note.reason.startswith(
        f"{optimade_server.removeprefix('http://')} answered 403 Forbidden: Max allowed page_limit"
    )
    assert result.candidates == ()
    assert not list(tmp_path.iterdir())


def test_a_real_server_that_is_too_slow_is_reported(optimade_server: str, tmp_path: Path) -> None:
    hasty = WebSpec(timeout=0.0005, attempts=1)
    (note,) = asked(optimade_server, tmp_path, web=hasty).left_out
    assert "did not answer within 0.0005 s; try again later" in note.reason


def test_offline_databases_are_skipped_and_the_others_asked(optimade_server: str, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    result = optimade_structures(
        [nowhere, optimade_server], ("Ti", "O"), OptimadeSpec(web=QUICK), LIMITS, tmp_path
    )
    assert len(result.candidates) == 4
    assert str(result.left_out[0]) == (
        "127.0.0.1:9: 127.0.0.1:9 cannot be reached (ConnectionError); check the address and the network connection"
    )


def test_a_broken_folder_is_asked_anew(optimade_server: str, tmp_path: Path) -> None:
    asked(optimade_server, tmp_path, ("Ti", "O"))
    (kept,) = tmp_path.glob("*.json")
    kept.write_text("{")
    assert len(asked(optimade_server, tmp_path, ("Ti", "O")).candidates) == 4
