"""Between ASE's atoms and pymatgen's structures."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from ase import Atoms

from forgefield.atoms.errors import ForgefieldError


def require_pymatgen(what: str) -> None:
    """Make sure that pymatgen is there before something needs it.

    Args:
        what: who asks, in the plural: ``oxidation states``.

    Raises:
        ForgefieldError: it is not installed.
    """
    if find_spec("pymatgen") is None:
        raise ForgefieldError(
            f"{what} need pymatgen, which is not installed", "pip install 'forgefield[structures]'"
        )


def to_pymatgen(atoms: Atoms, charges: Mapping[str, int] | None = None) -> Any:
    """The crystal as pymatgen's ``Structure``.

    Args:
        atoms: periodic in three dimensions.
        charges: oxidation state of each element that has one.
    """
    from pymatgen.core import Element, Species, Structure

    kinds = {
        symbol: Species(symbol, charges[symbol]) if charges and charges.get(symbol) else Element(symbol)
        for symbol in set(atoms.get_chemical_symbols())
    }
    return Structure(
        atoms.cell.array,
        [kinds[symbol] for symbol in atoms.get_chemical_symbols()],
        atoms.positions,
        coords_are_cartesian=True,
    )


def from_pymatgen(structure: Any) -> Atoms:
    """The atoms of pymatgen's ``Structure``, its oxidation states and site properties left aside.

    Raises:
        ValueError: some site is shared by several elements or partly empty.
    """
    if not structure.is_ordered:
        raise ValueError("some of its sites are shared by several elements or partly empty")
    return Atoms(
        [site.specie.symbol for site in structure],
        positions=structure.cart_coords,
        cell=structure.lattice.matrix,
        pbc=True,
    )
