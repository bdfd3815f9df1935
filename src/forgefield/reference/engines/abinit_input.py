"""The input file of ABINIT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.units import Bohr


def abinit_input(atoms: Atoms, settings: Mapping[str, Any], pseudopotentials: Mapping[str, Path]) -> str:
    """Settings and structure, the cell in bohr and positions as fractions of it.

    Args:
        atoms: the structure.
        settings: values by ABINIT's names: numbers, lists, lists of lists, or text with its unit.
        pseudopotentials: files by element, of all elements of the structure.
    """
    elements = list(dict.fromkeys(atoms.symbols))
    structure = {
        "natom": len(atoms),
        "ntypat": len(elements),
        "znucl": list(dict.fromkeys(int(number) for number in atoms.numbers)),
        "typat": [elements.index(symbol) + 1 for symbol in atoms.symbols],
        "acell": [1.0, 1.0, 1.0],
        "rprim": (atoms.cell.array / Bohr).tolist(),
        "xred": atoms.get_scaled_positions(wrap=False).tolist(),
    }
    files = ", ".join(str(pseudopotentials[symbol].absolute()) for symbol in elements)
    lines = [f"{name} {_written(value)}" for name, value in {**settings, **structure}.items()]
    return "\n".join([*lines, f'pseudos "{files}"', ""])


def _written(value: object) -> str:
    if isinstance(value, list | tuple):
        return ("\n " if _is_table(value) else " ").join(map(_written, value))
    return f"{value:.16g}" if isinstance(value, float) else str(value)


def _is_table(rows: Iterable[object]) -> bool:
    return any(isinstance(row, list | tuple) for row in rows)
