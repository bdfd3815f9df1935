"""Data files and settings of `forgefield train`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.db import connect

from forgefield.app.input import read_text
from forgefield.app.yaml_source import read_yaml
from forgefield.atoms.deepmd_data import is_deepmd_data, iterate_deepmd
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import iterate_structures
from forgefield.dataset.rows import iterate_rows
from forgefield.potentials.hdnnp.definition import Units
from forgefield.potentials.hdnnp.n2p2_data import read_data
from forgefield.potentials.training_set import GROUP_KEYS


def is_n2p2_data(path: Path) -> bool:
    """Whether a file is an ``input.data`` of n2p2: by its name, or as it starts with ``begin``."""
    if path.name.startswith("input.data") or path.suffix == ".data":
        return True
    try:
        with path.open("rb") as file:
            return file.read(64).split()[:1] == [b"begin"]
    except OSError:
        return False


def labelled_frames(files: Sequence[Path], units: Units) -> Iterator[Atoms]:
    """Structures of all files, one by one.

    A structure that names no group gets the name of its file as one, if there are several files.

    Args:
        files: extended XYZ, ``input.data`` of n2p2, DeePMD-kit's folders, or whatever ASE reads.
        units: of n2p2's files.

    Raises:
        ForgefieldError: a file that cannot be read.
    """
    for path in files:
        if not path.exists():
            raise ForgefieldError(
                f"no structure file {path}", "check the path; it is relative to where you run"
            )
        for atoms in _frames(path, units):
            if len(files) > 1 and not any(key in atoms.info for key in GROUP_KEYS):
                atoms.info["group"] = path.stem
            yield atoms


def _frames(path: Path, units: Units) -> Iterable[Atoms]:
    if is_deepmd_data(path):
        return iterate_deepmd(path)
    if path.suffix == ".db":
        return _database(path)
    return read_data(path, units) if is_n2p2_data(path) else iterate_structures(path)


def _database(path: Path) -> Iterator[Atoms]:
    try:
        for row in iterate_rows(partial(connect, path)):
            atoms = row.toatoms()
            if "record" in row.data:
                # A data set of a run knows what must stay together.
                atoms.info |= {"trajectory": row.data.record["trajectory"], "source": row.source}
            yield atoms
    except (sqlite3.Error, LookupError, ValueError, TypeError, AttributeError) as error:
        raise ForgefieldError(
            f"{path} cannot be read as a database of ASE: {error}", "check it with: forgefield dataset check"
        ) from error


def gather_settings(file: Path | None, assignments: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    """All settings as one mapping: the file's, over them --set, over them options of their own.

    Args:
        file: YAML, or None.
        assignments: such as ``training.epochs=300``; values are YAML.
        options: dotted key → value; None is left out.

    Raises:
        ForgefieldError: a file that cannot be read, or an assignment without ``=``.
    """
    settings: dict[str, Any] = {}
    if file is not None:
        content = read_yaml(read_text(file), str(file)).data
        if not isinstance(content, dict):
            raise ForgefieldError(f"{file} holds no settings", "write lines such as training: {epochs: 300}")
        settings = content
    for assignment in assignments:
        key, sign, text = assignment.partition("=")
        if not sign or not key.strip():
            raise ForgefieldError(
                f"--set {assignment} is no assignment", "write --set key=value, such as training.epochs=300"
            )
        value = read_yaml(f"value: {text}\n", f"--set {assignment}").data
        _assign(settings, key.strip(), value["value"] if isinstance(value, dict) else text)
    for key, value in options.items():
        if value is not None:
            _assign(settings, key, value)
    return settings


def _assign(settings: dict[str, Any], key: str, value: Any) -> None:
    *groups, name = key.split(".")
    for group in groups:
        inner = settings.get(group)
        settings[group] = dict(inner) if isinstance(inner, dict) else {}
        settings = settings[group]
    settings[name] = value
