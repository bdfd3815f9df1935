"""The command convert."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from forgefield.app.console import output, say
from forgefield.app.training_files import is_n2p2_data, labelled_frames
from forgefield.atoms.deepmd_data import is_deepmd_data
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import write_extxyz, write_gpumd
from forgefield.atoms.records import Labels
from forgefield.potentials.contract import Potential
from forgefield.potentials.hdnnp.definition import Units
from forgefield.potentials.hdnnp.n2p2_data import write_data
from forgefield.potentials.hdnnp.potential import HdnnpPotential
from forgefield.potentials.nep.potential import NepPotential
from forgefield.potentials.registry import load, units_named
from forgefield.potentials.repulsion import RepulsedPotential
from forgefield.potentials.training_set import labels_of

_POTENTIALS = {
    "native": "folder for forgefield.load",
    "nep": "nep.txt, for GPUMD and calorine",
    "n2p2": "folder with input.nn, for n2p2 and LAMMPS",
}
_STRUCTURES = {
    "extxyz": "extended XYZ, for ASE",
    "input.data": "training data of n2p2",
    "gpumd": "train.xyz of GPUMD, with virials",
}


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="Potential (folder, nep.txt, n2p2 folder) or file of structures."
        ),
    ],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="File or folder to write.")],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="native, nep or n2p2; for structures extxyz, input.data or gpumd. Default: by TARGET.",
        ),
    ] = None,
    units: Annotated[
        str, typer.Option("--units", help="Of n2p2's files: bohr-hartree or angstrom-ev.")
    ] = "bohr-hartree",
    member: Annotated[
        int | None, typer.Option("--member", help="Network of a committee to write, counted from 0.", min=0)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Turn a potential or a structure file into another program's format.

    Potentials keep their numbers: a NEP goes between forgefield's folder and nep.txt, a high-dimensional neural
    network potential between forgefield's folder and n2p2's. Families cannot be turned into each other.
    Structure files with energies and forces go between extended XYZ, n2p2's input.data and GPUMD's train.xyz; folders
    of DeePMD-kit, OUTCAR, vasprun.xml, ASE's databases and whatever else ASE reads can be turned into these.

    Examples:

    - `forgefield convert si-nep/potential nep.txt`
    - `forgefield convert n2p2-folder water-potential`
    - `forgefield convert water/potential n2p2-folder --to n2p2`
    - `forgefield convert input.data train.xyz --to gpumd`
    - `forgefield convert deepmd-folder train.xyz`
    - `forgefield convert OUTCAR train.xyz`
    """
    of_files = units_named(units)
    if target.exists() and not force and not (target.is_dir() and not any(target.iterdir())):
        raise ForgefieldError(f"{target} is there already", "give another name, or --force")
    if not source.exists():
        raise ForgefieldError(f"there is no {source}", "name a potential or a structure file")
    if _is_potential(source):
        form = _named(to, _POTENTIALS, "a potential") or _guess_potential(target)
        potential = load(source, of_files)
        _WRITERS[form or _other(potential, source)](potential, target, of_files, member)
        say(output(), f"The potential for {', '.join(potential.species)} is written to {target}.", "green")
    else:
        form = _named(to, _STRUCTURES, "structures") or _guess_structures(target)
        count = _convert_structures(source, target, form, of_files)
        say(output(), f"{count} structures are written to {target}.", "green")


def _named(to: str | None, known: dict[str, str], what: str) -> str | None:
    if to is not None and to not in known:
        choice = "; ".join(f"{name} ({meaning})" for name, meaning in known.items())
        raise ForgefieldError(f"{what} cannot be written as {to!r}", f"choose from: {choice}")
    return to


def _is_potential(source: Path) -> bool:
    if source.is_dir():
        return not is_deepmd_data(source)
    try:
        with source.open("rb") as file:
            return file.read(16).lower().startswith(b"nep") or source.name == "potential.json"
    except OSError:
        return False


def _guess_potential(target: Path) -> str | None:
    return "nep" if target.suffix == ".txt" else None


