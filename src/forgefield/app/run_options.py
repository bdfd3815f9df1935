"""Options that several commands share, and what they mean."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from forgefield.app.training_files import gather_settings
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import settings_error
from forgefield.workflow.profile import ProfileSpec

Workers = Annotated[
    int | None, typer.Option("--workers", "-w", min=1, help="Calculations side by side; default: all cores.")
]
Place = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="local|FILE",
        help="Where tasks run: local, a cluster's profile (.yaml) or a configuration of parsl (.py).",
    ),
]
Known = Annotated[
    list[Path] | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Exported labels of the same reference settings, taken instead of computing them again; repeatable.",
    ),
]


def place_named(name: str) -> str | ProfileSpec | Path:
    """What `--executor` names: itself, a profile, or a file in Python.

    Raises:
        ForgefieldError: no such file, or a profile that is wrong.
    """
    file = Path(name)
    if file.suffix not in (".yaml", ".yml", ".py"):
        return name
    if not file.is_file():
        raise ForgefieldError(
            f"there is no profile {file}", "check the path; it is relative to where you run"
        )
    if file.suffix == ".py":
        return file
    try:
        return ProfileSpec.model_validate(gather_settings(file, [], {}))
    except ValidationError as error:
        raise settings_error(error, "", ProfileSpec) from None


def side_by_side(place: str | ProfileSpec | Path) -> int:
    """Tasks at a time, unless the user says: one for each core of this machine, or what a profile's jobs hold."""
    if isinstance(place, ProfileSpec):
        return place.reference.tasks
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
