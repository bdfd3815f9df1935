"""Every label once, durably: an ASE database in one SQLite file or on a PostgreSQL server."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.db.core import Database, now
from ase.db.row import AtomsRow

from forgefield.atoms.durable import append_durably
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import label_seal, structure_key
from forgefield.atoms.records import Candidate, Labels
from forgefield.dataset.backends import Backend, PostgresServer, SqliteFile
from forgefield.dataset.export import record_text
from forgefield.dataset.records import Provenance, Record


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
                    database.write(_to_row(record))
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
        if not self.backend.ready():
            rows = {}
        else:
            with self.backend.open() as database:
                rows = {row.data.record["key"]: row for row in database.select(recipe=_recipe_tag(recipe))}
        if keys is None:
            keys = sorted(rows)
        missing = [key for key in keys if key not in rows]
        if missing:
            raise ForgefieldError(
                f"{len(missing)} of {len(keys)} structures have no label of recipe {recipe} in {self.path}, "
                f"the first is {missing[0]}",
                "compute them first",
            )
        return [to_record(rows[key]) for key in keys]

    def keys(self) -> set[str]:
        """Keys of all structures that have labels, of whatever recipe."""
        if not self.backend.ready():
            return set()
        with self.backend.open() as database:
            return {row.data.record["key"] for row in database.select()}

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


def _recipe_tag(recipe: str) -> str:
    # ASE refuses text that could be read as a number, as a hash of digits could.
    return f"recipe-{recipe}"


def _identity(key: str, recipe: str) -> str:
    return f"{key}-{recipe}"


def _row_or_none(database: Database, key: str, recipe: str) -> AtomsRow | None:
    return next(iter(database.select(unique_id=_identity(key, recipe))), None)


def _to_row(record: Record) -> AtomsRow:
    key, atoms, labels = record.key, record.atoms, record.labels
    content: dict[str, Any] = {
        "unique_id": _identity(key, labels.recipe),
        "numbers": atoms.numbers,
        "positions": np.asarray(atoms.positions, dtype=np.float64),
        "cell": np.asarray(atoms.cell.array, dtype=np.float64),
        "pbc": np.asarray(atoms.pbc),
        "calculator": labels.engine.split()[0].lower() if labels.engine else "unknown",
        "calculator_parameters": {},
        "energy": float(labels.energy),
        "forces": np.asarray(labels.forces, dtype=np.float64),
        "key_value_pairs": {
            "recipe": _recipe_tag(labels.recipe),
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
