"""Shared by the tests of reference calculations."""

from __future__ import annotations

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
def fresh_worker() -> Iterator[None]:
    """No child process from an earlier test, none left for a later one."""
    stop_worker()
    yield
    stop_worker()
