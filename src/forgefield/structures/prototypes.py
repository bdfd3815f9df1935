"""Crystal structures of the elements, at a sensible size."""

from __future__ import annotations

import difflib
from functools import cache

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, chemical_symbols, covalent_radii, reference_states, vdw_radii
from ase.data.vdw_alvarez import vdw_radii as alvarez_radii
from scipy.optimize import brentq

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import find_neighbours
from forgefield.structures.aflow import AFLOW_NAMES, aflow_crystal

ASE_NAMES = ("diamond", "fcc", "bcc", "hcp", "sc")
HEAVIEST = 94

# Ground states of the elements for which ASE has none of the five simple crystals above. Molecular and very
# heavy elements without crystal data get the crystal of their nearest relative.
_GROUND_STATES = {
    **dict.fromkeys(("H", "N"), "alpha-nitrogen"),
    **dict.fromkeys(("O", "F"), "alpha-oxygen"),
    **dict.fromkeys(("Cl", "Br", "I"), "iodine"),
    **dict.fromkeys(("Se", "Te"), "alpha-selenium"),
    **dict.fromkeys(("As", "Sb", "Bi"), "alpha-arsenic"),
    **dict.fromkeys(("At", "Rn"), "fcc"),
    **dict.fromkeys(("Fr", "Ra"), "bcc"),
    "He": "hcp",
    "B": "alpha-boron",
    "P": "black-phosphorus",
    "S": "alpha-sulfur",
    "Mn": "alpha-manganese",
    "Ga": "alpha-gallium",
    "In": "indium",
    "Sn": "beta-tin",
    "Pm": "double-hcp",
    "Sm": "alpha-samarium",
    "Hg": "alpha-mercury",
    "Pa": "protactinium",
    "U": "alpha-uranium",
    "Np": "alpha-neptunium",
    "Pu": "alpha-plutonium",
}
# ASE can build these families with their internal coordinates.
_ASE_FAMILIES = {*ASE_NAMES, "bct", "rhombohedral"}
# Elements without measured crystals get a neighbour's bond length, scaled by the covalent radii.
_UNMEASURED = {"Pm": "Nd", "At": "Po", "Fr": "Cs", "Ra": "Ba"}
_DIATOMIC = ("H", "N", "O", "F", "Cl", "Br", "I")
# Softness of a bond in bond-valence theory, Å: Brown and Altermatt, Acta Cryst. B 41, 244 (1985).
_SOFTNESS = 0.37


def prototype_names() -> tuple[str, ...]:
    """Every name that :func:`prototype` knows."""
    return (*ASE_NAMES, *AFLOW_NAMES)


def ground_state_name(element: str) -> str:
    """Name of the crystal in which an element is found at low temperature (for a few, of a close relative).

    Raises:
        ForgefieldError: not an element from hydrogen to plutonium.
    """
    element = known_element(element)
    if element in _GROUND_STATES:
        return _GROUND_STATES[element]
    return str(reference_states[atomic_numbers[element]]["symmetry"])


def prototype(element: str, name: str) -> Atoms:
    """Primitive cell of an element in a named crystal structure.

    The element's own ground state has its measured lattice constants where ASE or the AFLOW library know
    them. Any other crystal is scaled so that an atom's bond-valence sum Σ_j exp(−r_j / 0.37 Å) is that of
    the ground state (Brown and Altermatt, Acta Cryst. B 41, 244 (1985)); for silicon that lands within a few
    per cent of the bond lengths of density functional theory. fcc, bcc, sc and diamond cells are aligned
    with the cube axes. No magnetic moments are set.

    Args:
        element: symbol, H to Pu.
        name: one of :func:`prototype_names`.

    Raises:
        ForgefieldError: unknown element or name.
    """
    element = known_element(element)
    name = known_prototype(name)
    reference = _reference_crystal(element)
    if name == ground_state_name(element):
        return reference.copy()
    return _scaled_to_valence(_template(element, name), _valence_sum(reference))


def known_element(element: str) -> str:
    """The symbol itself, if it is an element from hydrogen to plutonium.

    Raises:
        ForgefieldError: it is not.
    """
    symbols = chemical_symbols[1 : HEAVIEST + 1]
    if element not in symbols:
        near = [symbol for symbol in symbols if symbol.lower() == element.lower()]
        raise ForgefieldError(
            f"{element!r} is no element from H to {symbols[-1]}", f"did you mean {near[0]}?" if near else ""
        )
    return element


