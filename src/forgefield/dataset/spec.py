"""Where a run's labels are kept."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from pydantic import ConfigDict, field_validator

from forgefield.atoms.spec import Spec


class DatasetSpec(Spec):
    """The data set."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: str | None = None
    """Database on a PostgreSQL server, such as `postgresql://user@host/name`; a password belongs in ~/.pgpass or the
    variable PGPASSWORD. null: the file dataset.db in the run folder. Runs that share a database share their labels."""

    @field_validator("url")
    @classmethod
    def _no_secrets(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("postgresql", "postgres"):
            # The address is not repeated: whoever mistypes it may have put a password in.
            raise ValueError("not the address of a PostgreSQL database; write postgresql://user@host/name")
        if parts.password is not None or "password" in parse_qs(parts.query):
            raise ValueError(
                "a password does not belong here; put it into ~/.pgpass or the variable PGPASSWORD"
            )
        return url
