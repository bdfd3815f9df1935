"""The command validate."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from ase import Atoms

from forgefield.app.console import messages, output, say
from forgefield.app.progress import progress_on
from forgefield.app.run_options import Known, Place, Workers, place_named, side_by_side
from forgefield.app.validation_input import (
    default_folder,
    errors_on_data,
    is_data,
    named_structures,
    read_settings,
    reference_named,
    trajectories_named,
)
from forgefield.app.validation_table import show_validation
from forgefield.atoms.errors import ForgefieldError
from forgefield.properties.examination import Property
from forgefield.properties.examination_spec import ExaminationSpec
from forgefield.properties.property_list import chosen_properties
from forgefield.properties.quantities import calculations_in_all
from forgefield.report.validation import read_validation
from forgefield.report.validation_page import build_validation_report
from forgefield.workflow.methods import check_species, direct_method
from forgefield.workflow.opening import sole_user
from forgefield.workflow.pools import open_pools
from forgefield.workflow.progress import Progress
from forgefield.workflow.reference_trajectory import analyse_trajectory
from forgefield.workflow.validation import Method, examine, forecast
from forgefield.workflow.validation_folder import POTENTIAL, REFERENCE, ValidationFolder, ValidationSpec


def validate(
    potential: Annotated[
        str,
        typer.Argument(metavar="POTENTIAL", help="Potential, run folder, nep.txt, or ase:module.Calculator."),
    ],
    structures: Annotated[
        list[str],
        typer.Argument(metavar="STRUCTURE…", help="Structure files, or for an element prototypes: diamond."),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="What to lay beside: an engine such as gpaw, another POTENTIAL, or labelled data.",
        ),
    ] = None,
    properties: Annotated[
        str,
        typer.Option("--properties", "-p", help="Names or groups, with commas between; all: every one."),
    ] = "",
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", "-f", help="Where results go; for si-run it is si-run-validation beside it."
        ),
    ] = None,
    settings: Annotated[Path | None, typer.Option("--settings", help="YAML file with settings.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A setting, such as properties.phonons.max_atoms=64."
        ),
    ] = None,
    budget: Annotated[
        int | None, typer.Option("--budget", min=1, help="Reference calculations, at most; default: 300.")
    ] = None,
    workers: Workers = None,
    forecast_only: Annotated[
        bool, typer.Option("--forecast", help="Say what the reference would have to compute, and stop.")
    ] = False,
    labels: Known = None,
    trajectories: Annotated[
        list[str] | None,
        typer.Option(
            "--trajectory",
            metavar="STRUCTURE=FILE:FS",
            help="Frames of the reference's molecular dynamics and the fs between them, for dynamics; repeatable.",
        ),
    ] = None,
    executor: Place = "local",
) -> None:
    """Lay a potential's properties beside DFT's.

    POTENTIAL is a folder that forgefield wrote, a nep.txt, a folder of n2p2, or any ASE calculator by its import path.
    Each method's properties are computed at its own minimum. --against names an engine (gpaw, espresso, cp2k, abinit,
    vasp, tblite, ase:…), whose calculations are kept in the folder and never done twice; if POTENTIAL is a run folder,
    its reference settings are taken over. Or it names another potential; or a file of structures with energies and
    forces, on which the errors are shown. Properties that take long molecular dynamics are computed for the potential
    alone; distances, angles and vibrations are laid beside those of a --trajectory that the reference made elsewhere.

    The same command goes on after Ctrl-C. The folder then holds report.html, comparison.csv, every result as JSON and
    the reference's labels.

    Examples:

    - `forgefield validate si-run diamond --against gpaw`
    - `forgefield validate si-run diamond beta-tin --properties static,phonons --against gpaw --forecast`
    - `forgefield validate nep.txt Si.cif --against other-run/potential`
    - `forgefield validate nep.txt Si.cif --against dft.xyz`
    - `forgefield validate tio2-run rutile.cif -p dynamics --trajectory rutile=aimd.traj:10`
    - `forgefield validate ase:ase.calculators.emt.EMT Cu.cif`
    """
    wanted = chosen_properties(properties.replace(",", " ").split())
    chosen = read_settings(settings, assignments or [], budget)
    methods = {POTENTIAL: direct_method(potential)}
    named = named_structures(structures, methods[POTENTIAL])
    check_species(methods[POTENTIAL], potential, named.values())
    runs = trajectories_named(trajectories or (), named, wanted)
    place = ValidationFolder(folder or default_folder(potential))
    where = place_named(executor)
    place.path.mkdir(parents=True, exist_ok=True)
    console = messages()
    try:
        with (
            sole_user(place.path),
            open_pools(where, workers or side_by_side(where), place.path) as pools,
            progress_on(console) as progress,
        ):
            data = against if is_data(against) else None
            if against is not None and data is None:
                methods[REFERENCE] = reference_named(
                    against,
                    potential,
                    methods[POTENTIAL],
                    chosen,
                    named,
                    place,
                    pools.reference,
                    progress,
                    labels or (),
                )
                check_species(methods[REFERENCE], against, named.values())
            place.write_spec(
                ValidationSpec(
                    potential=methods[POTENTIAL].title,
                    reference=methods[REFERENCE].title if REFERENCE in methods else None,
                    properties=tuple(each.name for each in wanted),
                    settings=chosen.properties,
                    agreement=chosen.agreement,
                    structures=tuple(named),
                    data=data,
                    trajectories={each.structure: each.path.name for each in runs},
                )
            )
            for name, atoms in named.items():
                place.write_structure(name, atoms)
            if REFERENCE in methods and methods[REFERENCE].side_by_side:
                _say_forecast(place, methods[REFERENCE], named, wanted, chosen.properties, progress)
            for each in runs:
                analyse_trajectory(place, each, chosen.properties)
            if not forecast_only:
                examine(place, methods, named, wanted, chosen.properties, progress)
                if data is not None:
                    place.write_errors(errors_on_data(methods[POTENTIAL], Path(data)))
    except KeyboardInterrupt as error:
        again = shlex.join(["forgefield", *sys.argv[1:]])
        say(console, f"Stopped. What is computed is kept; go on with:\n  {again}", "yellow")
        raise typer.Exit(130) from error
    if not forecast_only:
        report = build_validation_report(place.path)
        show_validation(output(), read_validation(place.path))
        say(output(), f"Report:  {report}")


def _say_forecast(
    folder: ValidationFolder,
    method: Method,
    structures: Mapping[str, Atoms],
    properties: Sequence[Property],
    settings: ExaminationSpec,
    progress: Progress,
) -> None:
    """Tell what the reference will be asked for.

    Raises:
        ForgefieldError: the budget does not suffice.
    """
    total = 0
    for name, each, planned in forecast(folder, method, structures, properties, settings):
        count = calculations_in_all(planned)
        total += count
        if count:
            largest = max(len(plan.atoms) for plan in planned)
            progress.note(f"{each.title} of {name}: about {count} calculations of up to {largest} atoms")
    if method.left is not None and total > method.left:
        raise ForgefieldError(
            f"the reference will be asked for about {total} calculations, and the budget allows {method.left}",
            f"choose fewer properties with --properties, or allow them with --budget {total}",
        )
