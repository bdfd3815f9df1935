"""Somebody else's calculator in the place of a potential."""

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.morse import MorsePotential

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.calculator_potential import CalculatorPotential, potential_of
from forgefield.testing.lennard_jones import LennardJones


def test_values_are_those_of_the_calculator():
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    found = potential_of(EMT(), atoms).evaluate(atoms)
    atoms.calc = EMT()
    assert found.energy == pytest.approx(atoms.get_potential_energy())
    assert np.allclose(found.energies, atoms.get_potential_energies())
    assert np.allclose(found.forces, atoms.get_forces())
    assert np.allclose(found.stress, atoms.get_stress())


def test_molecules_have_no_stress_and_equal_shares_fill_gaps():
    atoms = molecule("N2")
    found = potential_of(EMT(), atoms).evaluate(atoms)
    assert not found.stress.any()
    calculator = MorsePotential()
    calculator.implemented_properties = ["energy", "forces"]
    potential = CalculatorPotential(calculator, ("N",))
    assert not potential.has_stress
    found = potential.evaluate(atoms)
    assert np.allclose(found.energies, found.energy / 2)


def test_own_potentials_come_back_themselves(tmp_path):
    potential = LennardJones("Ar", cutoff=3.0)
    assert potential_of(potential.calculator(), bulk("Ar")) is potential
    with pytest.raises(ForgefieldError, match=r"EMT cannot be saved .*; save it by the means"):
        potential_of(EMT(), bulk("Cu")).save(tmp_path)
    with pytest.raises(
        ForgefieldError, match=r"EMT does not give the virials of atoms .*; impose the heat flow"
    ):
        potential_of(EMT(), bulk("Cu")).virials(bulk("Cu"))