def known_prototype(name: str) -> str:
    """The name itself, if there is a prototype of that name.

    Raises:
        ForgefieldError: there is none; names the nearest and all others.
    """
    names = prototype_names()
    if name not in names:
        near = difflib.get_close_matches(name.lower().replace("_", "-").replace(" ", "-"), names, 1, 0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ForgefieldError(
            f"there is no prototype {name!r}", f"{hint}available are {', '.join(sorted(names))}"
        )
    return name


def _template(element: str, name: str) -> Atoms:
    """The crystal with the right element and an arbitrary size."""
    if name in ASE_NAMES:
        return _plain(bulk(element, name, a=3.0))
    atoms = _plain(aflow_crystal(name))
    atoms.symbols[:] = element
    return atoms


@cache
def _reference_crystal(element: str) -> Atoms:
    name = ground_state_name(element)
    state = reference_states[atomic_numbers[element]] or {}
    # ASE marks crystals whose internal coordinates it lacks with an empty basis.
    if state.get("symmetry") in _ASE_FAMILIES and state.get("basis", ()) is not None:
        return _plain(bulk(element))
    if name in AFLOW_NAMES and set(aflow_crystal(name).symbols) == {element}:
        return _template(element, name)
    atoms = _template(element, name)
    if element in ("He", "Rn"):
        return _scaled_to_distance(atoms, 2.0 * _vdw_radius(element))
    if element in _UNMEASURED:
        relative = _UNMEASURED[element]
        ratio = covalent_radii[atomic_numbers[element]] / covalent_radii[atomic_numbers[relative]]
        return _scaled_to_distance(atoms, ratio * _nearest_distance(prototype(relative, name)))
    return _like_relative(element, atoms, relative=aflow_crystal(name).get_chemical_symbols()[0])


def _like_relative(element: str, atoms: Atoms, relative: str) -> Atoms:
    """Scale the relative's crystal by measured cells or van der Waals radii, but not diatomic bonds."""
    ours, theirs = (reference_states[atomic_numbers[symbol]] for symbol in (element, relative))
    if "a" in ours and ours["symmetry"] == theirs["symmetry"]:
        cells = [state["a"] ** 3 * state.get("b/a", 1.0) * state["c/a"] for state in (ours, theirs)]
        ratio = (cells[0] / cells[1]) ** (1.0 / 3.0)
    else:
        ratio = _vdw_radius(element) / _vdw_radius(relative)
    atoms.set_cell(atoms.cell.array * ratio, scale_atoms=True)
    if element in _DIATOMIC:
        bond = ours.get("d", 2.0 * covalent_radii[atomic_numbers[element]])
        atoms.positions += _shifts_to_bond_length(atoms, bond)
    return atoms


def _shifts_to_bond_length(atoms: Atoms, bond: float) -> np.ndarray:
    pairs = find_neighbours(atoms, 4.0)
    shifts = np.zeros((len(atoms), 3))
    for atom in range(len(atoms)):
        vectors = pairs.vectors[pairs.offsets[atom] : pairs.offsets[atom + 1]]
        lengths = np.linalg.norm(vectors, axis=1)
        nearest = np.argmin(lengths)
        shifts[atom] = 0.5 * vectors[nearest] * (1.0 - bond / lengths[nearest])
    return shifts


def _vdw_radius(element: str) -> float:
    number = atomic_numbers[element]
    radius = alvarez_radii[number]
    return float(radius if np.isfinite(radius) else vdw_radii[number])


def _plain(atoms: Atoms) -> Atoms:
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)


def _nearest_distance(atoms: Atoms) -> float:
    reach = 1.05 * float(atoms.cell.lengths().min())
    return float(np.linalg.norm(find_neighbours(atoms, reach).vectors, axis=1).min())


def _scaled_to_distance(atoms: Atoms, distance: float) -> Atoms:
    atoms.set_cell(atoms.cell.array * (distance / _nearest_distance(atoms)), scale_atoms=True)
    return atoms


def _valence_sum(atoms: Atoms, scale: float = 1.0) -> float:
    """Σ_j exp(−r_j / 0.37 Å), the mean over the atoms, of the crystal enlarged by ``scale``."""
    # Bonds 3 Å longer than the shortest count for exp(−8) of it.
    reach = _nearest_distance(atoms) + 3.0 / scale
    lengths = scale * np.linalg.norm(find_neighbours(atoms, reach).vectors, axis=1)
    return float(np.exp(-lengths / _SOFTNESS).sum() / len(atoms))


def _scaled_to_valence(atoms: Atoms, valence: float) -> Atoms:
    shortest = _nearest_distance(atoms)
    bounds = (0.3 / shortest, 10.0 / shortest)
    scale = brentq(lambda s: np.log(_valence_sum(atoms, s) / valence), *bounds, xtol=1e-12)
    atoms.set_cell(atoms.cell.array * scale, scale_atoms=True)
    return atoms
