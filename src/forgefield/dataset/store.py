"""Every label once, on disk: an ASE database in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.db import connect
from ase.db.core import Database, now
from ase.db.row import AtomsRow

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate, Labels
from forgefield.dataset.records import Provenance, Record


@dataclass(frozen=True)
class Dataset:
    """The labelled structures of a run.

    A label is identified by (structure key, recipe key). ``add`` returns when the label is safely on disk,
    and a process killed at any moment leaves a file that opens. Several processes may use one file at a
    time. The file is an ordinary ASE database: ``ase db dataset.db`` shows it.

    Attributes:
        path: the SQLite file; it is made by the first ``add``.
    """

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path).absolute())

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
        key = structure_key(candidate.atoms)
        _check_labels(key, len(candidate.atoms), labels)
        row = _to_row(key, candidate, labels, provenance)
        if not self._has_tables():
            self._create_tables()
        with self._open() as database:
            # Takes the write lock before looking, so that two processes cannot both find nothing.
            database.connection.execute("BEGIN IMMEDIATE")
            if _row_or_none(database, key, labels.recipe) is not None:
                return False
            database.write(row)
        return True

    def __contains__(self, key_and_recipe: tuple[str, str]) -> bool:
        """Whether (structure key, recipe key) has a label."""
        return self.get(*key_and_recipe) is not None

    def get(self, key: str, recipe: str) -> Record | None:
        """The record of one structure under one recipe, or None."""
        if not self._has_tables():
            return None
        with self._open() as database:
            row = _row_or_none(database, key, recipe)
        return None if row is None else _to_record(row)

    def records(self, keys: Sequence[str] | None, recipe: str) -> list[Record]:
        """Labelled structures under one recipe.

        Args:
            keys: structure keys, whose order is kept; None for all, in the order of their keys.
            recipe: key of the recipe.

        Raises:
            ForgefieldError: one of ``keys`` has no label.
        """
        if not self._has_tables():
            rows = {}
        else:
            with self._open() as database:
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
        return [_to_record(rows[key]) for key in keys]

    def __len__(self) -> int:
        """Number of labels, over all recipes."""
        if not self._has_tables():
            return 0
        with self._open() as database:
            return int(database.count())

    def _has_tables(self) -> bool:
        if not self.path.exists():
            return False
        with self._explained():
            connection = sqlite3.connect(self.path, timeout=60)
            try:
                query = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'information'"
                return bool(connection.execute(query).fetchone()[0])
            finally:
                connection.close()

    def _create_tables(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as database:
            # One transaction for all tables: ASE alone commits after each, and a process killed in between
            # would leave a file that no one can open.
            database.connection.execute("BEGIN IMMEDIATE")
            database.count()

    @contextmanager
    def _open(self) -> Iterator[Database]:
        with (
            self._explained(),
            connect(self.path, type="db", serial=True, use_lock_file=False) as database,
        ):
            yield database

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ForgefieldError(
                f"the data set {self.path} cannot be used: {error}",
                "check free space and permissions, and that the file is a database of this run",
            ) from error


def _check_labels(key: str, n_atoms: int, labels: Labels) -> None:
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


def _to_row(key: str, candidate: Candidate, labels: Labels, provenance: Provenance) -> AtomsRow:
    atoms = candidate.atoms
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
            "source": candidate.source,
            "step": provenance.step,
            "cycle": provenance.cycle,
        },
        "data": {
            "record": {
                "key": key,
                "trajectory": candidate.trajectory,
                "parent": candidate.parent,
                "note": candidate.note,
                "recipe": labels.recipe,
                "engine": labels.engine,
                "seconds": float(labels.seconds),
                "attempts": int(labels.attempts),
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


def _to_record(row: AtomsRow) -> Record:
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
