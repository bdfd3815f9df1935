"""Lines of n2p2's files with their numbers, and errors that name the place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ase.data import atomic_numbers

from forgefield.atoms.errors import ForgefieldError


@dataclass(frozen=True)
class Line:
    """One line with content: the file, the number (from 1), and its words without comments."""

    path: Path
    number: int
    words: tuple[str, ...]

    def error(self, expected: str) -> ForgefieldError:
        """What is wrong here and what should be here instead."""
        return ForgefieldError(
            f"{self.path}, line {self.number}: cannot read {' '.join(self.words)!r}", f"expected {expected}"
        )

    def numbers(self, start: int, stop: int, expected: str) -> tuple[float, ...]:
        """The words from `start` to before `stop` as numbers.

        Raises:
            ForgefieldError: too few words, or one that is no number.
        """
        if len(self.words) < stop:
            raise self.error(expected)
        try:
            return tuple(float(word.replace("D", "E").replace("d", "e")) for word in self.words[start:stop])
        except ValueError:
            raise self.error(expected) from None

    def whole(self, place: int, expected: str) -> int:
        """The word at this place as a whole number."""
        try:
            return int(self.words[place])
        except (IndexError, ValueError):
            raise self.error(expected) from None

    def element(self, place: int, known: tuple[str, ...] | None = None) -> str:
        """The word at this place as a chemical symbol, one of `known` if these are given."""
        symbol = self.words[place] if place < len(self.words) else ""
        if symbol not in atomic_numbers or (known is not None and symbol not in known):
            raise self.error(f"a chemical symbol among {', '.join(known)}" if known else "a chemical symbol")
        return symbol


def lines_of(path: Path, comments: str = "#") -> Iterator[Line]:
    """Lines that are not empty, comments cut off.

    Raises:
        ForgefieldError: the file is not there or is no text.
    """
    try:
        content = path.read_text()
    except FileNotFoundError:
        raise ForgefieldError(f"there is no file {path}", "give the folder of a complete potential") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ForgefieldError(f"{path} cannot be read ({error})", "give a text file of n2p2") from None
    for number, text in enumerate(content.splitlines(), start=1):
        for mark in comments:
            text = text.partition(mark)[0]
        words = tuple(text.split())
        if words:
            yield Line(path, number, words)
