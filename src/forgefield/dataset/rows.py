"""A labelled structure as a row of ASE's databases, and back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from ase import Atoms
from ase.db.core import Database, now
from ase.db.row import AtomsRow

from forgefield.atoms.identity import label_seal
from forgefield.atoms.records import Labels
from forgefield.dataset.records import Entry, Record

_PAGE = 1000
"""Rows that are read at once."""


def iterate_rows(
    opened: Callable[[], AbstractContextManager[Database]],
    columns: Sequence[str] | str = "all",
    **filters: str,
) -> Iterator[AtomsRow]:
    """Rows one by one, in the order in which they were written; memory holds a page of them.

    Args:
        opened: gives a database to read a page from. Nothing is locked while its rows are used.
        columns: names of those that are wanted, ``id`` among them.
        filters: what their key-value pairs must be.
    """
    last = 0
    while True:
        with opened() as database:
            page = list(database.select(f"id>{last}", sort="id", limit=_PAGE, columns=columns, **filters))
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1].id


def recipe_tag(recipe: str) -> str:
    """Value of the column ``recipe``."""
    # ASE refuses text that could be read as a number, as a hash of digits could.
    return f"recipe-{recipe}"


def identity(key: str, recipe: str) -> str:
    """Unique key of a label."""
    return f"{key}-{recipe}"


def to_row(record: Record) -> AtomsRow:
    """The row that keeps a record."""
    key, atoms, labels = record.key, record.atoms, record.labels
    content: dict[str, Any] = {
        "unique_id": identity(key, labels.recipe),
        "numbers": atoms.numbers,
        "positions": np.asarray(atoms.positions, dtype=np.float64),
        "cell": np.asarray(atoms.cell.array, dtype=np.float64),
        "pbc": np.asarray(atoms.pbc),
        "calculator": labels.engine.split()[0].lower() if labels.engine else "unknown",
        "calculator_parameters": {},
        "energy": float(labels.energy),
        "forces": np.asarray(labels.forces, dtype=np.float64),
        "key_value_pairs": {
            "recipe": recipe_tag(labels.recipe),
            "source": record.source,
            "step": record.step,
            "cycle": record.cycle,
        },
        "data": {
            "record": {
                "key": key,
                "trajectory": record.trajectory,
                "parent": record.parent,
                "note": record.note,
                "recipe": labels.recipe,
                "engine": labels.engine,
                "seconds": float(labels.seconds),
                "attempts": int(labels.attempts),
                "seal": label_seal(key, labels),
            }
        },
    }
    if labels.stress is not None:
        content["stress"] = np.asarray(labels.stress, dtype=np.float64)
    if atoms.has("initial_magmoms"):
        content["initial_magmoms"] = np.asarray(atoms.get_initial_magnetic_moments(), dtype=np.float64)
    row = AtomsRow(content)
    row.ctime = row.mtime = now()
    row.user = os.environ.get("USER", "")
    return row


def to_record(row: AtomsRow) -> Record:
    """The record that a row of the database holds."""
    kept = row.data.record
    stress = row.get("stress")
    return Record(
        key=kept["key"],
        atoms=Atoms(
            numbers=row.numbers,
            positions=row.positions,
            cell=row.cell,
            pbc=row.pbc,
            magmoms=row.get("initial_magmoms"),
        ),
        labels=Labels(
            energy=float(row.energy),
            forces=np.array(row.forces),
            stress=None if stress is None else np.array(stress),
            recipe=kept["recipe"],
            engine=kept["engine"],
            seconds=kept["seconds"],
            attempts=kept["attempts"],
        ),
        source=row.source,
        trajectory=kept["trajectory"],
        parent=kept["parent"],
        step=row.step,
        cycle=int(row.cycle),
        note=kept["note"],
    )


def to_entry(row: AtomsRow) -> Entry:
    """What the record in a row is filed under."""
    kept = row.data.record
    return Entry(
        kept["key"], kept["recipe"], row.source, kept["trajectory"], int(row.cycle), len(row.numbers)
    )
