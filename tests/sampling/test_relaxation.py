"""Relaxation against literature lattice constants."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.relaxation import relax


def test_lattice_constant_of_stillinger_weber_silicon(make_committee):
    """a = 5.431 Å and −4.3366 eV/atom (Stillinger & Weber 1985; Balamane et al. 1992)."""
    start = bulk("Si", a=5.7, cubic=True)
    start.positions += np.random.default_rng(0).normal(scale=0.05, size=(8, 3))
    before = start.positions.copy()
    calculator = make_committee("stillinger-weber").calculator()
    relaxed = relax(start, calculator, force_tolerance=0.002)
    assert relaxed.converged
    assert relaxed.max_force < 0.002
    assert relaxed.atoms.get_volume() ** (1 / 3) == pytest.approx(5.431, abs=0.003)
    assert relaxed.energy / 8 == pytest.approx(-4.3366, abs=1e-3)
    assert relaxed.atoms.calc is None
    np.testing.assert_array_equal(start.positions, before)
    assert start.calc is None


def test_bond_of_a_dimer_with_a_fixed_cell():
    """Lennard-Jones: r = 2^(1/6) σ, E = −ε."""
    dimer = molecule("O2")
    relaxed = relax(dimer, LennardJones(sigma=1.1, epsilon=1.0, rc=100.0), 1e-4, cell=False)
    assert relaxed.atoms.get_distance(0, 1) == pytest.approx(2 ** (1 / 6) * 1.1, abs=1e-4)
    assert relaxed.max_stress == 0.0


def test_gives_up_and_says_so():
    relaxed = relax(bulk("Cu", a=3.9), EMT(), force_tolerance=1e-6, max_steps=2)
    assert not relaxed.converged
    assert relaxed.steps == 2
    assert relaxed.max_stress > 1e-3


def test_cell_of_a_molecule_cannot_relax():
    with pytest.raises(ForgefieldError, match="relax it with a fixed cell"):
        relax(molecule("H2O"), EMT())
