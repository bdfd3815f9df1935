"""The heat current against its definition, the rate at which the first moment of the energy moves."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Evaluation
from forgefield.potentials.contract import Potential
from forgefield.sampling.heat_current import HeatCurrentRecorder
from forgefield.sampling.integrators import VelocityVerlet
from forgefield.sampling.langevin import start_motion, velocity_verlet_step, without_drift
from forgefield.sampling.simulation import run_motion
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

STEP = 0.002 * units.fs


class IdealGas(Potential):
    """Atoms that do not see each other; each element has an energy of its own."""

    def __init__(self, energies: dict[int, float]) -> None:
        self.species, self.cutoff, self.own = ("Ne", "Ar"), 1.0, energies

    def evaluate(self, atoms, uncertainty=False, pairs=None):
        energies = np.array([self.own[number] for number in atoms.numbers])
        return Evaluation(float(energies.sum()), energies, np.zeros((len(atoms), 3)), np.zeros(6))

    def virials(self, atoms, pairs=None):
        return np.zeros((len(atoms), 3, 3))

    def save(self, folder):
        raise NotImplementedError


def gas(energies):
    atoms = Atoms("NeAr" * 20, cell=[9.0] * 3, pbc=True)
    atoms.set_scaled_positions(np.random.default_rng(0).random((40, 3)))
    potential = IdealGas(energies)
    return potential, without_drift(start_motion(potential, atoms, 400.0, np.random.default_rng(1)))


def energy_moment(potential, state):
    """Σ_i r_i E_i, eV Å."""
    kinetic = 0.5 * (state.momenta**2).sum(axis=1) / state.masses
    return (potential.evaluate(state.atoms()).energies + kinetic) @ state.positions


def test_a_cluster_moves_its_energy_as_the_current_says():
    potential = StillingerWeberSilicon()
    atoms = Atoms("Si9", np.random.default_rng(3).uniform(12, 18, (9, 3)), cell=[30.0] * 3, pbc=True)
    state = without_drift(start_motion(potential, atoms, 3000.0, np.random.default_rng(1)))
    recorder = HeatCurrentRecorder(potential, STEP)
    moments = []
    for _ in range(25):
        state = velocity_verlet_step(potential, state, STEP)
        recorder(state)
        moments.append(energy_moment(potential, state))
    m = np.array(moments)
    expected = (8 * (m[3:-1] - m[1:-3]) - (m[4:] - m[:-4])) / (12 * STEP)
    found = recorder.heat_current().values[2:-2]
    assert np.abs(expected).max() > 1.0
    np.testing.assert_allclose(found, expected, atol=5e-6 * np.abs(expected).max())


def test_what_elements_hold_by_themselves_is_no_heat():
    """Energies that only count atoms of an element change nothing; the mean is not known beforehand."""
    found = []
    for energies in ({10: 0.0, 18: 0.0}, {10: -800.0, 18: -3000.0}):
        potential, state = gas(energies)
        recorder = HeatCurrentRecorder(potential, 2 * units.fs)
        run_motion(potential, state, VelocityVerlet(2 * units.fs), 20, 1, recorder)
        found.append(recorder.heat_current())
    np.testing.assert_allclose(found[1].values, found[0].values, atol=1e-9)
    kinetic = 0.5 * (state.momenta**2).sum(axis=1) / state.masses
    means = np.where(state.numbers == 10, *(kinetic[state.numbers == number].mean() for number in (10, 18)))
    expected = ((kinetic - means)[:, None] * state.momenta / state.masses[:, None]).sum(axis=0)
    np.testing.assert_allclose(found[0].values[-1], expected, atol=1e-12)
    assert not found[0].diffusing
    run_motion(potential, state, VelocityVerlet(50 * units.fs), 40, 1, recorder)
    assert recorder.heat_current().diffusing


def test_what_goes_with_it():
    """Temperature over 3N − 3 degrees of freedom; an ideal gas has the pressure N k T/V."""
    potential, state = gas({10: 0.0, 18: 0.0})
    recorder = HeatCurrentRecorder(potential, 5 * units.fs)
    run_motion(potential, state, VelocityVerlet(5 * units.fs), 12, 1, recorder)
    found = recorder.heat_current()
    assert found.values.shape == (12, 3)
    assert found.temperature == pytest.approx(state.kinetic_energy / (1.5 * 39 * units.kB), rel=1e-9)
    assert found.pressure == pytest.approx(39 * units.kB * found.temperature / 729.0, rel=1e-9)
    assert (found.volume, found.n_atoms) == (pytest.approx(729.0), 40)
    assert abs(found.drift) < 1e-12


def test_what_cannot_be_recorded_is_refused():
    class NoVirials(IdealGas):
        virials = Potential.virials

    recorder = HeatCurrentRecorder(NoVirials({14: 0.0}), 1.0)
    state = start_motion(None, bulk("Si"), 300.0, np.random.default_rng(0))
    with pytest.raises(
        ForgefieldError, match=r"NoVirials gives no virials of its 2 atoms.*; impose the heat flow"
    ):
        recorder(state)
    with pytest.raises(ForgefieldError, match="0 samples of the heat current say nothing; run longer"):
        HeatCurrentRecorder(StillingerWeberSilicon(), 1.0).heat_current()
