"""Is a data set whole? And if it is not: made again from what is sound in it and from its journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path

import ase.io
from ase.db import connect

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import label_seal, structure_key
from forgefield.dataset.agreement import Agreement
from forgefield.dataset.export import record_of
from forgefield.dataset.records import Record
from forgefield.dataset.rows import to_record
from forgefield.dataset.store import Dataset, check_labels

_AT_ONCE = 1000
"""Labels stored in one go."""

Identity = tuple[str, str]
"""Keys of structure and recipe."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """State of a data set.

    Attributes:
        sound: labels in the database that are what they were.
        damage: one line for each row, or the file, that is not.
        journal: labels in the journal that can be read.
        missing: labels in the journal that the database lacks.
        unjournalled: labels in the database that the journal lacks.
        doubtful: one line for each label that contradicts those of near structures, which is no damage.
    """

    sound: int
    damage: tuple[str, ...]
    journal: int
    missing: tuple[Identity, ...]
    unjournalled: tuple[Identity, ...]
    doubtful: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged and nothing is missing."""
        return not self.damage and not self.missing


@dataclass(frozen=True, slots=True)
class _Contents:
    rows: dict[Identity, Record]
    damage: tuple[str, ...]
    journal: dict[Identity, Record]

    def inspection(self) -> Inspection:
        return Inspection(
            sound=len(self.rows),
            damage=self.damage,
            journal=len(self.journal),
            missing=tuple(each for each in self.journal if each not in self.rows),
            unjournalled=tuple(each for each in self.rows if each not in self.journal),
            doubtful=tuple(_contradictions(self.rows.values())),
        )


def inspect(dataset: Dataset) -> Inspection:
    """Read everything, and check it against itself.

    Raises:
        ForgefieldError: there is no data set.
    """
    return _read(dataset).inspection()


def repair(dataset: Dataset) -> Inspection:
    """Make the database anew from its sound rows and the journal; the old files stay beside it as ``*.damaged``.

    Nobody else may use the data set meanwhile.

    Returns:
        how it was before.

    Raises:
        ForgefieldError: there is no data set, or nothing in it can be read.
    """
    anew = Dataset(dataset.path.with_name(f"{dataset.path.stem}-repaired{dataset.path.suffix}"))
    moves = ((dataset.path, anew.path), (dataset.journal, anew.journal))
    for mine, theirs in moves:
        if theirs.exists() and not mine.exists():  # an earlier repair was killed in between
            theirs.replace(mine)
    contents = _read(dataset)
    records = list({**contents.journal, **contents.rows}.values())
    if not records:
        raise ForgefieldError(f"nothing in {dataset.path} can be read", "restore it from a backup")
    for _, theirs in moves:
        theirs.unlink(missing_ok=True)
    for start in range(0, len(records), _AT_ONCE):
        anew.add_all(records[start : start + _AT_ONCE])
    for mine, theirs in moves:
        if mine.exists():
            mine.replace(mine.with_name(f"{mine.name}.damaged"))
        theirs.replace(mine)
    return contents.inspection()


def _read(dataset: Dataset) -> _Contents:
    if not dataset.path.exists() and not dataset.journal.exists():
        raise ForgefieldError(
            f"there is no data set {dataset.path}", "name the folder of a run, or its dataset.db"
        )
    rows: dict[Identity, Record] = {}
    damage: list[str] = []
    try:
        for found in _rows(dataset.path):
            if isinstance(found, str):
                damage.append(found)
            else:
                rows[found.key, found.labels.recipe] = found
    except sqlite3.DatabaseError as error:
        damage.append(f"the file: {error}")
    journal = {}
    for record in _journalled(dataset.journal):
        if _problem(record) is None:
            journal[record.key, record.labels.recipe] = record
    return _Contents(rows, tuple(damage), journal)


def _rows(path: Path) -> Iterator[Record | str]:
    """Every row, or what is wrong with it."""
    if not path.exists():
        yield "the file is missing"
        return
    with closing(sqlite3.connect(path)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            yield f"the file: {' '.join(verdict.split())}"
        numbers = _numbers(connection)
    with connect(path, type="db", serial=True, use_lock_file=False) as database:
        for number in numbers:
            try:
                row = database.get(id=number)
                record = to_record(row)
            except KeyError:
                continue  # there never was such a row
            except Exception as error:  # a damaged row may fail in any way
                yield f"row {number}: {type(error).__name__}: {error}"
                continue
            problem = _problem(record) or _broken_seal(record, row.data.record.get("seal"))
            yield record if problem is None else f"row {number}: {problem}"


def _numbers(connection: sqlite3.Connection) -> list[int]:
    try:
        return [number for (number,) in connection.execute("SELECT id FROM systems ORDER BY id")]
    except sqlite3.DatabaseError:
        found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'systems'").fetchone()
        return [] if found is None else list(range(1, int(found[0]) + 1))


def _problem(record: Record) -> str | None:
    if structure_key(record.atoms) != record.key:
        return f"the structure is not the one of key {record.key}"
    try:
        check_labels(record.key, len(record.atoms), record.labels)
    except ForgefieldError as error:
        return error.problem
    return None


def _broken_seal(record: Record, seal: str | None) -> str | None:
    """Labels that were stored before there were seals pass."""
    if seal in (None, label_seal(record.key, record.labels)):
        return None
    return f"the labels of structure {record.key} are not those that were stored"


def _contradictions(records: Collection[Record]) -> Iterator[str]:
    agreements: dict[str, Agreement] = {}
    for record in records:
        agreements.setdefault(record.labels.recipe, Agreement()).remember(record.atoms, record.labels)
    for record in records:
        problem = agreements[record.labels.recipe].contradiction(record.atoms, record.labels)
        if problem is not None:
            yield f"structure {record.key}: {problem}"


def _journalled(path: Path) -> Iterator[Record]:
    """All frames that can be read; a kill may have left half of the last one."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while first := file.readline():
            behind = file.tell()
            try:
                lines = list(islice(file, int(first) + 1))
                if len(lines) <= int(first):
                    raise ValueError("half a frame")
                atoms = ase.io.read(StringIO(b"".join([first, *lines]).decode()), format="extxyz")
                found = record_of(atoms)
                if found is None or "seal" not in atoms.info:
                    raise ValueError("not what was written")
            except Exception:  # half a frame, or what was written over it
                file.seek(behind)  # the next one may begin in the very next line
                continue
            yield found
