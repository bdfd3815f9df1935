"""Relaxations that a cheap calculator guides: the dear one's minimum, from few of its calculations."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes

from forgefield.reference.engines.classical import tersoff_silicon
from forgefield.sampling.relaxation import relax
from forgefield.testing.stillinger_weber import StillingerWeberSilicon


class Counted(Calculator):
    """A calculator that counts the structures it is asked about, with a guide or without."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, guide=None):
        super().__init__()
        self.inner, self.asked, self.guide = StillingerWeberSilicon().calculator(), 0, guide

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.asked += 1
        for name in self.implemented_properties:
            self.results[name] = self.inner.get_property(name, atoms)


class Misleading(Calculator):
    """Pulls every atom to the origin."""

    implemented_properties = ("energy", "forces", "stress")

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": 0.0, "forces": -5.0 * atoms.positions, "stress": np.zeros(6)}


def vacancy() -> Atoms:
    atoms = bulk("Si", cubic=True) * (2, 2, 2)
    del atoms[0]
    atoms.rattle(0.02, seed=1)
    return atoms


def slab() -> Atoms:
    atoms = bulk("Si", cubic=True) * (1, 1, 2)
    atoms.center(vacuum=5.0, axis=2)
    atoms.pbc = True
    atoms.rattle(0.02, seed=2)
    return atoms


def strained() -> Atoms:
    atoms = bulk("Si", cubic=True) * (2, 1, 1)
    atoms.rattle(0.1, seed=1)
    atoms.set_cell(atoms.cell.array * 1.03, scale_atoms=True)
    return atoms


@pytest.mark.parametrize(("start", "cell"), [(vacancy, False), (slab, False), (strained, True)])
def test_another_potential_as_the_guide_saves_half_of_the_calculations(start, cell):
    alone, guided = Counted(), Counted(tersoff_silicon())
    expected = relax(start(), alone, 0.01, cell)
    found = relax(start(), guided, 0.01, cell)
    assert found.converged
    assert found.max_force <= 0.01
    assert found.energy == pytest.approx(expected.energy, abs=0.002)
    assert guided.asked <= 0.5 * alone.asked


def test_a_misleading_guide_does_no_harm():
    expected = relax(strained(), Counted(), 0.02, cell=False)
    found = relax(strained(), Counted(Misleading()), 0.02, cell=False)
    assert found.converged
    assert found.energy == pytest.approx(expected.energy, abs=0.003)


def test_the_calculator_itself_as_guide_needs_two_calculations():
    guided = Counted(StillingerWeberSilicon().calculator())
    assert relax(strained(), guided, 0.02, cell=False).converged
    assert guided.asked == 2
