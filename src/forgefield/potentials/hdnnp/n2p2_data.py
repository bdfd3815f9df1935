"""n2p2's `input.data`: structures with energies, forces and charges, read and written.

Frames run from ``begin`` to ``end``: ``comment``, three ``lattice`` lines or none, ``atom x y z symbol charge unused
fx fy fz``, ``energy``, ``charge`` (n2p2, Structure::readFromLines). The files do not say their units.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.potentials.hdnnp.definition import ATOMIC_UNITS, Units
from forgefield.potentials.hdnnp.n2p2_lines import Line, lines_of

_KEYWORDS = ("begin", "comment", "lattice", "atom", "energy", "charge", "end")


def read_data(path: Path, units: Units = ATOMIC_UNITS) -> list[Atoms]:
    """All structures of an `input.data`, with energies and forces as their calculators, comments in `info`.

    Args:
        path: of the file.
        units: those of the file's numbers.

    Raises:
        ForgefieldError: malformed content, with its line number.
    """
    structures: list[Atoms] = []
    frame: list[Line] | None = None
    for line in lines_of(path, comments=""):
        keyword = line.words[0]
        if keyword not in _KEYWORDS:
            raise line.error(f"one of {', '.join(_KEYWORDS)}")
        if (keyword == "begin") != (frame is None):
            raise line.error("end before the next begin" if frame else "begin")
        if frame is None:
            frame = []
        elif keyword == "end":
            structures.append(_structure(frame, line, units))
            frame = None
        else:
            frame.append(line)
    if frame is not None:
        raise ForgefieldError(f"{path} stops within structure {len(structures) + 1}", "add the missing end")
    return structures


def _structure(frame: list[Line], end: Line, units: Units) -> Atoms:
    rows: dict[str, list[Line]] = {keyword: [] for keyword in _KEYWORDS}
    for line in frame:
        rows[line.words[0]].append(line)
    cell = np.array([line.numbers(1, 4, "lattice <x> <y> <z>") for line in rows["lattice"]])
    if len(cell) not in (0, 3):
        raise end.error(f"three lattice lines before it, or none, but there are {len(cell)}")
    expected = "atom <x> <y> <z> <element> <charge> <unused> <fx> <fy> <fz>"
    symbols = [line.element(4) for line in rows["atom"]]
    positions = np.array([line.numbers(1, 4, expected) for line in rows["atom"]]).reshape(-1, 3)
    charges = np.array([line.numbers(5, 6, expected)[0] for line in rows["atom"]])
    forces = np.array([line.numbers(7, 10, expected) for line in rows["atom"]]).reshape(-1, 3)
    periodic = {"cell": cell * units.length, "pbc": True} if len(cell) else {}
    atoms = Atoms(symbols, positions * units.length, **periodic)
    if charges.any():
        atoms.set_initial_charges(charges)
    if rows["comment"]:
        atoms.info["comment"] = " ".join(rows["comment"][-1].words[1:])
    if rows["charge"]:
        atoms.info["charge"] = rows["charge"][-1].numbers(1, 2, "charge <number>")[0]
    if rows["energy"]:
        energy = rows["energy"][-1].numbers(1, 2, "energy <number>")[0] * units.energy
        atoms.calc = SinglePointCalculator(
            atoms, energy=energy, forces=forces * (units.energy / units.length)
        )
    return atoms


def write_data(path: Path, structures: Sequence[Atoms], units: Units = ATOMIC_UNITS) -> None:
    """Write structures with the energies and forces that their calculators hold; zeros where they hold none.

    Raises:
        ForgefieldError: a structure that is periodic along some of its axes only, which n2p2 does not know.
    """
    lines: list[str] = []
    for number, atoms in enumerate(structures):
        if atoms.pbc.any() and not atoms.pbc.all():
            raise ForgefieldError(
                f"structure {number} is periodic along some axes only, which input.data cannot say",
                "make it periodic along all axes, with vacuum",
            )
        results: dict[str, float | Array] = atoms.calc.results if atoms.calc is not None else {}
        forces = np.asarray(results.get("forces", np.zeros((len(atoms), 3)))) * (units.length / units.energy)
        charges = atoms.get_initial_charges()
        lines.append("begin")
        lines.append(f"comment {atoms.info.get('comment', '')}".rstrip())
        if atoms.pbc.all():
            lines += ["lattice " + _words(row / units.length) for row in atoms.cell.array]
        for symbol, place, charge, force in zip(atoms.symbols, atoms.positions, charges, forces, strict=True):
            row = f"{_words(place / units.length)} {symbol:>2s} {_words([charge, 0.0])} {_words(force)}"
            lines.append("atom " + row)
        lines.append("energy " + _words([float(np.asarray(results.get("energy", 0.0))) / units.energy]))
        lines.append("charge " + _words([float(atoms.info.get("charge", charges.sum()))]))
        lines.append("end")
    path.write_text("\n".join(lines) + "\n")


def _words(values: Sequence[float] | Array) -> str:
    return " ".join(f"{value:24.16E}" for value in values)