def _other(potential: Potential, source: Path) -> str:
    """The one form that a potential can be turned into, if there is but one."""
    if source.is_file() or not _is_native(source):
        return "native"
    if isinstance(potential, HdnnpPotential):
        return "n2p2"
    raise ForgefieldError(
        f"{source} is in forgefield's own format already",
        "say with --to what to write: nep (for a NEP, with TARGET ending in .txt) or n2p2",
    )


def _is_native(source: Path) -> bool:
    return any((source / inside / "potential.json").exists() for inside in (".", "potential"))


def _guess_structures(target: Path) -> str:
    if is_n2p2_data(target):
        return "input.data"
    if target.name.removesuffix(".gz").endswith((".xyz", ".extxyz")):
        return "extxyz"
    raise ForgefieldError(
        f"the name {target} does not say in which format to write",
        f"choose with --to from: {', '.join(_STRUCTURES)}",
    )


def _write_native(potential: Potential, target: Path, units: Units, member: int | None) -> None:
    if target.is_file():
        raise ForgefieldError(f"{target} is a file, but a potential is a folder", "give another name")
    potential.save(target)


def _write_nep(potential: Potential, target: Path, units: Units, member: int | None) -> None:
    potential = _without_repulsion(potential, "nep.txt")
    if not isinstance(potential, NepPotential):
        raise _refused(potential, "nep.txt, which holds the NEP form only", "nep")
    if target.is_dir():
        raise ForgefieldError(f"{target} is a folder, but nep.txt is a file", f"name {target / 'nep.txt'}")
    potential.to_nep_txt(target)


def _write_n2p2(potential: Potential, target: Path, units: Units, member: int | None) -> None:
    potential = _without_repulsion(potential, "an n2p2 folder")
    if not isinstance(potential, HdnnpPotential):
        raise _refused(potential, "an n2p2 folder, which holds networks on symmetry functions only", "hdnnp")
    if target.is_file():
        raise ForgefieldError(f"{target} is a file, but n2p2's potential is a folder", "give another name")
    potential.to_n2p2(target, units, member)


_WRITERS: dict[str, Callable[[Potential, Path, Units, int | None], None]] = {
    "native": _write_native,
    "nep": _write_nep,
    "n2p2": _write_n2p2,
}


def _without_repulsion(potential: Potential, form: str) -> Potential:
    if isinstance(potential, RepulsedPotential):
        raise ForgefieldError(
            f"this potential is the sum of a fit and a repulsion of nuclei, which {form} cannot hold",
            "train it with --no-repulsion",
        )
    return potential


def _refused(potential: Potential, form: str, family: str) -> ForgefieldError:
    kind = type(potential).__name__.removesuffix("Potential").lower()
    return ForgefieldError(
        f"a potential of the family {kind} cannot be written as {form}",
        f"train one with forgefield train --family {family}",
    )


def _convert_structures(source: Path, target: Path, form: str, units: Units) -> int:
    frames: list[tuple[Atoms, Labels | None]] = []
    for atoms in labelled_frames([source], units):
        found = labels_of(atoms)
        bare = atoms.copy()
        for name in ("energy", "virial", "stress"):
            bare.info.pop(name, None)
        frames.append((bare, Labels(*found, "", "", 0.0) if found is not None else None))
    if form == "extxyz":
        write_extxyz(target, frames)
    elif form == "gpumd":
        write_gpumd(target, frames)
    else:
        write_data(target, [_with_results(atoms, labels, source) for atoms, labels in frames], units)
    return len(frames)


def _with_results(atoms: Atoms, labels: Labels | None, source: Path) -> Atoms:
    if labels is None:
        raise ForgefieldError(
            f"a structure ({atoms.get_chemical_formula()}) of {source} has no energy and forces, which input.data "
            "cannot leave out",
            "take such structures out",
        )
    atoms.calc = SinglePointCalculator(atoms, energy=labels.energy, forces=labels.forces)
    return atoms
