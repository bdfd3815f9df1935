"""The kit finds the faults that it is there for: each is built into a sound pair potential and must fail its test."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import with_vectors
from forgefield.atoms.pair_list import find_pairs
from forgefield.atoms.records import Evaluation
from forgefield.potentials.contract import Potential
from forgefield.potentials.gradients import forces_from_pairs, stress_from_virial, virials_from_pairs
from forgefield.testing import PotentialContract
from forgefield.testing.structures import structure


class Bonds(Potential):
    """U_i = b + b²/2, b = ½ Σ w³ (w − ½) over neighbours with w = 1 − (r/r_c)²; faults are switched on by name."""

    def __init__(self, fault: str = "", power: int = 3) -> None:
        self.species, self.cutoff = ("C", "Si"), 4.0
        self.fault, self.power = fault, power

    def evaluate(self, atoms, uncertainty=False, pairs=None):
        strangers = sorted(set(atoms.get_chemical_symbols()) - set(self.species))
        if strangers and self.fault != "any element":
            raise ForgefieldError(f"element {strangers[0]} is unknown", "take another")
        listed = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        near = with_vectors(listed, atoms)
        energies, gradients = self.terms(near)
        gradients *= 1 + 1e-6 * (self.fault == "forces")
        if self.fault == "direction":
            energies += 1e-6 * atoms.positions[:, 0]
        virial = near.vectors.T @ gradients * (1 + 1e-6 * (self.fault == "stress"))
        result = Evaluation(
            float(energies.sum()) + 1e-8 * (self.fault == "sum"),
            energies,
            forces_from_pairs(near, gradients, len(atoms)),
            stress_from_virial(atoms, virial),
        )
        if self.fault == "order":
            result.forces[0] += 1e-6
        if self.fault == "supercell":
            result = dataclasses.replace(result, energy=result.energy + 1e-6)
        if self.fault == "changes its input":
            atoms.wrap()
            atoms.positions += 1e-9
        return result

    def virials(self, atoms, pairs=None):
        near = with_vectors(find_pairs(atoms, self.cutoff), atoms)
        gradients = self.terms(near)[1] * (1 + 1e-6 * (self.fault == "virials"))
        if self.fault == "virials of centres":
            near = dataclasses.replace(near, neighbours=near.centres)
        return virials_from_pairs(near, gradients, len(atoms))

    def terms(self, near):
        """Energies of atoms and their gradients by the pairs' vectors."""
        p, n = self.power, len(near.offsets) - 1
        w = 1 - (near.vectors**2).sum(axis=1) / self.cutoff**2
        w = w if self.fault == "long list" else np.maximum(w, 0.0)
        bonds = np.bincount(near.centres, 0.5 * (w ** (p + 1) - 0.5 * w**p), n)
        slope = (p + 1) * w**p - 0.5 * p * w ** (p - 1)
        gradients = (-slope * (1 + bonds[near.centres]) / self.cutoff**2)[:, None] * near.vectors
        return bonds + 0.5 * bonds**2, gradients

    def save(self, folder):
        raise NotImplementedError


class Kit(PotentialContract):
    """Without pytest collecting it."""

    def reload(self, potential, folder):
        again = Bonds(potential.fault)
        again.cutoff += 1e-9 * (potential.fault == "storage")
        return again


TESTS = {
    "forces": "test_forces_are_the_derivative_of_the_energy",
    "stress": "test_stress_is_the_strain_derivative_of_the_energy",
    "virials": "test_virials_sum_to_the_stress",
    "virials of centres": "test_virials_carry_the_energy_of_each_atom",
    "sum": "test_energy_is_the_sum_of_atomic_energies",
    "direction": "test_place_in_space_does_not_matter",
    "order": "test_order_of_atoms_does_not_matter",
    "supercell": "test_a_supercell_is_so_many_cells",
    "long list": "test_a_longer_pair_list_changes_nothing",
    "storage": "test_a_stored_potential_comes_back_identical",
    "any element": "test_unknown_elements_are_refused",
    "changes its input": "test_shapes_and_types",
}


def run(test: str, potential: Potential, tmp_path, cell: str = "triclinic") -> None:
    method = getattr(Kit(), test)
    offered = {
        "potential": potential,
        "atoms": structure(cell, potential.species, 2.0),
        "tmp_path": tmp_path,
    }
    wanted = method.__func__.__code__.co_varnames[1 : method.__func__.__code__.co_argcount]
    method(**{name: offered[name] for name in wanted})


@pytest.mark.parametrize("test", [name for name in dir(Kit) if name.startswith("test_")])
def test_a_sound_potential_passes(test, tmp_path):
    for cell in ("shorter than the cutoff", "slab"):
        run(test, Bonds(), tmp_path / cell, cell)


@pytest.mark.parametrize(("fault", "test"), TESTS.items())
def test_a_fault_fails_its_test(fault, test, tmp_path):
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run(test, Bonds(fault), tmp_path)


@pytest.mark.parametrize(("power", "smooth"), [(1, 0), (2, 1), (3, 2), (4, 3)])
def test_smoothness_is_known_to_the_order(power, smooth, tmp_path, monkeypatch):
    test = "test_smooth_where_an_atom_leaves_the_cutoff"
    monkeypatch.setattr(Kit, "continuous_derivatives", smooth)
    run(test, Bonds(power=power), tmp_path)
    monkeypatch.setattr(Kit, "continuous_derivatives", smooth + 1)
    with pytest.raises(AssertionError, match="jumps by"):
        run(test, Bonds(power=power), tmp_path)
