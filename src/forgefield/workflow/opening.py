"""Before a run begins or goes on: one process in its folder, and settings that fit what is there already."""

from __future__ import annotations

import fcntl
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ase
import numpy
import torch
from pydantic import ValidationError

from forgefield import __version__
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.json_files import AGAIN, read_json
from forgefield.reference.recipe import Recipe, resolve_recipe
from forgefield.workflow.folder import RunFolder, write_atomically
from forgefield.workflow.spec import RunSpec

_MAY_CHANGE = {"budget", "cycles"}
"""Settings that a run may go on with after they changed: they only say when to stop."""


def settle(spec: RunSpec, folder: RunFolder, input_text: str, restarted: bool) -> Recipe:
    """Write down what the run is about, or, once a step is done, make sure that it is still about the same."""
    wanted = spec.model_dump(mode="json")
    begun = any(folder.finished())
    if folder.spec.exists() and begun:
        known = _as_today(read_json(folder.spec, AGAIN))
        changed = [key for key in wanted if key not in _MAY_CHANGE and wanted[key] != known.get(key)]
        if changed:
            raise ForgefieldError(
                f"{folder.path} holds a run with other settings of {', '.join(changed)}",
                "choose another --folder, restore the input, or apply them with forgefield run --from STEP",
            )
    recipe = resolve_recipe(spec.reference, spec.system.symbols)
    if folder.recipe.exists():
        stored = Recipe.model_validate(read_json(folder.recipe, AGAIN))
        if stored.key != recipe.key and begun:
            raise ForgefieldError(
                f"the labels in {folder.path} were made with {stored.label} and other reference settings or another "
                f"version than {recipe.label} now; labels of different recipes do not mix",
                "choose another --folder, or begin again with --from structures",
            )
    write_atomically(folder.recipe, recipe.model_dump_json(indent=2) + "\n")
    if input_text:
        write_atomically(folder.input, input_text)
    write_atomically(folder.spec, json.dumps(wanted, indent=2) + "\n")
    return recipe


def _as_today(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with the defaults of those that did not exist when they were written."""
    try:
        return RunSpec.model_validate(settings).model_dump(mode="json")
    except ValidationError:
        return settings


@contextmanager
def sole_user(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system releases even when the process is killed."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ForgefieldError(
                f"another process is running in {folder}", "wait for it, stop it, or choose another --folder"
            ) from None
        yield


def versions(recipe: Recipe) -> dict[str, str]:
    """Of the program and of what decides about numbers, by name."""
    return {
        "forgefield": __version__,
        "python": platform.python_version(),
        "ase": ase.__version__,
        "numpy": numpy.__version__,
        "torch": str(torch.__version__),
        "reference": recipe.label,
    }
