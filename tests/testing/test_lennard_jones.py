"""The Lennard-Jones potential against ASE's and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.fd import FiniteDifferenceCalculator
from ase.calculators.lj import LennardJones as Reference

from forgefield.atoms.errors import ForgefieldError
from forgefield.testing.lennard_jones import LennardJones


def test_cluster_without_a_cutoff():
    atoms = Atoms("H5", 1.2 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1.5]]))
    found = LennardJones().evaluate(atoms)
    atoms.calc = Reference(rc=1e6)
    assert found.energy == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
    np.testing.assert_allclose(found.forces, atoms.get_forces(), atol=1e-10)
    np.testing.assert_allclose(found.energies, atoms.get_potential_energies(), rtol=1e-10)


def test_derivatives_with_a_cutoff_beyond_the_cell():
    potential, atoms = LennardJones(cutoff=2.3), bulk("H", "fcc", a=1.55, cubic=True)
    atoms.rattle(0.05, seed=0)
    found = potential.evaluate(atoms)
    atoms.calc = FiniteDifferenceCalculator(potential.calculator(), eps_disp=1e-5, eps_strain=1e-6)
    np.testing.assert_allclose(found.forces, atoms.get_forces(), atol=1e-6)
    np.testing.assert_allclose(found.stress, atoms.get_stress(), atol=1e-6)
    assert found.energies.sum() == pytest.approx(found.energy)


def test_energy_and_force_end_smoothly_and_tend_to_the_full_ones():
    def dimer(distance: float, cutoff: float):
        found = LennardJones(cutoff=cutoff).evaluate(Atoms("H2", [[0, 0, 0], [0, 0, distance]]))
        return found.energy, found.forces[1, 2]

    np.testing.assert_allclose(dimer(2.5 - 1e-6, 2.5), 0.0, atol=1e-6)
    assert dimer(2.6, 2.5) == (0.0, 0.0)
    np.testing.assert_allclose(dimer(1.3, 50.0), dimer(1.3, np.inf), rtol=1e-8)


def test_periodic_structures_need_a_cutoff():
    with pytest.raises(ForgefieldError, match="no end in a periodic structure; give a cutoff"):
        LennardJones().evaluate(bulk("H", "fcc", a=1.5))
