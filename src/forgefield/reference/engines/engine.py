"""The shape that every engine has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ase import Atoms
from pydantic import JsonValue

from forgefield.atoms.records import Array
from forgefield.reference.spec import ReferenceSpec

Parameters = Mapping[str, JsonValue]
"""An engine's resolved parameters, as they stand in the recipe."""


@dataclass(frozen=True, slots=True)
class SinglePoint:
    """Raw results of one calculation.

    Attributes:
        energy: eV; where the engine smears occupations the free energy, whose derivatives the forces are.
        forces: (N, 3), eV/Å.
        stress: (6,), eV/Å³, Voigt order xx yy zz yz xz xy; None where there is none.
    """

    energy: float
    forces: Array
    stress: Array | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One rung of the retry ladder: how the self-consistency cycle is run, never what it converges to.

    Attributes:
        change: the change for people, such as ``mixing 0.02, 666 steps``.
        settings: what the engine makes of it, by the names of the engine's calculator.
    """

    change: str
    settings: dict[str, JsonValue]


class NotConvergedError(Exception):
    """The calculation ended without self-consistency."""


class Engine(Protocol):
    """An electronic-structure code, or any ASE calculator, behind one shape."""

    def version(self) -> str:
        """Version of the code.

        Raises:
            ForgefieldError: the code is not installed.
        """
        ...

    def resolve(self, spec: ReferenceSpec, species: tuple[str, ...]) -> dict[str, JsonValue]:
        """Parameters for all structures of these species; no structure is known yet.

        Raises:
            ForgefieldError: the engine cannot do what is asked.
        """
        ...

    def unsuitable(self, atoms: Atoms, parameters: Parameters) -> str | None:
        """Why the engine cannot treat this structure rightly, or None."""
        ...

    def attempts(self, parameters: Parameters) -> tuple[Attempt, ...]:
        """The retry ladder, the usual way first."""
        ...

    def prepare(self) -> None:
        """Import what is slow to import, so that it is not counted as calculation time."""
        ...

    def run(self, atoms: Atoms, parameters: Parameters, attempt: Attempt) -> SinglePoint:
        """Compute one structure, from scratch so that results do not depend on their order.

        Raises:
            NotConvergedError: no self-consistency within the attempt's steps.
            Exception: whatever else the code raises.
        """
        ...
