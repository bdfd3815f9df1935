"""DeePMD-kit's data folders: structures with energies, forces and virials as NumPy arrays.

A system is a folder with ``type.raw`` (numbers of the atoms' types), ``type_map.raw`` (their names), perhaps ``nopbc``,
and sets ``set.*`` of ``coord.npy``, ``box.npy`` (Å), ``energy.npy`` (eV), ``force.npy`` (eV/Å), ``virial.npy`` (eV, −V
times the stress in ASE's sign), one row a frame; in the mixed form also ``real_atom_types.npy`` (documentation of
DeePMD-kit, "Data").
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import atomic_numbers

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array

_TYPES, _NAMES = "type.raw", "type_map.raw"


def is_deepmd_data(path: Path) -> bool:
    """Whether a folder is a system of DeePMD-kit, or holds some."""
    return path.is_dir() and next(path.rglob(_TYPES), None) is not None


def iterate_deepmd(path: Path) -> Iterator[Atoms]:
    """Frames of all systems in a folder, in the order of their paths, with energies, forces and stresses.

    Raises:
        ForgefieldError: files that are missing, damaged or do not fit together.
    """
    for types in sorted(path.rglob(_TYPES)):
        yield from _system(types.parent)


def _system(folder: Path) -> Iterator[Atoms]:
    numbers = _numbers(folder)
    periodic = not (folder / "nopbc").exists()
    for part in sorted(folder.glob("set.*")):
        positions = _array(part / "coord.npy", 3 * len(_type_of_atoms(folder)))
        frames = len(positions)
        kinds = np.tile(_type_of_atoms(folder), (frames, 1))
        if (part / "real_atom_types.npy").exists():
            kinds = _array(part / "real_atom_types.npy", kinds.shape[1], frames).astype(int)
        if kinds.size and not 0 <= kinds.min() <= kinds.max() < len(numbers):
            raise ForgefieldError(
                f"{folder} has atoms of type {kinds.max()}, but {_NAMES} names {len(numbers)}",
                "name all types",
            )
        cells = _array(part / "box.npy", 9, frames) if periodic else np.zeros((frames, 9))
        energies = _array(part / "energy.npy", 1, frames)
        forces = _array(part / "force.npy", positions.shape[1], frames)
        virials = _array(part / "virial.npy", 9, frames) if (part / "virial.npy").exists() else None
        for frame in range(frames):
            atoms = Atoms(
                numbers=numbers[kinds[frame]],
                positions=positions[frame].reshape(-1, 3),
                cell=cells[frame].reshape(3, 3),
                pbc=periodic,
                info={"group": str(folder)},
            )
            results = {"energy": float(energies[frame, 0]), "forces": forces[frame].reshape(-1, 3)}
            if virials is not None and periodic:
                stress = -virials[frame].reshape(3, 3) / atoms.get_volume()
                results["stress"] = ((stress + stress.T) / 2)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
            atoms.calc = SinglePointCalculator(atoms, **results)
            yield atoms


def _type_of_atoms(folder: Path) -> Array:
    try:
        return np.loadtxt(folder / _TYPES, dtype=int, ndmin=1)
    except ValueError as error:
        raise ForgefieldError(
            f"{folder / _TYPES} holds no numbers: {error}", "write one type an atom"
        ) from error


def _numbers(folder: Path) -> Array:
    """Atomic number of each type."""
    file = folder / _NAMES
    if not file.exists():
        raise ForgefieldError(
            f"{file} is missing, so nobody knows which elements these are", "name the types in it"
        )
    names = file.read_text(encoding="utf-8").split()
    foreign = [name for name in names if name not in atomic_numbers]
    if foreign:
        raise ForgefieldError(f"{file} names {foreign[0]!r}, which is no element", "write chemical symbols")
    return np.array([atomic_numbers[name] for name in names])


def _array(file: Path, width: int, frames: int | None = None) -> Array:
    try:
        values = np.load(file, allow_pickle=False)
    except FileNotFoundError as error:
        raise ForgefieldError(f"{file} is missing", "complete the set, or remove it") from error
    except (ValueError, OSError, EOFError) as error:
        raise ForgefieldError(f"{file} cannot be read: {error}", "write the set again") from error
    values = np.reshape(values, (-1, width)) if width and values.size % width == 0 else values
    if values.ndim != 2 or values.shape[1] != width or (frames is not None and len(values) != frames):
        raise ForgefieldError(
            f"{file} has shape {values.shape} where {'' if frames is None else f'{frames} frames of '}{width} numbers "
            "belong",
            "check that all files of the set are of the same frames",
        )
    return np.asarray(values, dtype=np.float64)
