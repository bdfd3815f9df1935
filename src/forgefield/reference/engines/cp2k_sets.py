"""Entries of CP2K's files of basis sets and pseudopotentials."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from forgefield.atoms.errors import ForgefieldError

_HEADING = re.compile(r"[A-Z][a-z]?\s+[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Entry:
    """An element's entry.

    Attributes:
        lines: heading and what follows it, without comments.
    """

    lines: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Hash (12 hex digits), so that another set is another recipe."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()[:12]

    @property
    def valence(self) -> int:
        """Electrons, for a pseudopotential: its second line counts them by angular momentum."""
        return sum(int(word) for word in self.lines[1].split())


def find_entry(path: Path, symbol: str, name: str) -> Entry:
    """An element's entry.

    Args:
        path: file such as ``BASIS_MOLOPT`` or ``GTH_POTENTIALS``.
        symbol: element.
        name: of the set, or one of its aliases.

    Raises:
        ForgefieldError: there is no such file or entry.
    """
    if not path.is_file():
        raise ForgefieldError(
            f"engine cp2k: {path.name} is not in {path.parent}",
            "set reference.pseudopotentials (or CP2K_DATA_DIR) to CP2K's data folder, or name another file in "
            "reference.parameters",
        )
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
    for start, line in enumerate(lines):
        words = line.split()
        if words and words[0] == symbol and name in words[1:]:
            end = start + 1
            while end < len(lines) and not _HEADING.match(lines[end]) and not lines[end].startswith("#"):
                end += 1
            return Entry(tuple(line for line in lines[start:end] if line))
    raise ForgefieldError(
        f"engine cp2k: no {name} for {symbol} in {path}",
        "name another set or file in reference.parameters, or choose another functional",
    )
