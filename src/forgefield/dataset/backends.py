"""What holds a data set: one SQLite file, or a PostgreSQL server; both through ASE's databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ase.db import connect
from ase.db.core import Database

from forgefield.atoms.errors import ForgefieldError

_LOCK = 0x666F726765
"""Number of the lock that writers to a server share."""


class Backend(Protocol):
    """Where rows are."""

    def ready(self) -> bool:
        """Whether there are tables."""

    def create(self) -> None:
        """Make the tables, whole or not at all; nothing happens if they are there."""

    def open(self) -> AbstractContextManager[Database]:
        """A context in which to read, or, after ``begin``, to write; what was written is kept at its end.

        Raises:
            ForgefieldError: the data set cannot be used.
        """

    def begin(self, database: Database) -> None:
        """Wait until nobody else writes; the first thing in a transaction that looks and then writes."""


@dataclass(frozen=True)
class SqliteFile:
    """A file.

    Attributes:
        path: of the file.
    """

    path: Path

    def ready(self) -> bool:
        """Whether there are tables."""
        if not self.path.exists():
            return False
        with self._explained():
            connection = sqlite3.connect(self.path, timeout=60)
            try:
                query = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'information'"
                return bool(connection.execute(query).fetchone()[0])
            finally:
                connection.close()

    def create(self) -> None:
        """One transaction for all tables: ASE alone commits after each, and a process killed in between would leave a
        file that no one can open."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.open() as database:
            self.begin(database)
            database.count()

    @contextmanager
    def open(self) -> Iterator[Database]:
        """ASE's database, in one transaction."""
        with (
            self._explained(),
            connect(self.path, type="db", serial=True, use_lock_file=False) as database,
        ):
            yield database

    def begin(self, database: Database) -> None:
        """Take the write lock before looking, so that two processes cannot both find nothing."""
        database.connection.execute("BEGIN IMMEDIATE")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ForgefieldError(
                f"the data set {self.path} cannot be used: {error}",
                "check free space and permissions, and that the file is a database of this run; whether it is damaged "
                f"says: forgefield dataset check {self.path}",
            ) from error


@dataclass(frozen=True)
class PostgresServer:
    """A database on a server, through ``ase-db-backends``.

    Attributes:
        url: such as ``postgresql://user@host:5432/name``, without a password.
    """

    url: str

    def ready(self) -> bool:
        """Whether there are tables."""
        with self._connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('information') IS NOT NULL")
            return bool(cursor.fetchone()[0])

    def create(self) -> None:
        """Behind a lock: two runs may begin at the same time."""
        with self._connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (_LOCK + 1,))
            with self.open() as database:
                database.count()

    @contextmanager
    def open(self) -> Iterator[Database]:
        """ASE's database, in one transaction."""
        with self._explained(), connect(self.url, type="postgresql") as database:
            yield database

    def begin(self, database: Database) -> None:
        """Take the lock that all writers share; it ends with the transaction."""
        database.connection.cursor().execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))

    @contextmanager
    def _connection(self):  # type: ignore[no-untyped-def]
        with self._explained():
            import psycopg2

            connection = psycopg2.connect(self.url)
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            import ase_db_backends  # noqa: F401
            import psycopg2
        except ImportError as error:
            raise ForgefieldError(
                "a data set on a PostgreSQL server needs psycopg2 and ase-db-backends, which are not installed",
                "pip install 'forgefield[postgres]'",
            ) from error
        try:
            yield
        except psycopg2.Error as error:
            reason = " ".join(str(error).split())
            raise ForgefieldError(
                f"the data set at {self.url} cannot be used: {reason}",
                "check that the server runs and the database is there; passwords belong in ~/.pgpass or PGPASSWORD",
            ) from error
