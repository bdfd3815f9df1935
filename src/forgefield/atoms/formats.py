"""Structures in and out of files: anything ASE reads, extended XYZ out."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import iread
from ase.io.extxyz import key_val_dict_to_str, key_val_str_to_dict
from ase.io.formats import UnknownFileTypeError, filetype
from ase.stress import voigt_6_to_full_3x3_stress

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Labels

_PAST = 4
"""Times that the end of a sound file is read before what is in front of it is."""


def write_extxyz(path: Path | str, frames: Sequence[tuple[Atoms, Labels | None]]) -> None:
    """Write frames as extended XYZ, with ``energy``, ``forces`` and ``stress`` where there are labels.

    Every number has all its digits (ASE's own writer rounds positions to 8 decimals, which changes structure
    keys). The file appears whole or not at all: it is written beside its place and then moved there.

    Args:
        path: file to write, compressed if its name ends in ``.gz``; missing folders are made.
        frames: structures with their labels, or None for a structure without. ``atoms.info`` goes onto the
            comment line; of the arrays only the initial magnetic moments are written.

    Raises:
        ForgefieldError: the file cannot be written.
    """
    _write(Path(path), "".join(extxyz_frame(atoms, labels) for atoms, labels in frames))


def write_gpumd(path: Path | str, frames: Sequence[tuple[Atoms, Labels | None]]) -> None:
    """Write frames as GPUMD's ``train.xyz``: extended XYZ with a ``force`` column and ``virial``, −V times the stress.

    Args:
        path, frames: as for `write_extxyz`.

    Raises:
        ForgefieldError: a structure without a cell or without labels, or the file cannot be written.
    """
    for index, (atoms, labels) in enumerate(frames):
        if labels is None or not abs(np.linalg.det(atoms.cell.array)) > 1e-8:
            lacking = "energy and forces" if labels is None else "a cell"
            raise ForgefieldError(
                f"structure {index} has no {lacking}, which GPUMD's train.xyz must have", "take it out"
            )
    _write(Path(path), "".join(extxyz_frame(atoms, labels, gpumd=True) for atoms, labels in frames))


def _write(path: Path, content: str) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    text = content.encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise ForgefieldError(
            f"cannot write {path}: {error.strerror or error}", "check the folder's permissions and free space"
        ) from error


def read_structures(path: Path | str) -> list[Atoms]:
    """Read every structure of a file, in any format that ASE knows.

    Calculators with results (energies, forces …) that ASE finds in the file stay attached.

    Raises:
        ForgefieldError: no such file, unknown format, nothing readable in it, or an impossible structure.
    """
    return list(iterate_structures(path))


def iterate_structures(path: Path | str) -> Iterator[Atoms]:
    """The structures of `read_structures`, one by one: files may be larger than memory.

    Raises:
        ForgefieldError: as `read_structures`, when the iteration comes to it.
    """
    path = Path(path)
    if not path.exists():
        raise ForgefieldError(f"no structure file {path}", "check the path; it is relative to where you run")
    if path.is_dir():
        raise ForgefieldError(f"{path} is a folder, not a structure file", "name one file in it")
    if path.stat().st_size == 0:
        raise ForgefieldError(f"structure file {path} is empty", "write at least one structure into it")
    index = -1
    for index, atoms in enumerate(_frames(path)):
        if len(atoms) == 0:
            raise ForgefieldError(f"structure {index} of {path} has no atoms", "remove it from the file")
        if atoms.pbc.any() and atoms.cell[atoms.pbc].any(axis=1).sum() < atoms.pbc.sum():
            raise ForgefieldError(
                f"structure {index} of {path} is periodic along an axis that has no cell vector",
                "give the cell, or set pbc to F along that axis",
            )
        yield atoms
    if index < 0:
        raise ForgefieldError(f"no structure in {path}", "write at least one structure into it")


def _frames(path: Path) -> Iterator[Atoms]:
    try:
        if path.suffix == ".gz":
            # ASE jumps to and fro in a file, which in a compressed one means to read it again and again.
            with tempfile.TemporaryDirectory() as folder:
                plain = Path(folder) / path.stem
                with gzip.open(path) as compressed, plain.open("wb") as file:
                    shutil.copyfileobj(compressed, file)
                yield from _read(plain)
        else:
            yield from _read(path)
    except UnknownFileTypeError as error:
        raise ForgefieldError(
            f"the format of {path} is not known (its name ends in {path.suffix or 'nothing'!r})",
            "convert it to extended XYZ (.xyz), CIF (.cif) or POSCAR",
        ) from error
    except PermissionError as error:
        raise ForgefieldError(f"cannot read {path}: no permission", "check the file's permissions") from error
    except Exception as error:
        # ASE has some eighty parsers, and a damaged file makes each fail in its own way.
        raise ForgefieldError(
            f"cannot read structures from {path}: {type(error).__name__}: {error}",
            "check that the file is complete and its name has the right ending",
        ) from error


def _read(path: Path) -> Iterator[Atoms]:
    if filetype(str(path)) != "extxyz":
        yield from iread(path, index=":")
        return
    with _Lines(path.open("rb")) as file:
        yield from iread(file, index=":", format="extxyz")


class _Lines(io.TextIOWrapper):
    """A text file that does not end for ever: ASE asks for as many lines as a damaged file says that it has atoms."""

    past = 0

    def readline(self, *args: Any) -> str:  # type: ignore[override]
        """The next line; "" behind the last, but not again and again."""
        line = super().readline(*args)
        if not line:
            self.past += 1
            if self.past > _PAST:
                raise EOFError("it ends in the middle of a structure")
        return line


def extxyz_frame(atoms: Atoms, labels: Labels | None, gpumd: bool = False) -> str:
    """Text of one frame, as `write_extxyz` and `write_gpumd` have it."""
    columns = {"pos": atoms.positions}
    if atoms.has("initial_magmoms"):
        columns["initial_magmoms"] = atoms.get_initial_magnetic_moments()
    header: dict[str, Any] = dict(atoms.info)
    if labels is not None:
        columns["force" if gpumd else "forces"] = labels.forces
        header["energy"] = float(labels.energy)
        if labels.stress is not None:
            stress = voigt_6_to_full_3x3_stress(labels.stress)
            if gpumd:
                header["virial"] = -abs(np.linalg.det(atoms.cell.array)) * stress
            else:
                header["stress"] = stress
    header["pbc"] = np.asarray(atoms.pbc)
    lattice = f'Lattice="{_digits(atoms.cell.array.ravel())}" ' if atoms.cell.array.any() else ""
    table = np.column_stack([np.reshape(values, (len(atoms), -1)) for values in columns.values()])
    properties = ":".join(
        ["species:S:1", *(f"{name}:R:{np.size(values) // len(atoms)}" for name, values in columns.items())]
    )
    rows = (f"{symbol} {_digits(row)}" for symbol, row in zip(atoms.symbols, table, strict=True))
    comment = f"{lattice}Properties={properties} {key_val_dict_to_str(header)}"
    return "\n".join([str(len(atoms)), comment, *rows, ""])


_TEXT = "text:"


def to_info(text: str) -> str:
    """Text for the comment line of extended XYZ, from which hexadecimal digits, say, come back as a number."""
    try:
        same = key_val_str_to_dict(key_val_dict_to_str({"name": text})).get("name")
    except ValueError:
        same = None
    return text if isinstance(same, str) and same == text else f"{_TEXT}{text}"


def from_info(value: object) -> str:
    """The text that `to_info` was given; of files by others, what was read."""
    return str(value).removeprefix(_TEXT)


def _digits(values: Iterable[float]) -> str:
    return " ".join(repr(float(value)) for value in values)
