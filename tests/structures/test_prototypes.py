"""Prototype crystals: symmetry by spglib, size by measured allotropes."""

from __future__ import annotations

import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import bulk
from ase.data import chemical_symbols, covalent_radii

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import shortest_distance
from forgefield.structures.prototypes import (
    HEAVIEST,
    ground_state_name,
    known_prototype,
    prototype,
    prototype_names,
)

SPACE_GROUPS = {
    "diamond": (227, 2),
    "hexagonal-diamond": (194, 4),
    "beta-tin": (141, 2),
    "sc": (221, 1),
    "bcc": (229, 1),
    "fcc": (225, 1),
    "hcp": (194, 2),
    "simple-hexagonal": (191, 1),
    "graphite": (194, 4),
    "bc8": (206, 8),
    "st12": (96, 12),
    "alpha-arsenic": (166, 2),
    "black-phosphorus": (64, 4),
    "alpha-manganese": (217, 29),
}


# spglib warns at every call that it will raise, one day, where it returns None today.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")


def _space_group(atoms: Atoms) -> int:
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    return int(spglib.get_symmetry_dataset(cell, symprec=1e-3).number)


@pytest.mark.parametrize("name", SPACE_GROUPS)
def test_symmetry_and_size_of_the_primitive_cell(name: str) -> None:
    for element in ("Si", "Al"):
        atoms = prototype(element, name)
        assert (_space_group(atoms), len(atoms)) == SPACE_GROUPS[name]
        assert set(atoms.symbols) == {element}
        assert atoms.pbc.all()
        assert not atoms.has("initial_magmoms")


@pytest.mark.parametrize("element", ["Si", "Al", "Fe", "Mg", "W", "Po", "Sn", "As", "In", "Hg"])
def test_ground_states_keep_the_lattice_of_ase(element: str) -> None:
    atoms = prototype(element, ground_state_name(element))
    expected = bulk(element)
    np.testing.assert_allclose(atoms.cell.array, expected.cell.array)
    np.testing.assert_allclose(atoms.positions, expected.positions)


@pytest.mark.parametrize(
    ("element", "name", "volume"),
    [
        # Measured volumes per atom, Å³, from the lattice constants of the allotrope.
        ("Sn", "diamond", 6.489**3 / 8),  # grey tin
        ("C", "hexagonal-diamond", 2.52**2 * 4.12 * np.sqrt(3) / 2 / 4),  # lonsdaleite
        ("Fe", "fcc", 3.647**3 / 4),  # austenite at 1185 K
        ("Ti", "bcc", 3.307**3 / 2),
        ("Zr", "bcc", 3.609**3 / 2),
        ("Co", "fcc", 3.544**3 / 4),
        ("Ca", "bcc", 4.48**3 / 2),
        ("Ra", "bcc", 5.148**3 / 2),
        ("Pm", "double-hcp", 3.65**2 * 11.65 * np.sqrt(3) / 2 / 4),
    ],
)
def test_volumes_are_near_those_of_measured_allotropes(element: str, name: str, volume: float) -> None:
    atoms = prototype(element, name)
    assert atoms.get_volume() / len(atoms) == pytest.approx(volume, rel=0.10)


def test_every_element_has_a_ground_state_and_the_simple_crystals_at_a_sensible_size() -> None:
    for number in range(1, HEAVIEST + 1):
        element = chemical_symbols[number]
        for name in (ground_state_name(element), "fcc", "diamond"):
            atoms = prototype(element, name)
            ratio = shortest_distance(atoms, 7.0) / (2 * covalent_radii[number])
            volume = atoms.get_volume() / len(atoms)
            # Single bonds of gases spread over twelve neighbours are long, those of noble gases are none.
            gas = element in ("H", "He", "N", "O", "F", "Ne", "Ar", "Kr", "Xe", "Rn")
            assert 0.65 < ratio < (6.0 if gas else 1.55), (element, name, ratio)
            assert 3.0 < volume < 230.0, (element, name, volume)


def test_diatomic_molecules_keep_their_bonds() -> None:
    for element, bond in (("H", 0.74), ("F", 1.42), ("Cl", 1.99), ("Br", 2.28)):
        atoms = prototype(element, ground_state_name(element))
        assert shortest_distance(atoms) == pytest.approx(bond, rel=0.06)


def test_every_name_can_be_built() -> None:
    for name in prototype_names():
        atoms = prototype("Ge", name)
        assert shortest_distance(atoms, 5.0) > 1.8, name


def test_the_caller_cannot_change_what_the_next_one_gets() -> None:
    first = prototype("Si", "diamond")
    first.positions += 1.0
    first.set_cell(2 * first.cell.array)
    assert prototype("Si", "diamond").get_volume() == pytest.approx(5.43**3 / 4)


def test_unknown_names_and_elements_are_refused() -> None:
    with pytest.raises(
        ForgefieldError, match=r"no prototype 'Beta_Tin'; did you mean beta-tin\? available are"
    ):
        prototype("Si", "Beta_Tin")
    with pytest.raises(ForgefieldError) as error:
        known_prototype("zincblende-ish")
    assert all(name in str(error.value) for name in prototype_names())
    with pytest.raises(ForgefieldError, match=r"'si' is no element from H to Pu; did you mean Si\?"):
        prototype("si", "diamond")
    with pytest.raises(ForgefieldError, match="'Am' is no element"):
        ground_state_name("Am")
