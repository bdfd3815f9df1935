"""What a source of structures gives: structures, and what it left out and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from forgefield.atoms.records import Candidate


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that a source could have given and did not.

    Attributes:
        name: what it is: a structure, an entry of a database, a formula, or a whole database.
        reason: one line for people.
        general: whether this is about a whole source or formula instead of one structure.
    """

    name: str
    reason: str
    general: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class SourceResult:
    """Structures from one source, or from several.

    Attributes:
        candidates: the structures, most important first.
        left_out: what was left out, in the order in which it was met.
    """

    candidates: tuple[Candidate, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceCount:
    """What became of the structures of one source.

    Attributes:
        source: its name.
        found: structures that it gave.
        duplicates: that repeated another one.
        surplus: that were more than wanted.
        kept: that are used.
    """

    source: str
    found: int
    duplicates: int
    surplus: int
    kept: int

    @property
    def excluded(self) -> int:
        """Structures that did not fit oxidation states or formula."""
        return self.found - self.duplicates - self.surplus - self.kept


@dataclass(frozen=True, slots=True)
class Collected:
    """All initial structures.

    Attributes:
        candidates: the structures, most important first.
        left_out: what was left out, and why.
        sources: the numbers, by source.
    """

    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...] = ()
    sources: tuple[SourceCount, ...] = ()


def joined(results: Iterable[SourceResult]) -> SourceResult:
    """All structures and notes of several sources, one source after the other."""
    results = tuple(results)
    return SourceResult(
        tuple(candidate for result in results for candidate in result.candidates),
        tuple(note for result in results for note in result.left_out),
    )
