"""The command dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from forgefield.app.console import output, say
from forgefield.atoms.errors import ForgefieldError
from forgefield.dataset.integrity import Inspection, inspect, repair
from forgefield.dataset.records import Record
from forgefield.dataset.store import Dataset
from forgefield.potentials.bayesian.examples import Example
from forgefield.potentials.bayesian.force_order import find_misordered
from forgefield.workflow.folder import RunFolder
from forgefield.workflow.opening import sole_user

_SHOWN = 10
"""Damages that are told one by one."""


class Action(StrEnum):
    """What is to be done with a data set."""

    check = "check"
    repair = "repair"


def dataset(
    action: Annotated[Action, typer.Argument(metavar="check|repair", help="What to do.")],
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Folder of a run or a validation, or its dataset.db.")
    ],
    forces: Annotated[
        bool,
        typer.Option("--forces", help="Check also the order of forces; takes a while for many structures."),
    ] = False,
) -> None:
    """Check the labels of a run, or make a damaged database whole again.

    Every label is kept twice: in `dataset.db` and in the text file `dataset.xyz`, with seals that tell whether a number
    has changed. check also names labels whose energies and forces contradict those of near structures and, with
    --forces, those whose forces fit what all others say of them in another order of the atoms only. repair writes
    both anew from all that is sound in either; the old ones stay as `*.damaged`.

    Examples:

    - `forgefield dataset check si-run`
    - `forgefield dataset check si-run --forces`
    - `forgefield dataset repair si-run`
    """
    folder = source if source.is_dir() else source.parent
    data = RunFolder(source).labels if source.is_dir() else Dataset(source)
    if data.url is not None:
        raise ForgefieldError(
            f"the labels of {source} are on a server, which looks after them itself",
            f"{data.journal} holds them once more; forgefield run --labels takes them from there",
        )
    with ExitStack() as held:
        if action is Action.repair:
            held.enter_context(sole_user(folder))
        found = inspect(data) if action is Action.check else repair(data)
    _show(found, tuple(_misordered(data)) if forces and found.whole else ())
    if action is Action.repair:
        after = inspect(data)
        say(output(), f"{data.path} holds {after.sound} labels now.", "green")
        _say_lost(folder, data)
    elif not found.whole:
        raise ForgefieldError(
            f"{data.path} is damaged", f"stop what uses it, and call: forgefield dataset repair {source}"
        )


def _misordered(data: Dataset) -> Iterator[str]:
    by_recipe: dict[str, list[Record]] = {}
    for record in data.iterate():
        by_recipe.setdefault(record.labels.recipe, []).append(record)
    for records in by_recipe.values():
        species = sorted({symbol for record in records for symbol in record.atoms.get_chemical_symbols()})
        wrong = find_misordered([Example(record.atoms, record.labels) for record in records], species)
        yield from (f"structure {records[index].key}: {problem}" for index, problem in wrong.items())


def _show(found: Inspection, misordered: Sequence[str]) -> None:
    doubtful = (*found.doubtful, *misordered)
    say(output(), f"{found.sound} sound labels in the database, {found.journal} in the journal.")
    for word, lines, colour in (("Damaged", found.damage, "red"), ("Doubtful", doubtful, "yellow")):
        for line in lines[:_SHOWN]:
            say(output(), f"{word}: {line}", colour)
        if len(lines) > _SHOWN:
            say(output(), f"… and {len(lines) - _SHOWN} more", colour)
    if found.missing:
        say(output(), f"{len(found.missing)} labels of the journal are missing in the database.", "red")
    if found.unjournalled:
        say(output(), f"{len(found.unjournalled)} labels are not in the journal; repair adds them.", "yellow")


def _say_lost(folder: Path, data: Dataset) -> None:
    """Which steps of a run refer to labels that are gone for good."""
    run = RunFolder(folder)
    there = data.keys()
    for name, manifest in run.finished():
        lost = [key for key in manifest.keys if key not in there]
        if lost:
            say(
                output(),
                f"{len(lost)} labels of step {name} are lost; begin it again with: forgefield run … --from {name}",
                "yellow",
            )
