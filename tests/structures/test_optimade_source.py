"""Databases: the reference server with structures of our own, and servers that misbehave."""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import ase.io
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.structures.compound_spec import OptimadeSpec, WebSpec
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ions import Ion
from forgefield.structures.optimade_source import PROVIDERS, optimade_structures
from forgefield.structures.source_result import SourceResult

from .compound_cases import TITANIA, anatase, brookite, rutile

QUICK = WebSpec(timeout=30.0, attempts=3, wait=0.01)
SALT = (Ion("Na", 1), Ion("Cl", -1))


def _changed(atoms: Atoms, **changes: object) -> Atoms:
    atoms.info["changes"] = json.dumps(changes)
    return atoms


STORED = [
    rutile(),
    anatase(),
    brookite(),
    bulk("TiO", "rocksalt", a=4.18),
    bulk("Ti", "hcp", a=2.95, c=4.68),
    bulk("NaCl", "rocksalt", a=5.64),
    bulk("NaCl", "cesiumchloride", a=3.4),
    bulk("NaCl", "rocksalt", a=5.64, cubic=True),
    _changed(bulk("NaCl", "zincblende", a=6.1), nsites=3),
    _changed(bulk("NaCl", "wurtzite", a=4.3), lattice_vectors=None),
    _changed(
        bulk("MgO", "rocksalt", a=4.2),
        species=[
            {"name": "Mg", "chemical_symbols": ["Mg", "vacancy"], "concentration": [0.5, 0.5]},
            {"name": "O", "chemical_symbols": ["O"], "concentration": [1.0]},
        ],
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip(
        "optimade.server", reason="needs the reference server: pip install 'optimade[server]'"
    )
    pytest.importorskip("uvicorn", reason="needs the reference server: pip install 'optimade[server]'")
    folder = tmp_path_factory.mktemp("optimade")
    ase.io.write(folder / "stored.extxyz", STORED)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = Path(__file__).with_name("optimade_server.py")
    command = [sys.executable, str(script), str(port), str(folder / "stored.extxyz")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(600):
            if process.poll() is not None:
                pytest.fail((folder / "log").read_text())
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/info", timeout=30).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


Handler = Callable[[http.server.BaseHTTPRequestHandler], None]


@pytest.fixture
def serve() -> Iterator[Callable[[Handler], str]]:
    """Starts a server that answers each request as a function says."""
    started = []

    def start(handle: Handler) -> str:
        methods = {"do_GET": handle, "log_message": lambda *_: None}
        handler = type("Handler", (http.server.BaseHTTPRequestHandler,), methods)
        running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        started.append(running)
        return f"http://127.0.0.1:{running.server_port}"

    yield start
    for running in started:
        running.shutdown()
        running.server_close()


def _send(request: http.server.BaseHTTPRequestHandler, status: int, text: str, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(text.encode())


def _asked(
    address: str, cache: Path, elements: tuple[str, ...] = ("Na", "Cl"), **settings: object
) -> SourceResult:
    spec = OptimadeSpec.model_validate({"web": QUICK, **settings})
    return optimade_structures([address], elements, spec, cache)


def _ids(result: SourceResult) -> list[str]:
    return [candidate.trajectory.rsplit("/", 1)[1] for candidate in result.candidates]


def test_crystals_of_exactly_the_elements_come_back_as_they_were_stored(server: str, tmp_path: Path) -> None:
    result = _asked(server, tmp_path, ("Ti", "O"))
    assert _ids(result) == ["entry-0", "entry-1", "entry-2", "entry-3"]
    assert result.left_out == ()
    for candidate, stored in zip(result.candidates, STORED, strict=False):
        assert candidate.atoms.get_chemical_symbols() == stored.get_chemical_symbols()
        assert candidate.atoms.positions == pytest.approx(stored.positions, abs=1e-7)
        assert candidate.atoms.cell.array == pytest.approx(stored.cell.array, abs=1e-7)
        assert candidate.atoms.pbc.all()
        assert candidate.source == "database"
    assert result.candidates[0].trajectory == f"database/{server.removeprefix('http://')}/entry-0"
    assert result.candidates[0].note == f"Ti2O4, entry-0 of {server.removeprefix('http://')}"


def test_some_of_the_elements_are_enough_on_request(server: str, tmp_path: Path) -> None:
    result = _asked(server, tmp_path, ("Ti", "O"), subsets=True)
    assert _ids(result) == ["entry-0", "entry-1", "entry-2", "entry-3", "entry-4"]


def test_large_crystals_are_not_even_sent(server: str, tmp_path: Path) -> None:
    result = _asked(server, tmp_path, ("Ti", "O"), max_atoms=6)
    assert _ids(result) == ["entry-0", "entry-3"]
    assert result.left_out == ()


def test_pages_are_followed_and_the_limit_is_kept(server: str, tmp_path: Path) -> None:
    assert _ids(_asked(server, tmp_path, ("Ti", "O"), page_limit=1)) == [f"entry-{n}" for n in range(4)]
    assert len(list(tmp_path.glob("*.json"))) == 4
    cut = _asked(server, tmp_path, ("Ti", "O"), page_limit=1, limit=3)
    assert _ids(cut) == ["entry-0", "entry-1", "entry-2"]
    assert cut.left_out[0].reason == "has more than 3 entries; raise limit for the others"


def test_malformed_and_disordered_entries_are_listed_and_duplicates_dropped(
    server: str, tmp_path: Path
) -> None:
    result = _asked(server, tmp_path)
    assert _ids(result) == ["entry-5", "entry-6"]
    assert [note.reason for note in result.left_out] == [
        "it has 2 sites, but says nsites 3",
        "it has no lattice_vectors",
    ]
    assert result.left_out[0].name.endswith("entry-8")
    disordered = _asked(server, tmp_path, ("Mg", "O"))
    assert disordered.candidates == ()
    assert [note.reason for note in disordered.left_out] == [
        "some of its sites are shared by several elements or partly empty",
        "has no structure of Mg, O with these limits",
    ]


def test_oxidation_states_are_checked_on_request(server: str, tmp_path: Path) -> None:
    result = optimade_structures([server], ("Ti", "O"), OptimadeSpec(web=QUICK), tmp_path, TITANIA)
    assert _ids(result) == ["entry-0", "entry-1", "entry-2"]
    assert "Ti would have to be Ti2+" in result.left_out[0].reason
    assert len(remove_duplicates(result.candidates)) == 3


def test_the_same_question_is_not_asked_twice(
    server: str, serve: Callable[[Handler], str], tmp_path: Path
) -> None:
    asked = []

    def relay(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        own = f"http://{request.headers['Host']}"
        with urllib.request.urlopen(server + request.path, timeout=30) as answer:
            _send(request, 200, answer.read().decode().replace(server, own))

    address = serve(relay)
    first = _asked(address, tmp_path, ("Ti", "O"), page_limit=3)
    assert len(asked) == 2
    again = _asked(address, tmp_path, ("Ti", "O"), page_limit=3)
    assert len(asked) == 2
    assert _ids(again) == _ids(first) == [f"entry-{n}" for n in range(4)]
    _asked(address, tmp_path / "other", ("Ti", "O"), page_limit=3)
    assert len(asked) == 4


def test_a_request_that_the_real_server_refuses_is_reported(server: str, tmp_path: Path) -> None:
    result = _asked(server, tmp_path, page_limit=501)
    (note,) = result.left_out
    assert note.reason.startswith(
        f"{server.removeprefix('http://')} answered 403 Forbidden: Max allowed page_limit"
    )
    assert result.candidates == ()
    assert not list(tmp_path.iterdir())


def test_a_real_server_that_is_too_slow_is_reported(server: str, tmp_path: Path) -> None:
    hasty = WebSpec(timeout=0.0005, attempts=1)
    (note,) = _asked(server, tmp_path, web=hasty).left_out
    assert "did not answer within 0.0005 s; try again later" in note.reason


def test_a_silent_server_costs_the_time_out_and_no_more(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        begun = time.perf_counter()
        (note,) = _asked(address, tmp_path, web=WebSpec(timeout=0.2, attempts=2, wait=0.0)).left_out
        assert 0.4 <= time.perf_counter() - begun < 10.0
    assert note.reason.endswith("did not answer within 0.2 s; try again later, or raise the time-out")


def test_offline_databases_are_skipped_and_the_others_asked(server: str, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    result = optimade_structures([nowhere, server], ("Ti", "O"), OptimadeSpec(web=QUICK), tmp_path)
    assert len(result.candidates) == 4
    assert str(result.left_out[0]) == (
        "127.0.0.1:9: 127.0.0.1:9 cannot be reached (ConnectionError); check the address and the network connection"
    )


def test_busy_servers_are_asked_again_but_not_for_ever(
    serve: Callable[[Handler], str], tmp_path: Path
) -> None:
    asked = []

    def busy(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        if len(asked) % 3:
            _send(request, 429, "{}", Retry_After="0")
        else:
            _send(request, 200, '{"data": []}')

    address = serve(busy)
    assert "has no structure of Cl, Na" in _asked(address, tmp_path / "a").left_out[0].reason
    assert len(asked) == 3
    asked.clear()
    patient = _asked(address, tmp_path / "b", web=WebSpec(attempts=2, wait=0.0))
    assert "answered 429 Too Many Requests; try again later" in patient.left_out[0].reason
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [
        (
            200,
            "<html>maintenance</html>",
            "no JSON object: '<html>maintenance</html>'; check that the address",
        ),
        (200, "[]", r"answered with something that is no JSON object: '[]'"),
        (200, '{"data": null}', "sent an answer without a list of data"),
        (200, '{"data": [17], "links": 3}', "it has no attributes"),
        (
            500,
            '{"errors": [{"detail": "out of memory"}]}',
            "answered 500 Internal Server Error: out of memory",
        ),
        (404, "gone", "answered 404 Not Found"),
    ],
)
def test_nonsense_is_reported(
    serve: Callable[[Handler], str], tmp_path: Path, status: int, text: str, reason: str
) -> None:
    result = _asked(serve(lambda request: _send(request, status, text)), tmp_path)
    assert result.candidates == ()
    assert reason in str(result.left_out[0])


def test_pages_that_go_in_circles_end(serve: Callable[[Handler], str], tmp_path: Path) -> None:
    def circle(request: http.server.BaseHTTPRequestHandler) -> None:
        _send(request, 200, json.dumps({"data": [{}], "links": {"next": {"href": request.path}}}))

    result = _asked(serve(circle), tmp_path)
    assert "repeats its pages" in result.left_out[-1].reason


def test_servers_without_the_whole_filter_are_asked_with_less(
    serve: Callable[[Handler], str], tmp_path: Path
) -> None:
    asked = []

    def simple(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        if "nsites%3C" in request.path or "ONLY" in request.path:
            _send(request, 501, '{"errors": [{"detail": "not implemented"}]}')
        else:
            _send(request, 200, '{"data": []}')

    address = serve(simple)
    assert "has no structure" in _asked(address, tmp_path / "a").left_out[0].reason
    assert len(asked) == 2
    asked.clear()
    _asked(address, tmp_path / "b", subsets=True)
    assert len(asked) == 4  # HAS ONLY, then Cl, Na and both


def test_a_broken_folder_is_asked_anew(server: str, tmp_path: Path) -> None:
    _asked(server, tmp_path, ("Ti", "O"))
    (kept,) = tmp_path.glob("*.json")
    kept.write_text("{")
    assert len(_asked(server, tmp_path, ("Ti", "O")).candidates) == 4


def test_names_and_elements_are_checked(tmp_path: Path) -> None:
    assert all(address.startswith("https://") for address in PROVIDERS.values())
    with pytest.raises(
        ForgefieldError, match=r"no OPTIMADE database 'material-project'; did you mean materials-pro"
    ):
        _asked("material-project", tmp_path)
    with pytest.raises(ForgefieldError, match="'Nx' is no element from H to Pu"):
        _asked("cod", tmp_path, ("Nx",))
