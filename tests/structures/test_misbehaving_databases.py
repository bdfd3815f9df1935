"""Databases that are slow, busy, broken, simple-minded or not there."""

from __future__ import annotations

import http.server
import json
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.structures import web_json
from forgefield.structures.compound_spec import WebSpec
from forgefield.structures.optimade_query import PROVIDERS

from .web_cases import Handler, asked, send


def test_a_silent_server_costs_the_time_out_and_no_more(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        begun = time.perf_counter()
        (note,) = asked(address, tmp_path, web=WebSpec(timeout=0.2, attempts=2, wait=0.0)).left_out
        assert 0.4 <= time.perf_counter() - begun < 10.0
    assert note.reason.endswith("did not answer within 0.2 s; try again later, or raise the time-out")


def test_a_network_that_takes_no_connection_costs_seconds_and_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_json, "_CONNECTION", 0.2)
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # The queue of connections is full then, and further ones are dropped without an answer.
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        address = f"http://127.0.0.1:{full.getsockname()[1]}"
        begun = time.perf_counter()
        (note,) = asked(address, tmp_path, web=WebSpec(timeout=60.0, attempts=3, wait=0.0)).left_out
        assert time.perf_counter() - begun < 10.0
    assert note.reason.endswith(
        "cannot be reached (ConnectTimeout); check the address and the network connection"
    )


def test_names_that_no_network_knows_cost_seconds_and_name_no_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://someone:secret@127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    begun = time.perf_counter()
    (note,) = asked("http://database.invalid", tmp_path, web=WebSpec(timeout=60.0, attempts=3)).left_out
    assert time.perf_counter() - begun < 10.0
    assert note.name == "database.invalid"
    assert note.reason == (
        "database.invalid cannot be reached (ProxyError); check the address and the network connection"
    )


def test_busy_servers_are_asked_again_but_not_for_ever(
    serve: Callable[[Handler], str], tmp_path: Path
) -> None:
    paths = []

    def busy(request: http.server.BaseHTTPRequestHandler) -> None:
        paths.append(request.path)
        if len(paths) % 3:
            send(request, 429, "{}", Retry_After="0")
        else:
            send(request, 200, '{"data": []}')

    address = serve(busy)
    assert "has no structure of Cl, Na" in asked(address, tmp_path / "a").left_out[0].reason
    assert len(paths) == 3
    paths.clear()
    patient = asked(address, tmp_path / "b", web=WebSpec(attempts=2, wait=0.0))
    assert "answered 429 Too Many Requests; try again later" in patient.left_out[0].reason
    assert len(paths) == 2


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
    result = asked(serve(lambda request: send(request, status, text)), tmp_path)
    assert result.candidates == ()
    assert reason in str(result.left_out[0])


def test_pages_that_go_in_circles_end(serve: Callable[[Handler], str], tmp_path: Path) -> None:
    def circle(request: http.server.BaseHTTPRequestHandler) -> None:
        send(request, 200, json.dumps({"data": [{}], "links": {"next": {"href": request.path}}}))

    result = asked(serve(circle), tmp_path)
    assert "repeats its pages" in result.left_out[-1].reason


def test_servers_without_the_whole_filter_are_asked_with_less(
    serve: Callable[[Handler], str], tmp_path: Path
) -> None:
    paths = []

    def simple(request: http.server.BaseHTTPRequestHandler) -> None:
        paths.append(request.path)
        if "nsites%3C" in request.path or "ONLY" in request.path:
            send(request, 501, '{"errors": [{"detail": "not implemented"}]}')
        else:
            send(request, 200, '{"data": []}')

    address = serve(simple)
    assert "has no structure" in asked(address, tmp_path / "a").left_out[0].reason
    assert len(paths) == 2
    paths.clear()
    asked(address, tmp_path / "b", subsets=True)
    assert len(paths) == 4  # HAS ONLY, then Cl, Na and both


def test_names_and_elements_are_checked(tmp_path: Path) -> None:
    assert all(address.startswith("https://") for address in PROVIDERS.values())
    with pytest.raises(
        ForgefieldError, match=r"no OPTIMADE database 'material-project'; did you mean materials-pro"
    ):
        asked("material-project", tmp_path)
    with pytest.raises(ForgefieldError, match="'Nx' is no element from H to Pu"):
        asked("cod", tmp_path, ("Nx",))


def test_without_requests_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(
        ForgefieldError, match=r"need requests, which is not installed; pip install 'forgefield\[struct"
    ):
        asked("cod", tmp_path)
