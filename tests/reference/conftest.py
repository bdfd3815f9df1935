"""Shared by the tests of reference calculations."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forgefield.reference.recipe import Recipe, resolve_recipe
from forgefield.reference.spec import ReferenceSpec
from forgefield.reference.worker import stop_worker

TERSOFF = "ase:forgefield.reference.engines.classical.tersoff_silicon"


@pytest.fixture
def tersoff() -> Recipe:
    """Tersoff silicon."""
    return resolve_recipe(ReferenceSpec(engine=TERSOFF), ["Si"])


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recipe]:
    """Recipes of Tersoff silicon with a fault: ``faulty(fault, every=1, ...)``; spec settings in ``spec``."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def make(fault: str, spec: dict[str, Any] | None = None, **parameters: Any) -> Recipe:
        parameters = {"fault": fault, "every": 1} | parameters
        settings = {"engine": "ase:faulty_calculators.FaultyTersoff", "parameters": parameters} | (spec or {})
        return resolve_recipe(ReferenceSpec(**settings), ["Si"])

    return make


@pytest.fixture
def wait_for() -> Callable[..., bool]:
    """Wait until a condition holds: ``wait_for(condition, seconds=120.0)``; whether it does."""

    def wait(condition: Callable[[], object], seconds: float = 120.0) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if condition():
                return True
            time.sleep(0.05)
        return False

    return wait


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds all temporary files of this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def fresh_worker() -> Iterator[None]:
    """No child process from an earlier test, none left for a later one."""
    stop_worker()
    yield
    stop_worker()
