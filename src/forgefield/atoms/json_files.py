"""JSON that an earlier command wrote, and that a full disk or a damaged one may have cut short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from forgefield.atoms.errors import ForgefieldError

AGAIN = "delete it: it is written again"
"""Remedy for what a run makes anew where it is missing."""


def read_json(
    path: Path, remedy: str = "restore it, or begin the step that wrote it again with --from"
) -> Any:
    """The content of a file.

    Args:
        path: of the file.
        remedy: what helps if it is damaged.

    Raises:
        ForgefieldError: there is none, or it is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ForgefieldError(f"cannot read {path}: {error.strerror or error}", "restore the file") from error
    except (ValueError, RecursionError) as error:
        raise ForgefieldError(f"{path} is damaged ({error})", remedy) from error
