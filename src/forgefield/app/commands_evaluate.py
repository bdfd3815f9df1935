"""The command evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from ase import Atoms
from rich.progress import track
from rich.table import Table
from rich.text import Text

from forgefield.app.console import messages, output, say
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import read_structures
from forgefield.potentials.registry import load
from forgefield.properties.errors import ErrorStatistics, prediction_errors
from forgefield.properties.point import PointValues, point_values

_GROUP_KEYS = ("source", "group", "config_type", "tag")


def evaluate(
    potential: Annotated[
        Path, typer.Argument(metavar="POTENTIAL", help="Potential folder, or a run folder.")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Labelled structures, such as extended XYZ.")],
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by",
            help="Entry of the comment lines to group by; default: source, group or config_type.",
        ),
    ] = None,
) -> None:
    """Compare a potential with the labels in a structure file.

    Errors of energy, forces and stress for each group of structures and for all. The file's energies must be
    of the same kind as those that the potential was trained on: those of another functional or
    pseudopotential differ by a constant.

    Examples:

    - `forgefield evaluate si-run/potential test.xyz`
    - `forgefield evaluate si-run test.xyz --group-by config_type`
    """
    fitted = load(potential)
    structures = read_structures(file)
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
    predicted = [point_values(fitted.evaluate(atoms)) for atoms, _ in shown]
    groups: dict[str, list[int]] = {}
    for index, (atoms, _) in enumerate(labelled):
        groups.setdefault(group_of(atoms, group_by), []).append(index)
    table = Table(header_style="bold")
    for name in (
        "group",
        "structures",
        "atoms",
        "energy MAE",
        "RMSE",
        "force MAE",
        "RMSE",
        "stress MAE",
        "RMSE",
    ):
        table.add_column(name, justify="left" if name == "group" else "right")
    table.add_row(
        "", "", "", *(Text(unit, "dim") for unit in ("meV/atom",) * 2 + ("eV/Å",) * 2 + ("GPa",) * 2)
    )
    reference = [values for _, values in labelled]
    if len(groups) > 1 or "" not in groups:
        for name, members in sorted(groups.items()):
            errors = prediction_errors([predicted[i] for i in members], [reference[i] for i in members])
            table.add_row(Text(name or "(no group)"), *_cells(errors))
        table.add_section()
    table.add_row(Text("all", "bold"), *_cells(prediction_errors(predicted, reference)))
    results = output()
    results.print(table)
    if len(labelled) < len(structures):
        say(
            results,
            f"{len(structures) - len(labelled)} structures without energy or forces were left out.",
            "yellow",
        )


def reference_values(atoms: Atoms) -> PointValues | None:
    """Energy, forces and stress that a file gave for a structure; None without energy or forces."""
    results = atoms.calc.results if atoms.calc is not None else {}
    if "energy" not in results or "forces" not in results:
        return None
    return PointValues(float(results["energy"]), results["forces"], results.get("stress"))


def group_of(atoms: Atoms, key: str | None) -> str:
    """Name of the group that a structure is of, "" if it does not say."""
    for name in (key,) if key is not None else _GROUP_KEYS:
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


def _cells(errors: ErrorStatistics) -> list[str]:
    numbers = [errors.energy_mae, errors.energy_rmse, errors.force_mae, errors.force_rmse]
    cells = [str(errors.n_structures), str(errors.n_atoms)]
    cells += [f"{numbers[0]:.2f}", f"{numbers[1]:.2f}", f"{numbers[2]:.4f}", f"{numbers[3]:.4f}"]
    return cells + [
        "–" if each is None else f"{each:.3f}" for each in (errors.stress_mae, errors.stress_rmse)
    ]
