"""Crystals whose structure was measured, and how to tell a crystal from another."""

from __future__ import annotations

import warnings

import spglib
from ase import Atoms
from ase.spacegroup import crystal

from forgefield.structures.ions import Ion

TITANIA = (Ion("Ti", 4), Ion("O", -2))
COPPER_INDIUM_SELENIDE = (Ion("Cu", 1), Ion("In", 3), Ion("Se", -2))


def plain(atoms: Atoms) -> Atoms:
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)


def rutile() -> Atoms:
    """Burdett et al., J. Am. Chem. Soc. 109, 3639 (1987)."""
    cell = [4.5865, 4.5865, 2.9541, 90, 90, 90]
    return plain(crystal(["Ti", "O"], [(0, 0, 0), (0.30479, 0.30479, 0)], spacegroup=136, cellpar=cell))


def anatase() -> Atoms:
    """Burdett et al., J. Am. Chem. Soc. 109, 3639 (1987)."""
    cell = [3.7821, 3.7821, 9.5022, 90, 90, 90]
    return plain(crystal(["Ti", "O"], [(0, 0, 0), (0, 0, 0.20806)], spacegroup=141, cellpar=cell))


def brookite() -> Atoms:
    """Baur, Acta Cryst. 14, 214 (1961)."""
    return plain(
        crystal(
            ["Ti", "O", "O"],
            [(0.127, 0.113, -0.137), (0.010, 0.155, 0.180), (0.230, 0.105, -0.465)],
            spacegroup=61,
            cellpar=[9.184, 5.447, 5.145, 90, 90, 90],
        )
    )


def chalcopyrite() -> Atoms:
    """CuInSe2: Knight, Mater. Res. Bull. 27, 161 (1992)."""
    return plain(
        crystal(
            ["Cu", "In", "Se"],
            [(0, 0, 0), (0, 0, 0.5), (0.2258, 0.25, 0.125)],
            spacegroup=122,
            cellpar=[5.7815, 5.7815, 11.6221, 90, 90, 90],
            primitive_cell=True,
        )
    )


def space_group(atoms: Atoms, tolerance: float = 1e-3) -> int:
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        return int(spglib.get_symmetry_dataset(cell, symprec=tolerance).number)


def charge(atoms: Atoms, ions: tuple[Ion, ...]) -> int:
    symbols = list(atoms.symbols)
    assert set(symbols) == {ion.element for ion in ions}
    return sum(symbols.count(ion.element) * ion.charge for ion in ions)
