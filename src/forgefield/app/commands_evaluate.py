"""The command evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from ase import Atoms
from rich.progress import track

from forgefield.app.console import messages, output, say
from forgefield.app.error_table import error_table
from forgefield.app.reliability_table import show_reliability
from forgefield.app.training_files import labelled_frames
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import write_extxyz
from forgefield.atoms.records import Labels
from forgefield.potentials.registry import load, units_named
from forgefield.potentials.training_set import GROUP_KEYS, labels_of
from forgefield.properties.errors import prediction_errors
from forgefield.properties.point import PointValues, point_values


def evaluate(
    potential: Annotated[
        Path,
        typer.Argument(metavar="POTENTIAL", help="Potential or run folder, nep.txt, or n2p2 folder."),
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Labelled structures, such as extended XYZ.")],
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by",
            help="Entry of the comment lines to group by; default: source, group or config_type.",
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Extended XYZ file to write the predictions to."),
    ] = None,
    uncertainty: Annotated[
        bool, typer.Option("--uncertainty", help="Also judge the potential's force uncertainty; slower.")
    ] = False,
    units: Annotated[
        str, typer.Option("--units", help="Of n2p2's files: bohr-hartree or angstrom-ev.")
    ] = "bohr-hartree",
) -> None:
    """Compare a potential with the labels in a structure file.

    POTENTIAL is a folder that forgefield wrote, a nep.txt of GPUMD, or a folder of n2p2 with input.nn; FILE is
    extended XYZ, input.data of n2p2, or whatever else ASE reads, with energies and forces.

    Errors of energy, forces and stress for each group of structures and for all. The file's energies must be
    of the same kind as those that the potential was trained on: those of another functional or
    pseudopotential differ by a constant.

    Examples:

    - `forgefield evaluate si-run/potential test.xyz`
    - `forgefield evaluate si-run test.xyz --group-by config_type`
    - `forgefield evaluate si-density/potential test.xyz --uncertainty`
    - `forgefield evaluate nep.txt test.xyz --output predictions.xyz`
    - `forgefield evaluate n2p2-folder input.data`
    """
    of_files = units_named(units)
    fitted = load(potential, of_files)
    structures = list(labelled_frames([file], of_files))
    labelled = [(atoms, values) for atoms in structures if (values := reference_values(atoms)) is not None]
    if not labelled:
        raise ForgefieldError(
            f"none of the {len(structures)} structures in {file} has reference energy and forces",
            "give extended XYZ with energy= on the comment line and a forces:R:3 column, such as "
            "forgefield export writes",
        )
    _check_species(fitted.species, [atoms for atoms, _ in labelled], file)
    console = messages()
    shown = track(labelled, "evaluating", console=console, disable=not console.is_terminal, transient=True)
    evaluations = [fitted.evaluate(atoms, uncertainty) for atoms, _ in shown]
    predicted = [point_values(each) for each in evaluations]
    if target is not None:
        _write_predictions(target, [atoms for atoms, _ in labelled], predicted)
    groups: dict[str, list[int]] = {}
    for index, (atoms, _) in enumerate(labelled):
        groups.setdefault(group_of(atoms, group_by), []).append(index)
    reference = [values for _, values in labelled]
    errors = {}
    if len(groups) > 1 or "" not in groups:
        for name, members in sorted(groups.items()):
            mine, theirs = [predicted[i] for i in members], [reference[i] for i in members]
            errors[name or "(no group)"] = prediction_errors(mine, theirs)
    results = output()
    results.print(
        error_table({**errors, "all": prediction_errors(predicted, reference)}, "group", total="all")
    )
    if uncertainty:
        spreads = [each.uncertainty.forces for each in evaluations if each.uncertainty is not None]
        if len(spreads) < len(evaluations):
            raise ForgefieldError(
                f"{potential} says nothing of its own uncertainty",
                "leave out --uncertainty, or train a committee (--members 4) or a bayesian potential",
            )
        forces = [(each.forces, truth.forces) for each, truth in zip(predicted, reference, strict=True)]
        lengths = [np.linalg.norm(mine - theirs, axis=1) for mine, theirs in forces]
        show_reliability(results, np.concatenate(spreads), np.concatenate(lengths))
    if len(labelled) < len(structures):
        say(
            results,
            f"{len(structures) - len(labelled)} structures without energy or forces were left out.",
            "yellow",
        )
    if target is not None:
        say(results, f"The predictions are written to {target}.", "green")


def reference_values(atoms: Atoms) -> PointValues | None:
    """Energy, forces and stress that a file gave for a structure; None without energy or forces."""
    labels = labels_of(atoms)
    return None if labels is None else PointValues(*labels)


def group_of(atoms: Atoms, key: str | None) -> str:
    """Name of the group that a structure is of, "" if it does not say."""
    for name in (key,) if key is not None else GROUP_KEYS:
        if name in atoms.info:
            return str(atoms.info[name])
    return ""


def _check_species(known: Sequence[str], structures: Sequence[Atoms], file: Path) -> None:
    foreign = sorted({symbol for atoms in structures for symbol in atoms.get_chemical_symbols()} - set(known))
    if foreign:
        raise ForgefieldError(
            f"{file} contains {', '.join(foreign)}, but the potential knows only {', '.join(known)}",
            "take those structures out, or train a potential for all of these elements",
        )


def _write_predictions(path: Path, structures: Sequence[Atoms], predicted: Sequence[PointValues]) -> None:
    """Predictions as energy, forces and stress; the file's own energy as reference_energy."""
    frames = []
    for atoms, values in zip(structures, predicted, strict=True):
        bare = atoms.copy()
        reference = reference_values(atoms)
        bare.info = {k: v for k, v in atoms.info.items() if k not in ("energy", "virial", "stress")}
        bare.info["reference_energy"] = reference.energy if reference is not None else 0.0
        labels = Labels(values.energy, values.forces, values.stress, "", "", 0.0)
        frames.append((bare, labels))
    write_extxyz(path, frames)
