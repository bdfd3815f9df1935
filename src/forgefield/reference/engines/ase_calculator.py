"""Any ASE calculator, named by its import path."""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from ase import Atoms
from pydantic import JsonValue

from forgefield.atoms.errors import ForgefieldError
from forgefield.reference.engines.engine import Attempt, Parameters, SinglePoint
from forgefield.reference.engines.single_point import single_point
from forgefield.reference.spec import ReferenceSpec


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """Installed distributions by their top-level modules; half a second to find out."""
    return metadata.packages_distributions()


class AseCalculatorEngine:
    """A callable that returns an ASE calculator, or a calculator class.

    Args:
        path: dotted import path, such as ``ase.calculators.emt.EMT``.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._module, _, self._attribute = path.rpartition(".")

    def version(self) -> str:
        """Version of the package that the calculator comes from.

        For a module that belongs to no installed package, a hash of its source file: labels from an
        edited calculator are not mixed with older ones.
        """
        self._factory()
        distributions = _distributions().get(self._module.partition(".")[0])
        if distributions:
            return metadata.version(distributions[0])
        source = inspect.getsourcefile(importlib.import_module(self._module))
        if source is None:
            return "unversioned"
        return "source-" + hashlib.sha256(Path(source).read_bytes()).hexdigest()[:8]

    def resolve(self, spec: ReferenceSpec, species: tuple[str, ...]) -> dict[str, JsonValue]:
        """The user's parameters, checked against the callable's signature."""
        try:
            inspect.signature(self._factory()).bind(**spec.parameters)
        except TypeError as error:
            raise ForgefieldError(
                f"reference.parameters {sorted(spec.parameters)} do not fit {self.path}: {error}",
                f"{self.path} takes {inspect.signature(self._factory())}",
            ) from error
        return dict(spec.parameters)

    def unsuitable(self, atoms: Atoms, parameters: Parameters) -> str | None:
        """Nothing is known about the calculator's limits."""
        return None

    def attempts(self, parameters: Parameters) -> tuple[Attempt, ...]:
        """One: what would help an unknown calculator is unknown."""
        return (Attempt("as given", {}),)

    def prepare(self) -> None:
        """Import the calculator's module."""
        self._factory()

    def run(self, atoms: Atoms, parameters: Parameters, attempt: Attempt) -> SinglePoint:
        """One calculation with a fresh calculator."""
        return single_point(atoms, self.calculator(parameters))

    def calculator(self, parameters: Parameters) -> Any:
        """A fresh calculator."""
        return self._factory()(**parameters)

    def _factory(self) -> Callable[..., Any]:
        try:
            factory = getattr(importlib.import_module(self._module), self._attribute)
        except ImportError as error:
            raise ForgefieldError(
                f"engine ase:{self.path} cannot be imported: {error}",
                "check the spelling, install the package that holds it, or add its folder to PYTHONPATH",
            ) from error
        except AttributeError as error:
            raise ForgefieldError(
                f"module {self._module} has no {self._attribute}",
                "name a calculator class, or a function that returns a calculator",
            ) from error
        if not callable(factory):
            raise ForgefieldError(
                f"{self.path} is {type(factory).__name__}, not a callable",
                "name a calculator class, or a function that returns a calculator",
            )
        return factory
