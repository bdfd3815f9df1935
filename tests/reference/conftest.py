"""Shared by the tests of reference calculations."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from forgefield.reference.recipe import Recipe, resolve_recipe
from forgefield.reference.spec import ReferenceSpec
from forgefield.reference.worker import stop_worker

TERSOFF = "ase:forgefield.reference.engines.classical.tersoff_silicon"


@dataclass(frozen=True)
class Installed:
    """A program with silicon's pseudopotential where Debian's packages put them."""

    program: str
    pseudopotentials: Path
    packages: str
    cutoff: float
    parameters: dict[str, Any] = field(default_factory=dict)


PROGRAMS = {
    "espresso": Installed(
        "pw.x",
        Path("/usr/share/espresso/pseudo"),
        "quantum-espresso, quantum-espresso-data",
        400.0,
        {"pseudopotentials": {"Si": "Si.pbe-rrkj.UPF"}},
    ),
    # The smallest basis set: quick, and as consistent as any.
    "cp2k": Installed(
        "cp2k", Path("/usr/share/cp2k"), "cp2k, cp2k-data", 700.0, {"basis_set": "SZV-MOLOPT-SR-GTH"}
    ),
    "abinit": Installed(
        "abinit",
        Path("/usr/share/abinit/psp/Pseudodojo_nc_sr_04_pbe_standard_psp8"),
        "abinit, abinit-data",
        400.0,
    ),
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a program that is not here."""
    for mark in item.iter_markers("program"):
        needed = PROGRAMS[mark.args[0]]
        if shutil.which(needed.program) is None or not needed.pseudopotentials.is_dir():
            pytest.skip(
                f"needs {needed.program} and {needed.pseudopotentials} (Debian packages: {needed.packages})"
            )


@pytest.fixture
def silicon_recipe() -> Callable[..., Recipe]:
    """Recipes of silicon for an installed program: ``silicon_recipe(engine, **settings)``."""

    def make(engine: str, parameters: dict[str, Any] | None = None, **settings: Any) -> Recipe:
        known = PROGRAMS[engine]
        usual = {"cutoff": known.cutoff, "pseudopotentials": str(known.pseudopotentials)}
        further = {"parameters": known.parameters | (parameters or {})}
        return resolve_recipe(ReferenceSpec(engine=engine, **{**usual, **settings, **further}), ["Si"])

    return make


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
