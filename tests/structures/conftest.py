"""Servers on loopback: the reference OPTIMADE server, the Materials Project, and any that a test makes up."""

from __future__ import annotations

import http.server
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
from pymatgen.core import SETTINGS

from .materials_project_server import A_KEY, MaterialsProject
from .web_cases import STORED, Handler


@pytest.fixture(scope="module")
def optimade_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
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


@pytest.fixture
def materials_project(monkeypatch: pytest.MonkeyPatch) -> Iterator[MaterialsProject]:
    started = MaterialsProject()
    # The client's own setting for another address.
    monkeypatch.setitem(SETTINGS, "PMG_MAPI_ENDPOINT", f"http://127.0.0.1:{started.http.server_port}/")
    monkeypatch.setenv("MP_API_KEY", A_KEY)
    yield started
    started.http.shutdown()
    started.http.server_close()
