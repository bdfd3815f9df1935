"""Commands on what a run has brought: status, report, export."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from forgefield.app.console import output, say
from forgefield.app.status_view import show_status, status_json
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.json_files import AGAIN, read_json
from forgefield.dataset.export import export_extxyz
from forgefield.potentials.registry import load
from forgefield.reference.recipe import Recipe
from forgefield.report.build import build_report
from forgefield.workflow.folder import RunFolder
from forgefield.workflow.status import read_status

_FORMATS = {
    "xyz": "labelled data set as extended XYZ, which ASE and most training codes read",
    "potential": "folder of the potential, for forgefield.load and ASE",
}

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder, such as si-run.")]


def status(
    run_folder: RunArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show how far a run is, what it cost, what failed, and what is ahead.

    It only reads, so it may be called at any time, also while the run goes on.

    Examples:

    - `forgefield status si-run`
    - `watch -n 10 forgefield status si-run`
    """
    found = read_status(run_folder)
    if as_json:
        print(json.dumps(status_json(found), indent=2))
    else:
        show_status(found, output(), time.time())


def report(run_folder: RunArgument) -> None:
    """Write a run's report: one HTML page that opens without a network.

    It may be written at any time, also while the run goes on.

    Example: `forgefield report si-run`
    """
    read_status(run_folder)
    path = build_report(run_folder)
    say(output(), f"{path} is written; open it in a browser.", "green")


def export(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Folder of a run, a validation or a potential.")
    ],
    form: Annotated[
        str, typer.Option("--format", help="xyz: the labelled data set; potential: the potential.")
    ],
    target: Annotated[Path, typer.Option("--output", "-o", help="File or folder to write.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Hand over the labelled data set or the potential of a run.

    What a validation had the reference compute is a data set, too.

    Examples:

    - `forgefield export si-run --format xyz --output si.xyz`
    - `forgefield export si-run --format potential --output si-potential`
    """
    if form not in _FORMATS:
        there = "; ".join(f"{name} ({what})" for name, what in _FORMATS.items())
        raise ForgefieldError(f"format {form!r} cannot be written", f"choose from: {there}")
    if not source.is_dir():
        raise ForgefieldError(
            f"there is no folder {source}", "name a run folder, such as si-run, or a potential folder"
        )
    if target.exists() and not force:
        raise ForgefieldError(f"{target} is there already", "give another name with --output, or --force")
    if form == "xyz":
        _export_data(source, target)
    else:
        _export_potential(source, target)


def _export_data(source: Path, target: Path) -> None:
    folder = RunFolder(source)
    # A validation keeps its labels as a run does.
    if not (folder.recipe.exists() and folder.labels.backend.ready()):
        read_status(source)
    if target.is_dir():
        raise ForgefieldError(f"{target} is a folder", "name a file, such as data.xyz")
    recipe = Recipe.model_validate(read_json(folder.recipe, AGAIN)) if folder.recipe.exists() else None
    records = folder.believed(recipe.key) if recipe is not None else []
    if not records:
        raise ForgefieldError(f"{source} has no labels yet", "wait for its first reference calculations")
    export_extxyz(records, target)
    say(output(), f"{len(records)} labelled structures are written to {target}.", "green")


def _export_potential(source: Path, target: Path) -> None:
    potential = load(source)
    if target.is_file():
        raise ForgefieldError(
            f"{target} is a file, but a potential is a folder", "name another with --output"
        )
    potential.save(target)
    say(output(), f"The potential for {', '.join(potential.species)} is written to {target}.", "green")
    say(output(), f'Use it:  atoms.calc = forgefield.load("{target}").calculator()')
