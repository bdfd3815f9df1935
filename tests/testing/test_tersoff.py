"""Tersoff's silicon against matscipy's, finite differences and its closed form in diamond."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.fd import FiniteDifferenceCalculator

from forgefield.reference.engines.classical import tersoff_silicon
from forgefield.testing.tersoff import TersoffSilicon, lattice_constant

rng = np.random.default_rng(0)
DISORDERED = Atoms("Si8", cell=5.2 * (np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3))), pbc=True)
DISORDERED.set_scaled_positions(bulk("Si", cubic=True).get_scaled_positions())
DISORDERED.rattle(0.4, seed=1)
CLUSTER = Atoms("Si7", rng.normal(scale=2.0, size=(7, 3)))


@pytest.mark.parametrize("atoms", [DISORDERED, bulk("Si"), CLUSTER], ids=["disordered", "diamond", "cluster"])
def test_as_matscipy_has_it(atoms):
    found, other = TersoffSilicon().evaluate(atoms), tersoff_silicon()
    other.calculate(atoms)
    assert found.energy == pytest.approx(other.results["energy"], rel=1e-12)
    np.testing.assert_allclose(found.forces, other.results["forces"], atol=1e-10 * np.abs(found.forces).max())
    if atoms.pbc.all():
        np.testing.assert_allclose(found.stress, other.results["stress"], atol=1e-12)


def test_derivatives():
    potential, atoms = TersoffSilicon(), DISORDERED.copy()
    found = potential.evaluate(atoms)
    atoms.calc = FiniteDifferenceCalculator(potential.calculator(), eps_disp=1e-5, eps_strain=1e-6)
    np.testing.assert_allclose(found.forces, atoms.get_forces(), atol=1e-5)
    np.testing.assert_allclose(found.stress, atoms.get_stress(), atol=1e-5)
    assert found.energies.sum() == pytest.approx(found.energy)


def test_diamond_is_as_published():
    """a = 5.432 Å and −4.63 eV; lonsdaleite is its equal."""
    a = lattice_constant()
    assert a == pytest.approx(5.432, abs=5e-4)
    diamond = TersoffSilicon().evaluate(bulk("Si", a=a))
    assert diamond.energy / 2 == pytest.approx(-4.63, abs=1e-3)
    assert np.abs(diamond.stress).max() < 1e-12
    lonsdaleite = bulk("SiSi", "wurtzite", a=a / np.sqrt(2), c=2 * a / np.sqrt(3), u=0.375)
    assert TersoffSilicon().evaluate(lonsdaleite).energy / 4 == pytest.approx(diamond.energy / 2, rel=1e-12)
