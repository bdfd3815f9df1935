"""Files of pseudopotentials in a folder that the user names."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from forgefield.atoms.errors import ForgefieldError


@dataclass(frozen=True, slots=True)
class PseudopotentialFolder:
    """Where an engine finds its pseudopotentials.

    Attributes:
        engine: name of the engine, for errors.
        variable: environment variable that names the folder.
        path: ``reference.pseudopotentials``; None for the environment variable.
        usual: where a system's package puts them, used when nothing is named.
    """

    engine: str
    variable: str
    path: str | None = None
    usual: str | None = None

    def find(self) -> Path:
        """The folder.

        Raises:
            ForgefieldError: none is named, or it does not exist.
        """
        named = self.path or os.environ.get(self.variable) or self.usual
        if not named:
            raise ForgefieldError(
                f"engine {self.engine} needs a folder of pseudopotentials and none is named", self.remedy
            )
        folder = Path(named).expanduser().absolute()
        if not folder.is_dir():
            raise ForgefieldError(
                f"engine {self.engine}: folder of pseudopotentials {folder} does not exist", self.remedy
            )
        return folder

    @property
    def remedy(self) -> str:
        """How to name the folder."""
        return f"set reference.pseudopotentials (or {self.variable}) to the folder that holds them"

    def choose(
        self,
        symbol: str,
        xc: str,
        named: JsonValue,
        endings: Sequence[str],
        made_with: Callable[[Path], str | None],
    ) -> Path:
        """The file of an element: the one that is named, else the only one made with the functional.

        Args:
            symbol: element.
            xc: functional.
            named: ``reference.parameters.pseudopotentials``, files by element.
            endings: of files of the engine's formats, in lower case.
            made_with: reads a file's functional; None if it is another one than those known.

        Raises:
            ForgefieldError: there is none or more than one, or the named one does not fit.
        """
        folder = self.find()
        if isinstance(named, Mapping) and symbol in named:
            return _fitting(folder, symbol, str(named[symbol]), xc, made_with)
        found = [path for path in _candidates(folder, symbol, endings) if made_with(path) == xc]
        if not found:
            raise ForgefieldError(
                f"no {xc} pseudopotential for {symbol} in {folder}",
                f"put one there, named {symbol}… and ending in {' or '.join(endings)}, or {self.remedy}",
            )
        if len(found) > 1:
            raise ForgefieldError(
                f"{len(found)} {xc} pseudopotentials for {symbol} in {folder}: "
                f"{', '.join(path.name for path in found)}",
                f"choose one, such as reference.parameters.pseudopotentials: {{{symbol}: {found[0].name}}}",
            )
        return found[0]


def fingerprint(path: Path) -> str:
    """Hash of a file (12 hex digits), so that another pseudopotential is another recipe."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def settled_cutoff(cutoff: float | str, suggested: Mapping[Path, float]) -> float:
    """The user's cutoff, or for ``auto`` the largest one that a file suggests.

    Args:
        cutoff: eV, or ``auto``.
        suggested: by file, eV; 0 if it suggests none.

    Raises:
        ForgefieldError: ``auto``, and a file suggests none.
    """
    if not isinstance(cutoff, str):
        return cutoff
    silent = [path.name for path, value in suggested.items() if not value]
    if silent:
        raise ForgefieldError(
            f"pseudopotential {', '.join(silent)} suggests no cutoff", "set reference.cutoff in eV"
        )
    return max(suggested.values())


def recorded(paths: Mapping[str, Path]) -> dict[str, JsonValue]:
    """Names and fingerprints for the recipe, by element."""
    return {symbol: {"file": path.name, "hash": fingerprint(path)} for symbol, path in paths.items()}


def recalled(folder: Path, record: JsonValue) -> dict[str, Path]:
    """The files of a recipe, by element.

    Raises:
        ForgefieldError: a file is missing or has changed since the recipe was made.
    """
    paths: dict[str, Path] = {}
    entries: Any = record
    for symbol, entry in entries.items():
        path = folder / str(entry["file"])
        if not path.is_file() or fingerprint(path) != entry["hash"]:
            raise ForgefieldError(
                f"pseudopotential {path} is missing or is not the one that the recipe was made with "
                f"({entry['hash']})",
                "bring the file back, or begin a new run",
            )
        paths[symbol] = path
    return paths


def _candidates(folder: Path, symbol: str, endings: Sequence[str]) -> list[Path]:
    """Files for an element: its symbol, then no further letter, such as ``Si.pbe-n.UPF`` or ``si_pbe.upf``."""
    name = re.compile(rf"{symbol}(?![A-Za-z]).*", re.IGNORECASE)
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in endings and name.fullmatch(path.name)
    )


def _fitting(folder: Path, symbol: str, name: str, xc: str, made_with: Callable[[Path], str | None]) -> Path:
    path = folder / name
    if not path.is_file():
        raise ForgefieldError(
            f"reference.parameters.pseudopotentials names {name} for {symbol}, which is not in {folder}",
            "name a file of that folder",
        )
    functional = made_with(path)
    if functional != xc:
        raise ForgefieldError(
            f"pseudopotential {name} was made with {functional or 'an unknown functional'}, "
            f"reference.xc is {xc}",
            "name another file, or change reference.xc",
        )
    return path
