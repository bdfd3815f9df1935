"""Every label once, durably: an ASE database in one SQLite file or on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from ase.db.core import Database
from ase.db.row import AtomsRow

from forgefield.atoms.durable import append_durably
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate, Labels
from forgefield.dataset.backends import Backend, PostgresServer, SqliteFile
from forgefield.dataset.export import record_text
from forgefield.dataset.records import Entry, Provenance, Record
from forgefield.dataset.rows import identity, iterate_rows, recipe_tag, to_entry, to_record, to_row

_SEARCH = 10
"""Rows that are read in the time of one that is looked up."""


@dataclass(frozen=True)
class Dataset:
    """The labelled structures of a run.

    A label is identified by (structure key, recipe key). ``add`` returns when the label is safely on disk,
    and a process killed at any moment leaves a file that opens. Several processes may use one file at a
    time. The file is an ordinary ASE database: ``ase db dataset.db`` shows it. Every label is also written to the end
    of a text file, from which a damaged database can be made again.

    Attributes:
        path: the SQLite file, made by the first ``add``.
        url: of a database on a PostgreSQL server, which holds the labels instead.
    """

    path: Path
    url: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path).absolute())

    @cached_property
    def backend(self) -> Backend:
        """What holds the rows."""
        return SqliteFile(self.path) if self.url is None else PostgresServer(self.url)

    @property
    def journal(self) -> Path:
        """All labels once more, extended XYZ in the order in which they came."""
        return self.path.with_suffix(".xyz")

    def add(self, candidate: Candidate, labels: Labels, provenance: Provenance) -> bool:
        """Store one label, durably; does nothing if the same structure has labels of the same recipe.

        Args:
            candidate: the structure and where it came from.
            labels: energy, forces (N, 3) and, optionally, stress (6,), all finite.
            provenance: which step of the run asked for it.

        Returns:
            whether the label is new.

        Raises:
            ForgefieldError: labels not finite or of the wrong shape, or a file that cannot be written.
        """
        atoms = candidate.atoms
        record = Record(
            key=structure_key(atoms),
            atoms=atoms,
            labels=labels,
            source=candidate.source,
            trajectory=candidate.trajectory,
            parent=candidate.parent,
            step=provenance.step,
            cycle=provenance.cycle,
            note=candidate.note,
        )
        return self.add_all([record]) == 1

    def add_all(self, records: Sequence[Record]) -> int:
        """Store many labels in one go, all or none; those that are there already are passed over.

        Returns:
            how many are new.

        Raises:
            ForgefieldError: as ``add``.
        """
        for record in records:
            check_labels(record.key, len(record.atoms), record.labels)
        if not self.backend.ready():
            self.backend.create()
        new = []
        with self.backend.open() as database:
            self.backend.begin(database)
            for record in records:
                if _row_or_none(database, record.key, record.labels.recipe) is None:
                    database.write(to_row(record))
                    new.append(record)
        if new:
            append_durably(self.journal, "".join(map(record_text, new)).encode())
        return len(new)

    def __contains__(self, key_and_recipe: tuple[str, str]) -> bool:
        """Whether (structure key, recipe key) has a label."""
        return self.get(*key_and_recipe) is not None

    def get(self, key: str, recipe: str) -> Record | None:
        """The record of one structure under one recipe, or None."""
        if not self.backend.ready():
            return None
        with self.backend.open() as database:
            row = _row_or_none(database, key, recipe)
        return None if row is None else to_record(row)

    def records(self, keys: Sequence[str] | None, recipe: str) -> list[Record]:
        """Labelled structures under one recipe.

        Args:
            keys: structure keys, whose order is kept; None for all, in the order of their keys.
            recipe: key of the recipe.

        Raises:
            ForgefieldError: one of ``keys`` has no label.
        """
        if keys is not None and _SEARCH * len(keys) < len(self):
            singly = (self.get(key, recipe) for key in keys)
            found = {record.key: record for record in singly if record is not None}
        else:
            wanted = None if keys is None else set(keys)
            found = {record.key: record for record in self.iterate(recipe, wanted)}
        if keys is None:
            keys = sorted(found)
        missing = [key for key in keys if key not in found]
        if missing:
            raise ForgefieldError(
                f"{len(missing)} of {len(keys)} structures have no label of recipe {recipe} in {self.path}, "
                f"the first is {missing[0]}",
                "compute them first",
            )
        return [found[key] for key in keys]

    def iterate(self, recipe: str | None = None, among: Collection[str] | None = None) -> Iterator[Record]:
        """Labelled structures one by one, in the order in which they came; memory holds a page of them.

        Args:
            recipe: key of the recipe; None for all recipes.
            among: keys of the structures that are wanted; None for all.
        """
        for row in self._rows(recipe, "all"):
            if among is None or row.data.record["key"] in among:
                yield to_record(row)

    def entries(self, recipe: str | None = None) -> list[Entry]:
        """What the labels are filed under, in the order in which they came: a few hundred bytes for each.

        Args:
            recipe: key of the recipe; None for all recipes.
        """
        return [to_entry(row) for row in self._rows(recipe, ["id", "numbers", "key_value_pairs"])]

    def _rows(self, recipe: str | None, columns: Sequence[str] | str) -> Iterator[AtomsRow]:
        if not self.backend.ready():
            return
        filters = {} if recipe is None else {"recipe": recipe_tag(recipe)}
        yield from iterate_rows(self.backend.open, columns, **filters)

    def keys(self) -> set[str]:
        """Keys of all structures that have labels, of whatever recipe."""
        return {entry.key for entry in self.entries()}

    def __len__(self) -> int:
        """Number of labels, over all recipes."""
        if not self.backend.ready():
            return 0
        with self.backend.open() as database:
            return int(database.count())


def check_labels(key: str, n_atoms: int, labels: Labels) -> None:
    """Refuse labels that are not finite or not of the shape of their structure."""
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
        "forces": (np.shape(labels.forces), (n_atoms, 3))
    }
    if labels.stress is not None:
        shapes["stress"] = (np.shape(labels.stress), (6,))
    for name, (shape, expected) in shapes.items():
        if shape != expected:
            raise ForgefieldError(f"{name} of structure {key} have shape {shape}", f"they must be {expected}")
    for name in ("energy", "forces", "stress"):
        values = getattr(labels, name)
        if values is not None and not np.isfinite(values).all():
            raise ForgefieldError(f"{name} of structure {key} is not finite", "quarantine the calculation")


def _row_or_none(database: Database, key: str, recipe: str) -> AtomsRow | None:
    return next(iter(database.select(unique_id=identity(key, recipe))), None)
