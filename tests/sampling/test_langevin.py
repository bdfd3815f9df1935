"""Langevin dynamics against statistical mechanics."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.barostat import Barostat, internal_pressure, strain_step
from forgefield.sampling.langevin import langevin_step, start_motion

FS = units.fs


def gas(n_atoms: int, volume: float) -> Atoms:
    edge = volume ** (1 / 3)
    positions = np.random.default_rng(0).uniform(0.0, edge, size=(n_atoms, 3))
    return Atoms("Ar" * n_atoms, positions=positions, cell=[edge] * 3, pbc=True)


def standard_error(values: np.ndarray, blocks: int = 20) -> float:
    means = values[: len(values) // blocks * blocks].reshape(blocks, -1).mean(axis=1)
    return float(means.std(ddof=1) / np.sqrt(blocks))


def test_initial_momenta_follow_maxwell_boltzmann(make_springs):
    atoms = Atoms("HAu" * 5000, positions=np.zeros((10000, 3)))
    potential = make_springs(atoms.positions, 0.0)
    state = start_motion(potential, atoms, 700.0, np.random.default_rng(1))
    variance = (state.momenta**2).mean(axis=1) / state.masses / (units.kB * 700.0)
    # Each mean is over 15000 squares of standard normal numbers: standard error √(2/15000) = 0.0115.
    assert variance[0::2].mean() == pytest.approx(1.0, abs=0.05)
    assert variance[1::2].mean() == pytest.approx(1.0, abs=0.05)
    assert state.temperature == pytest.approx(700.0, rel=0.04)


@pytest.mark.parametrize("share_of_limit", [0.1, 0.75])
def test_mean_energy_of_harmonic_oscillators(make_springs, share_of_limit):
    """⟨U⟩ = 3/2 N kT; BAOAB has no time-step error here, up to the stability limit dt = 2/ω."""
    n_atoms, constant, temperature = 200, 2.0, 500.0
    atoms = gas(n_atoms, 4000.0)
    potential = make_springs(atoms.positions.copy(), constant)
    period = 1.0 / np.sqrt(constant / atoms.get_masses()[0])
    timestep = share_of_limit * 2.0 * period
    rng = np.random.default_rng(2)
    state = start_motion(potential, atoms, temperature, rng)
    energies, temperatures = [], []
    for _ in range(3000):
        state = langevin_step(potential, state, temperature, timestep, 3.0 * period)
        energies.append(state.energy)
        temperatures.append(state.temperature)
    energies = np.array(energies[200:]) / (1.5 * n_atoms * units.kB * temperature)
    assert standard_error(energies) < 0.01
    assert energies.mean() == pytest.approx(1.0, abs=4 * standard_error(energies))
    # Momenta carry a time-step error (Leimkuhler & Matthews), so only those of small steps are held to kT.
    if share_of_limit < 0.2:
        ratio = np.array(temperatures[200:]) / temperature
        assert ratio.mean() == pytest.approx(1.0, abs=0.01 + 4 * standard_error(ratio))


@pytest.mark.parametrize(("isotropic", "axis"), [(True, None), (False, None), (False, 2)])
def test_volume_of_an_ideal_gas(make_springs, isotropic, axis):
    """P(V) ∝ V^N exp(−P V/kT) for N free atoms: ⟨V⟩ = (N + 1) kT/P, var V = (N + 1)(kT/P)²."""
    n_atoms, temperature = 8, 400.0
    thermal = units.kB * temperature
    pressure = 2.0e-3
    expected = (n_atoms + 1) * thermal / pressure
    atoms = gas(n_atoms, expected)
    potential = make_springs(atoms.positions, 0.0)
    barostat = Barostat(pressure, pressure, 30 * FS, isotropic, axis)
    state = start_motion(potential, atoms, temperature, np.random.default_rng(3))
    volumes = []
    for _ in range(20000):
        state = langevin_step(potential, state, temperature, 1.0 * FS, 5 * FS, barostat)
        volumes.append(np.linalg.det(state.cell))
        # Nothing holds the shape of a gas's cell, which wanders off to a needle; no energy depends on it.
        state = replace(state, cell=np.eye(3) * volumes[-1] ** (1 / 3))
    volumes = np.array(volumes) / expected
    # N instead of N + 1 would give 0.89.
    assert standard_error(volumes) < 0.025
    assert volumes.mean() == pytest.approx(1.0, abs=4 * standard_error(volumes))
    assert volumes.std() == pytest.approx(1.0 / np.sqrt(n_atoms + 1), rel=0.15)


def test_volume_of_silicon_under_pressure(make_committee):
    """At 30 K and 10 GPa a crystal sits where a static relaxation under that pressure puts it."""
    pressure = 10.0 * units.GPa
    potential = make_committee("kumagai")
    static = bulk("Si", cubic=True)
    static.calc = potential.calculator()
    with BFGS(FrechetCellFilter(static, scalar_pressure=pressure), logfile=None) as optimiser:
        optimiser.run(fmax=1e-4)
    expected = static.get_volume()
    barostat = Barostat(pressure, 100 * units.GPa, 40 * FS, isotropic=False)
    state = start_motion(potential, bulk("Si", cubic=True), 30.0, np.random.default_rng(4))
    assert abs(np.linalg.det(state.cell) / expected - 1.0) > 0.04
    volumes, pressures = [], []
    for _ in range(1200):
        state = langevin_step(potential, state, 30.0, 2 * FS, 50 * FS, barostat)
        volumes.append(np.linalg.det(state.cell))
        pressures.append(internal_pressure(state.momenta, state.masses, state.stress, volumes[-1]))
    # Thermal expansion at 30 K is below 0.1 %.
    assert np.mean(volumes[300:]) == pytest.approx(expected, rel=3e-3)
    mean = np.mean(pressures[300:], axis=0) / units.GPa
    np.testing.assert_allclose(mean, 10.0 * np.eye(3), atol=0.3)


def test_free_cell_does_not_turn():
    rng = np.random.default_rng(5)
    barostat = Barostat(0.0, 0.6, 100 * FS, isotropic=False)
    for _ in range(5):
        stress = rng.normal(size=(3, 3)) * 0.05
        deformation = strain_step(barostat, stress + stress.T, 100.0, 0.1, 2 * FS, rng.normal(size=(3, 3)))
        np.testing.assert_allclose(deformation, deformation.T, atol=1e-15)
        assert np.linalg.eigvalsh(deformation).min() > 0.9


def test_absurd_stress_does_not_collapse_the_cell_at_once():
    barostat = Barostat(0.0, 0.6, 100 * FS, isotropic=False)
    for sign in (1.0, -1.0):
        pressure = sign * 1e5 * np.eye(3)
        for shape in (barostat, replace(barostat, isotropic=True)):
            volume = np.linalg.det(strain_step(shape, pressure, 100.0, 0.1, 2 * FS, np.zeros((3, 3))))
            assert 0.4 < volume < 2.5


def test_internal_pressure_of_a_gas_is_kinetic():
    momenta = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 2.0]])
    masses = np.array([2.0, 4.0])
    expected = sum(np.outer(p, p) / m for p, m in zip(momenta, masses, strict=True)) / 50.0
    np.testing.assert_allclose(internal_pressure(momenta, masses, np.zeros(6), 50.0), expected)


def test_states_can_be_saved_and_continued(committee, silicon):
    """Ten steps at once, and five, saved, and five more: the same to the last bit."""
    barostat = Barostat(0.0, 0.6, 100 * FS, isotropic=False)

    def advance(state, steps):
        for _ in range(steps):
            state = langevin_step(committee, state, 600.0, 2 * FS, 100 * FS, barostat)
        return state

    start = start_motion(committee, silicon.atoms, 600.0, np.random.default_rng(6))
    whole = advance(start, 10)
    half = advance(start, 5)
    parts = advance(pickle.loads(pickle.dumps(half)), 5)
    assert parts.step == whole.step == 10
    assert parts.energy == whole.energy
    for name in ("positions", "momenta", "cell", "forces", "stress"):
        assert getattr(parts, name).tobytes() == getattr(whole, name).tobytes()
    assert start.step == 0
    assert half.positions.tobytes() != whole.positions.tobytes()


def test_two_motions_from_one_generator_differ(committee, silicon):
    rng = np.random.default_rng(7)
    one, two = (start_motion(committee, silicon.atoms, 300.0, rng) for _ in range(2))
    assert not np.allclose(one.momenta, two.momenta)


def test_motion_without_atoms_is_refused(committee):
    with pytest.raises(ForgefieldError, match="without atoms"):
        start_motion(committee, Atoms(), 300.0, np.random.default_rng(0))
