"""The recipe: everything that decides the numbers of a reference calculation, settled once per system."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property

from ase.data import atomic_numbers
from pydantic import JsonValue

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import Spec
from forgefield.reference.engines.registry import find_engine
from forgefield.reference.spec import ReferenceSpec


class Limits(Spec):
    """What the gatekeeper lets pass."""

    max_force: float
    """Largest force on any atom, eV/Å."""
    min_distance_ratio: float
    """Smallest distance between two atoms, in sums of their covalent radii."""


class Recipe(Spec):
    """One way to compute labels, the same for every structure of a system.

    Build it with ``resolve_recipe``. Written out by ``model_dump_json`` and read back by
    ``model_validate_json``.
    """

    engine: str
    """As in the spec, such as ``gpaw`` or ``ase:<module>.<callable>``."""
    version: str
    """Version of the engine."""
    species: tuple[str, ...]
    """Sorted chemical symbols that the recipe was made for."""
    parameters: dict[str, JsonValue]
    """What the engine is given, resolved: no ``auto`` left."""
    limits: Limits
    """What the gatekeeper lets pass."""
    time_limit: float
    """Seconds per structure, all attempts together."""
    max_attempts: int
    """Attempts per structure."""
    command: str | None = None
    """Command line of the engine's program; None for the engine's own choice."""
    pseudopotentials: str | None = None
    """Folder of the engine's pseudopotentials; the files' hashes are among the parameters."""

    @cached_property
    def key(self) -> str:
        """Hash (12 hex digits) of all that changes the numbers: engine, version and parameters.

        Limits, time limit, attempts, command and folder decide whether there are labels, not which, and are left out.
        """
        content = json.dumps([self.engine, self.version, self.parameters], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """Engine and version for people, such as ``gpaw 26.7.0``."""
        return f"{self.engine} {self.version}"

    def __hash__(self) -> int:
        return hash(self.key)


def resolve_recipe(spec: ReferenceSpec, species: Sequence[str]) -> Recipe:
    """Settle the recipe of a system.

    Args:
        spec: the user's settings.
        species: chemical symbols of the system, in any order.

    Raises:
        ForgefieldError: no or unknown species, an engine that is not installed, parameters that the
            engine does not know, an element or functional that the engine lacks.
    """
    symbols = tuple(sorted(set(species)))
    unknown = [symbol for symbol in symbols if atomic_numbers.get(symbol, 0) == 0]
    if unknown or not symbols:
        raise ForgefieldError(
            f"species {', '.join(map(repr, unknown)) or '[]'} name no chemical element",
            "give chemical symbols such as Si",
        )
    engine = find_engine(spec.engine, spec.command, spec.pseudopotentials)
    return Recipe(
        engine=spec.engine,
        version=engine.version(),
        species=symbols,
        parameters=engine.resolve(spec, symbols),
        limits=Limits(max_force=spec.max_force, min_distance_ratio=spec.min_distance_ratio),
        time_limit=spec.time_limit,
        max_attempts=spec.max_attempts,
        command=spec.command,
        pseudopotentials=spec.pseudopotentials,
    )
