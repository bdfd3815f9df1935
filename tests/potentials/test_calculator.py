"""The ASE calculator: what is computed once, what is kept, what is noticed."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.filters import StrainFilter
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS

from forgefield.atoms.neighbours import with_vectors
from forgefield.atoms.pair_list import find_pairs
from forgefield.atoms.records import Evaluation
from forgefield.potentials.contract import Potential
from forgefield.potentials.gradients import forces_from_pairs, stress_from_virial


class Bonds(Potential):
    """½ Σ ε (1 − (r/r_c)²)³ over pairs: repulsive, smooth, and it counts its evaluations."""

    def __init__(self, cutoff=5.0):
        self.species, self.cutoff = ("Si",), cutoff
        self.evaluations = 0

    def evaluate(self, atoms, uncertainty=False, pairs=None):
        self.evaluations += 1
        near = with_vectors(find_pairs(atoms, self.cutoff) if pairs is None else pairs, atoms)
        w = np.maximum(1 - (near.vectors**2).sum(axis=1) / self.cutoff**2, 0.0)
        energies = np.bincount(near.centres, 0.5 * w**3, len(atoms))
        gradients = (-3 * w**2 / self.cutoff**2)[:, None] * near.vectors
        return Evaluation(
            float(energies.sum()),
            energies,
            forces_from_pairs(near, gradients, len(atoms)),
            stress_from_virial(atoms, near.vectors.T @ gradients),
        )

    def save(self, folder):
        raise NotImplementedError


@pytest.fixture
def silicon():
    atoms = bulk("Si", cubic=True) * 2
    atoms.rattle(0.1, seed=4)
    atoms.calc = Bonds().calculator()
    return atoms


def test_all_properties_come_from_one_evaluation(silicon):
    energy = silicon.get_potential_energy()
    assert silicon.get_potential_energies().sum() == pytest.approx(energy)
    assert silicon.get_forces().shape == (64, 3)
    assert silicon.get_stress().shape == (6,)
    assert silicon.get_potential_energy(force_consistent=True) == energy
    assert silicon.calc.potential.evaluations == 1
    with pytest.raises(PropertyNotImplementedError):
        silicon.get_dipole_moment()


@pytest.mark.parametrize(
    ("change", "evaluated"),
    [
        (lambda a: a.rattle(1e-9, seed=1), True),
        (lambda a: a.set_cell(a.cell * 1.01, scale_atoms=False), True),
        (lambda a: a.set_pbc((True, True, False)), True),
        (lambda a: a.pop(), True),
        (lambda a: a.set_velocities(np.ones((64, 3))), False),
        (lambda a: a.set_initial_magnetic_moments(np.ones(64)), False),
        (lambda a: None, False),
    ],
    ids=["positions", "cell", "periodicity", "fewer atoms", "velocities", "magnetic moments", "nothing"],
)
def test_only_what_a_potential_sees_makes_it_compute_again(silicon, change, evaluated):
    silicon.get_forces()
    change(silicon)
    assert silicon.calc.calculation_required(silicon, ["forces"]) == evaluated
    again = silicon.get_forces()
    assert silicon.calc.potential.evaluations == 1 + evaluated
    np.testing.assert_allclose(again, Bonds().evaluate(silicon).forces, atol=1e-12)


def test_other_elements_make_it_compute_again(silicon):
    silicon.get_forces()
    silicon.numbers[0] = 6
    assert silicon.calc.check_state(silicon) == ["numbers"]


def test_results_belong_to_the_user_and_the_atoms_to_the_calculator(silicon):
    forces = silicon.get_forces()
    forces[:] = 0.0
    assert np.abs(silicon.get_forces()).max() > 0
    kept = silicon.calc.get_atoms()
    silicon.positions += 1.0
    assert np.abs(kept.positions - silicon.positions).min() == pytest.approx(1.0)
    silicon.calc.reset()
    assert silicon.calc.calculation_required(silicon, ["energy"])


def test_one_calculator_serves_several_structures():
    calculator = Bonds().calculator(skin=0.8)
    rng = np.random.default_rng(6)
    for _ in range(3):
        for atoms in (
            bulk("Si"),
            bulk("Si", cubic=True),
            Atoms("Si2", [[0, 0, 0], [0, 0, 2.2]]),
            Atoms("Si"),
        ):
            atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
            atoms.calc = calculator
            expected = calculator.potential.evaluate(atoms)
            np.testing.assert_allclose(atoms.get_forces(), expected.forces, atol=1e-12)
            np.testing.assert_allclose(atoms.get_stress(), expected.stress, atol=1e-12)


def test_dynamics_reuse_the_list_and_conserve_energy(silicon):
    silicon.set_velocities(np.random.default_rng(2).normal(scale=0.02, size=(64, 3)))
    dynamics = VelocityVerlet(silicon, 1.0 * units.fs)
    total = silicon.get_total_energy()
    dynamics.run(100)
    assert silicon.get_total_energy() == pytest.approx(total, abs=2e-4)
    assert 1 < silicon.calc.pairs.builds < 40
    np.testing.assert_allclose(silicon.get_forces(), Bonds().evaluate(silicon).forces, atol=1e-12)
    silicon.wrap()
    np.testing.assert_allclose(silicon.get_forces(), Bonds().evaluate(silicon).forces, atol=1e-12)


def test_a_cell_that_relaxes_keeps_its_pairs_right(silicon):
    silicon = silicon[:8].copy()
    silicon.set_cell(bulk("Si", cubic=True).cell)
    silicon.calc = Bonds().calculator()
    BFGS(StrainFilter(silicon), logfile=None).run(steps=8)
    np.testing.assert_allclose(silicon.get_stress(), Bonds().evaluate(silicon).stress, atol=1e-12)
    assert silicon.calc.pairs.builds < silicon.calc.potential.evaluations
