"""The command md."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from ase import Atoms

from forgefield.app.console import messages, output, say
from forgefield.app.motion_settings import MotionRequest, integrator_for, parse_temperatures
from forgefield.app.motion_view import MotionWatch, show_motion
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import read_structures
from forgefield.atoms.identity import structure_key
from forgefield.potentials.registry import load
from forgefield.sampling.langevin import MotionState, start_motion
from forgefield.sampling.long_run import RunFiles, read_checkpoint, run_on_disk
from forgefield.sampling.observables import read_log


def md(
    potential: Annotated[
        Path,
        typer.Argument(metavar="POTENTIAL", help="Potential or run folder, nep.txt, or n2p2 folder."),
    ],
    structure: Annotated[
        Path, typer.Argument(metavar="STRUCTURE", help="Structure file; of several frames the last one.")
    ],
    ensemble: Annotated[
        str,
        typer.Option("--ensemble", "-e", help="nve (free), nvt (at a temperature), npt (and a pressure)."),
    ] = "nvt",
    thermostat: Annotated[
        str, typer.Option("--thermostat", help="langevin, or nose-hoover (nvt only, without random numbers).")
    ] = "langevin",
    temperature: Annotated[
        str | None,
        typer.Option("--temperature", "-T", help="K, or start:end for a linear ramp; 300 if not given."),
    ] = None,
    pressure: Annotated[
        float | None, typer.Option("--pressure", help="GPa, with npt; 0 if not given.")
    ] = None,
    duration: Annotated[float, typer.Option("--time", "-t", help="Length of the run in ps.")] = 10.0,
    timestep: Annotated[
        float | None, typer.Option("--timestep", help="fs; 2, and less where there are light atoms.")
    ] = None,
    repeat: Annotated[str, typer.Option("--repeat", help="Supercell, such as 4 or 4,4,2.")] = "1",
    target: Annotated[
        Path,
        typer.Option("--output", "-o", help="Trajectory: .traj, .xyz, .extxyz, .h5 (H5MD), .nc (AMBER)."),
    ] = Path("md.traj"),
    every: Annotated[int, typer.Option("--every", help="Steps between two frames.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Of velocities and noise.")] = 0,
    cell_shape: Annotated[
        str,
        typer.Option("--cell-shape", help="With npt: isotropic (the volume alone) or free (the whole cell)."),
    ] = "isotropic",
) -> None:
    """Run molecular dynamics with a potential.

    Beside the trajectory, with positions, velocities, forces and energies, comes a table of time, energies,
    temperature, pressure and volume (.csv), and a checkpoint. Ctrl-C or a kill loses nothing: the same command
    goes on, to the same numbers to the last digit. With a longer --time it goes on beyond the end.

    Velocities are drawn for the temperature; with nve, those of the structure file are taken if it has any and no
    temperature is given. A crystal with its atoms in their places turns half of its heat into vibrations, so nve
    ends up at half the temperature.

    Examples:

    - `forgefield md si-run crystal.xyz --repeat 4 --temperature 600 --time 50`
    - `forgefield md si-run crystal.xyz -e npt -T 300:1500 --pressure 0 --output heated.h5`
    - `forgefield md si-run md.traj -e nve --time 20 --output free.traj`
    """
    request = MotionRequest(
        ensemble=ensemble, thermostat=thermostat, pressure=pressure, picoseconds=duration, timestep=timestep,
        every=every, cell_shape=cell_shape, temperatures=parse_temperatures(temperature),
    )  # fmt: skip
    fitted = load(potential)
    atoms = _repeated(read_structures(structure)[-1], repeat)
    integrator, steps = integrator_for(request, atoms, fitted)
    files = RunFiles(target)
    settings = f"{request.in_words}, seed {seed}, {potential}, structure {structure_key(atoms)[:8]}"
    begun = read_checkpoint(files, settings)
    console = messages()
    if begun is not None:
        say(console, f"Going on at step {begun.state.step:,} of {steps:,}.", "cyan")

    def start() -> MotionState:
        rng = np.random.default_rng(seed)
        state = start_motion(fitted, atoms, request.start_temperature, rng)
        keeps = ensemble == "nve" and temperature is None and bool(atoms.get_momenta().any())
        return replace(state, momenta=atoms.get_momenta()) if keeps else state

    first = 0 if begun is None else begun.state.step
    began = time.monotonic()
    with MotionWatch(console, fitted, len(atoms), first, steps) as watch:
        try:
            end = run_on_disk(
                fitted, start, integrator, steps, files, every, settings, watch.progress, watch.observe
            )
        except KeyboardInterrupt:
            say(
                console,
                f"Everything up to the last frame is in {target}; the same command goes on.",
                "yellow",
            )
            raise
    speed = len(atoms) * (end.step - first) / max(time.monotonic() - began, 1e-9)
    show_motion(output(), read_log(files.log), integrator, len(atoms), speed)
    say(output(), f"{target} and {files.log.name} are written.", "green")


def _repeated(atoms: Atoms, repeat: str) -> Atoms:
    try:
        numbers = [int(each) for each in repeat.replace("x", ",").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3) or min(numbers) < 1:
        raise ForgefieldError(
            f"--repeat {repeat} is not a supercell", "give one or three whole numbers, such as 4 or 4,4,2"
        )
    times = numbers * 3 if len(numbers) == 1 else numbers
    if any(number > 1 and not along for number, along in zip(times, atoms.pbc, strict=True)):
        raise ForgefieldError(
            f"--repeat {repeat}: the structure has periodicity {atoms.pbc.tolist()}",
            "repeat it along periodic directions only",
        )
    return atoms.repeat(times)
