"""The command train."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import numba
import torch
import typer
from ase import units as ase_units

from forgefield.app.console import messages, output, say
from forgefield.app.error_table import error_table
from forgefield.app.progress import BarProgress, LineProgress, duration, progress_on
from forgefield.app.training_files import gather_settings, labelled_frames
from forgefield.app.training_output import POTENTIAL, REPORT, errors_on, write_output
from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.fitting import FitSpec, FittedPotential, family_spec, fit, fit_spec
from forgefield.potentials.registry import family_named, units_named
from forgefield.potentials.training import Progress
from forgefield.potentials.training_set import TrainingSet, collect
from forgefield.workflow.folder import write_atomically

_CHECKPOINT, _IDENTITY = "checkpoint.pt", "fit.json"
_REFRESH = 0.2
"""Seconds between two movements of the bar."""


def train(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Labelled structures to train on.")],
    family: Annotated[
        str, typer.Option("--family", "-f", help="Family of the potential: density, nep, hdnnp or bayesian.")
    ] = "density",
    valid: Annotated[
        Path | None,
        typer.Option("--valid", help="Structures that choose the best epoch; default: a tenth of DATA."),
    ] = None,
    test: Annotated[
        Path | None, typer.Option("--test", help="Structures for the final errors alone.")
    ] = None,
    settings: Annotated[Path | None, typer.Option("--settings", help="YAML file with settings.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as potential.cutoff=5.5."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write; default: DATA-FAMILY.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same potential.", min=0)] = 1,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Passes over the data.", min=1)] = None,
    time_limit: Annotated[
        float | None,
        typer.Option("--time-limit", metavar="MINUTES", help="End well by then: the schedule is shortened."),
    ] = None,
    repulsion: Annotated[
        bool | None,
        typer.Option("--repulsion/--no-repulsion", help="Keep atoms apart outside the data (default)."),
    ] = None,
    members: Annotated[
        int | None,
        typer.Option("--members", help="Networks in the committee; 2 or more give uncertainties.", min=1),
    ] = None,
    units: Annotated[
        str, typer.Option("--units", help="Of input.data files: bohr-hartree or angstrom-ev.")
    ] = "bohr-hartree",
    processes: Annotated[
        int,
        typer.Option("--processes", help="Processes that share every batch, for large batches.", min=1),
    ] = 1,
    restart: Annotated[
        bool, typer.Option("--restart", help="Train anew, replacing what is in the folder.")
    ] = False,
) -> None:
    """Train a potential on labelled structures of your own.

    DATA are files with energies and forces, and stresses where there are any: extended XYZ (.xyz, .xyz.gz; ASE's
    or GPUMD's names), n2p2's input.data, an ASE data base (.db), or whatever else ASE reads. They are checked
    first. Structures may carry a weight (`weight=2.0`) and a group (`group=liquid`) on the comment line.

    The output folder gets `potential` (for forgefield.load), `training.json` and `report.html`. Ctrl-C keeps the
    best potential so far, and the same command goes on from there.

    Examples:

    - `forgefield train train.xyz`
    - `forgefield train train.xyz --test test.xyz --time-limit 20`
    - `forgefield train bulk.xyz liquid.xyz --family nep --set potential.cutoff=5.5 --set weights.liquid=2`
    - `forgefield train input.data --family hdnnp --members 4 --epochs 100 --output water`
    """
    family_named(family)
    options = {
        "training.epochs": epochs,
        "training.max_seconds": None if time_limit is None else 60 * time_limit,
        "potential.members": members,
        "repulsion": None if repulsion is None else ({} if repulsion else "none"),
    }
    chosen = _settings(gather_settings(settings, assignments or [], options))
    family_spec(family, chosen)
    target = folder or Path(f"{data[0].name.split('.')[0]}-{family}")
    of_files = units_named(units)
    sides = {"training": _read(data, of_files)}
    for name, path in (("validation", valid), ("test", test)):
        if path is not None:
            sides[name] = _read([path], of_files)
    identity = _identity(sides, family, chosen, seed)
    _prepare(target, identity, restart)
    console = messages()
    for name, (side, unlabelled) in sides.items():
        left_out = f"; {unlabelled} without energy or forces are left out" if unlabelled else ""
        say(console, f"{name}: {len(side)} structures, {int(side.sizes.sum())} atoms{left_out}")
    # Batches are too small for more: a second thread gains a tenth on an idle machine, and loses much on a busy one.
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    with _interruptible() as interruption, progress_on(console) as progress:
        shown = _Shown(progress)
        progress.step("train", "preparing")
        fitted = fit(
            sides["training"][0],
            family,
            validation=sides["validation"][0] if "validation" in sides else None,
            settings=chosen,
            seed=seed,
            checkpoint=target / _CHECKPOINT,
            report=shown.report,
            stop=lambda: interruption.asked,
            tick=shown.tick,
            processes=processes,
        )
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    _conclude(target, fitted, sides, data, seed, identity)


def _settings(settings: dict[str, Any]) -> FitSpec:
    if settings.get("repulsion") == "none":
        settings = {**settings, "repulsion": None}
    return fit_spec(settings)


def _read(files: list[Path], units: Any) -> tuple[TrainingSet, int]:
    data, unlabelled = collect(labelled_frames(files, units))
    if not len(data):
        names = ", ".join(str(each) for each in files)
        raise ForgefieldError(
            f"none of the {unlabelled} structures in {names} has energy and forces",
            "give extended XYZ with energy= on the comment line and a forces:R:3 column, such as forgefield export "
            "writes",
        )
    return data, unlabelled


def _identity(
    sides: dict[str, tuple[TrainingSet, int]], family: str, settings: FitSpec, seed: int
) -> dict[str, str]:
    """What makes this training the same as another."""
    chosen = json.dumps([family, seed, settings.model_dump(mode="json")], sort_keys=True)
    data = {name: side.key() for name, (side, _) in sides.items() if name != "test"}
    return {**data, "settings": hashlib.sha256(chosen.encode()).hexdigest()[:20]}


def _prepare(folder: Path, identity: dict[str, str], restart: bool) -> None:
    """Make the folder ready, or refuse to overwrite another training in it."""
    if folder.is_file():
        raise ForgefieldError(f"{folder} is a file, not a folder", "name another with --output")
    description = folder / _IDENTITY
    if restart:
        for name in (_CHECKPOINT, _IDENTITY):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / POTENTIAL, ignore_errors=True)
    elif description.exists():
        before = json.loads(description.read_text())
        changed = [name for name in {**before, **identity} if before.get(name) != identity.get(name)]
        if (folder / _CHECKPOINT).exists():
            if changed:
                raise ForgefieldError(
                    f"{folder} holds an interrupted training with other {' and '.join(changed)}",
                    "repeat its command to go on, name another folder with --output, or add --restart",
                )
            say(messages(), f"Going on with the training in {folder}.")
        elif (folder / POTENTIAL).exists():
            raise ForgefieldError(
                f"{folder} holds a finished training", "name another folder with --output, or add --restart"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise ForgefieldError(
            f"{folder} is not empty, and holds no training", "name another folder with --output"
        )
    write_atomically(description, json.dumps(identity) + "\n")


@dataclass
class _Interruption:
    asked: bool = False


@contextmanager
def _interruptible() -> Iterator[_Interruption]:
    """Turn the first Ctrl-C into a wish to stop; the second stops at once."""
    interruption = _Interruption()

    def ask(number: int, frame: FrameType | None) -> None:
        interruption.asked = True
        signal.signal(signal.SIGINT, before)
        say(messages(), "Stopping; press Ctrl-C again to stop at once.", "yellow")

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, ask)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass
class _Shown:
    """Moves the bar with every step, and tells the errors after every validation."""

    progress: BarProgress | LineProgress
    text: str = "no validation yet"
    moved: float = field(default_factory=time.monotonic)

    def tick(self, share: float) -> None:
        now = time.monotonic()
        if now - self.moved > _REFRESH:
            self.moved = now
            self.progress.advance(int(100 * share), 100, self.text)

    def report(self, state: Progress) -> None:
        energy = "" if state.validation_energy is None else f"{1000 * state.validation_energy:.2f} meV/atom, "
        stress = state.validation_stress
        last = "" if stress is None else f", {stress / ase_units.GPa:.3f} GPa"
        self.text = f"epoch {state.epoch}, validation RMSE {energy}{state.validation:.4f} eV/Å{last}"
        self.progress.advance(int(100 * state.share), 100, self.text)


def _conclude(
    folder: Path,
    fitted: FittedPotential,
    sides: dict[str, tuple[TrainingSet, int]],
    files: list[Path],
    seed: int,
    identity: dict[str, str],
) -> None:
    """Save the potential, compare it with all labels, and say what came out."""
    console, results = messages(), output()
    for warning in fitted.warnings:
        say(console, f"Note: {warning}.", "yellow")
    fitted.potential.save(folder / POTENTIAL)
    sets = {"training": fitted.training, "validation": fitted.validation}
    if "test" in sides:
        sets["test"] = sides["test"][0]
    errors = {
        name: errors_on(fitted.potential, data, name, console) for name, data in sets.items() if len(data)
    }
    facts = {"files": [str(each) for each in files], "seed": seed, "keys": identity}
    write_output(folder, fitted, errors, facts)
    results.print(error_table(errors))
    result = fitted.result
    took = f"{duration(result.seconds)}, best epoch {result.best_epoch}"
    if result.ending == "stopped":
        say(results, f"Stopped after {took}; the best potential so far is in {folder / POTENTIAL}.", "yellow")
        say(results, "The same command goes on from here.")
        raise typer.Exit(130)
    reason = {"time limit": " (time limit)", "patience": " (no better for long)"}.get(result.ending, "")
    say(results, f"Trained in {took}{reason}: {folder / POTENTIAL}", "green")
    say(results, f"Report: {folder / REPORT}")
    say(results, f'Use it:  atoms.calc = forgefield.load("{folder / POTENTIAL}").calculator()')
