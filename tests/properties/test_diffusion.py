"""Diffusion of random walks, Brownian particles, an Einstein crystal and argon."""

import numpy as np
import pytest
from ase import Atoms, units

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import diffusion
from forgefield.properties.diffusion import Diffusion, DiffusionSpec, finite_size_correction
from forgefield.properties.einstein_fit import fit_lags, random_walk_covariance, slope_weights
from forgefield.properties.production_run import ProductionRun
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.trajectory import MotionRecorder
from forgefield.properties.trajectory_frames import from_frames
from forgefield.sampling.integrators import Langevin
from forgefield.sampling.langevin import start_motion
from forgefield.sampling.simulation import run_motion
from forgefield.testing.einstein_crystal import EinsteinCrystal

from .trajectories import production

FS = units.fs
CUBE = np.eye(3) * 20.0


def walk(coefficient, n_frames, n_atoms, seed, interval_ps=0.1, **kwargs):
    """⟨Δx²⟩ = 2 D Δt along each axis."""
    steps = np.random.default_rng(seed).normal(size=(n_frames, n_atoms, 3))
    positions = np.cumsum(np.sqrt(2 * coefficient * interval_ps) * steps, axis=0)
    return production(positions, CUBE, interval_fs=1000 * interval_ps, **kwargs)


def test_error_bars_of_random_walks_hold_as_often_as_they_should():
    """Without the centre of mass, D is (1 − 1/N) of that of a walker; 300 runs tell 68 % to 2.7 %."""
    found = [
        diffusion.analyse(walk(0.4, 400, 10, seed), DiffusionSpec(blocks=8)).species[0] for seed in range(300)
    ]
    exact = 0.4 * (1 - 1 / 10)
    deviations = np.array([(each.coefficient - exact) / each.error for each in found])
    assert (np.abs(deviations) < 1).mean() == pytest.approx(0.67, abs=0.08)
    assert (np.abs(deviations) < 2).mean() == pytest.approx(0.945, abs=0.04)
    assert np.mean([each.coefficient for each in found]) == pytest.approx(exact, rel=0.02)
    assert np.mean([each.diffusive for each in found]) > 0.99
    assert all(each.upper_bound is None for each in found if each.diffusive)


def test_covariance_of_displacements_is_that_of_many_walks():
    lags = np.array([1, 3, 8])
    steps = np.random.default_rng(0).normal(size=(20_000, 30))
    paths = np.concatenate([np.zeros((20_000, 1)), np.cumsum(steps, axis=1)], axis=1)
    squares = np.array([((paths[:, lag:] - paths[:, : 31 - lag]) ** 2).mean(axis=1) for lag in lags])
    assert random_walk_covariance(31, lags) == pytest.approx(np.cov(squares), rel=0.05)


def test_generalised_least_squares_has_half_the_error_of_ordinary_ones():
    lags = fit_lags(50, 250)
    covariance, weights = random_walk_covariance(1000, lags), slope_weights(1000, lags)
    assert weights.sum() == pytest.approx(0, abs=1e-12)
    assert weights @ lags == pytest.approx(1)
    ordinary = np.linalg.pinv(np.column_stack([np.ones(len(lags)), lags]))[1]
    assert weights @ covariance @ weights < 0.5 * ordinary @ covariance @ ordinary


def recorded(potential, positions, temperature, damping_time, steps, every, masses=None):
    atoms = Atoms(f"Cu{len(positions)}", positions=positions, cell=CUBE, pbc=True)
    state = start_motion(potential, atoms, temperature, np.random.default_rng(5))
    recorder = MotionRecorder()
    integrator = Langevin(2 * FS, temperature, damping_time)
    run_motion(potential, state, integrator, steps, every, recorder)
    return ProductionRun(recorder.trajectory(2 * FS), None), atoms.get_masses()[0]


def test_brownian_particles_diffuse_by_einstein():
    """D = kT/(m γ)."""
    positions = np.random.default_rng(1).uniform(0, 20, size=(200, 3))
    run, mass = recorded(EinsteinCrystal(positions, 0.0), positions, 600.0, 50 * FS, 8000, 20)
    (found,) = diffusion.analyse(run, DiffusionSpec()).species
    exact = units.kB * 600 / mass * 50 * FS * (1000 * FS) * (1 - 1 / 200)
    assert found.error < 0.05 * exact
    assert found.coefficient == pytest.approx(exact, abs=3.5 * found.error)
    assert found.diffusive
    assert found.warnings == ()


def test_einstein_crystal_does_not_diffuse():
    """Displacements end at twice ⟨u²⟩ = 3 kT/k, and what is said of D is an upper bound."""
    sites = np.random.default_rng(1).uniform(0, 20, size=(100, 3))
    run, _ = recorded(EinsteinCrystal(sites, 2.0), sites, 600.0, 100 * FS, 12_000, 20)
    result = diffusion.analyse(run, DiffusionSpec())
    (found,) = result.species
    plateau = 2 * 3 * units.kB * 600 / 2.0
    assert found.displacements[40:].mean() == pytest.approx(plateau * (1 - 1 / 100), rel=0.03)
    assert not found.diffusive
    assert found.exponent == pytest.approx(0, abs=0.05)
    assert abs(found.coefficient) < 4 * found.error
    assert found.upper_bound == pytest.approx(plateau / (6 * result.times[-1]), rel=0.15)
    (quantity,) = result.quantities
    assert quantity.name == "Cu, diffusion coefficient, upper bound"
    assert "Cu: displacements grow with the power" in result.warnings[-1]
    assert "no diffusion seen, D is below" in result.warnings[-1]


def test_species_are_told_apart_and_a_drifting_cell_does_not_count():
    numbers = [3] * 20 + [8] * 20
    rng = np.random.default_rng(7)
    steps = np.concatenate([rng.normal(size=(800, 20, 3)), np.zeros((800, 20, 3))], axis=1)
    positions = 0.3 * np.cumsum(steps, axis=0) + 0.05 * rng.normal(size=(800, 40, 3))
    drifting = positions + np.arange(800)[:, None, None] * 0.2
    still, moving = (
        diffusion.analyse(production(each, CUBE, numbers, 100.0), DiffusionSpec())
        for each in (positions, drifting)
    )
    assert moving.species[0].coefficient == pytest.approx(still.species[0].coefficient)
    lithium, oxygen = still.species
    assert lithium.diffusive
    assert lithium.coefficient == pytest.approx(0.09 / 0.2, rel=0.2)
    assert oxygen.coefficient < 0.1 * lithium.coefficient
    assert still.temperature is None


def test_motion_that_is_not_diffusion_is_named():
    flight = np.arange(400)[:, None, None] * np.random.default_rng(2).normal(size=(1, 20, 3))
    (found,) = diffusion.analyse(production(flight, CUBE), DiffusionSpec()).species
    assert "faster than diffusion: fit longer lags" in found.warnings[0]
    caged = np.random.default_rng(3).normal(size=(400, 200, 3))
    slow = walk(0.4, 400, 200, 4)
    mixed = ProductionRun(
        production(slow.trajectory.positions + 0.7 * caged, CUBE, interval_fs=100.0).trajectory, None
    )
    (found,) = diffusion.analyse(mixed, DiffusionSpec()).species
    assert "slower than diffusion; the run may be too short" in found.warnings[0]
    assert found.coefficient == pytest.approx(0.4, abs=4 * found.error)


def test_finite_size_correction_of_water():
    """Yeh & Hummer's TIP3P water: the slope of D against 1/L, from their own numbers, is kT ξ/(6πη)."""
    expected = 1.380649e-23 * 298 * 2.837297 / (6 * np.pi * 0.31e-3 * 20e-10) * 1e8
    assert finite_size_correction(298.0, 0.31, 20.0) == pytest.approx(expected, rel=1e-6)
    velocities = np.random.default_rng(1).normal(scale=0.02, size=(400, 10, 3))
    run = walk(0.4, 400, 10, 1, velocities=velocities)
    result = diffusion.analyse(run, DiffusionSpec(viscosity=0.8))
    (found,) = result.species
    correction = finite_size_correction(result.temperature, 0.8, 20.0)
    assert found.infinite_cell == pytest.approx(found.coefficient + correction)
    assert [quantity.name for quantity in result.quantities] == [
        "Ar, diffusion coefficient",
        "Ar, diffusion coefficient, infinite cell",
    ]
    refused = diffusion.analyse(walk(0.4, 400, 10, 1), DiffusionSpec(viscosity=0.8))
    assert refused.species[0].infinite_cell is None
    assert "takes a cubic cell and velocities" in refused.warnings[1]


def test_results_survive_json():
    result = diffusion.analyse(walk(0.4, 400, 10, 1), DiffusionSpec())
    assert to_json(from_json(Diffusion, to_json(result))) == to_json(result)


def test_runs_that_cannot_tell():
    with pytest.raises(ForgefieldError, match=r"in 159 equilibrated frames and 8 blocks; give at least 160"):
        diffusion.analyse(walk(0.4, 159, 5, 1), DiffusionSpec())
    with pytest.raises(ForgefieldError, match=r"lags from 3 to 9 ps cannot be fitted in blocks of 5 ps"):
        diffusion.analyse(walk(0.4, 400, 5, 1), DiffusionSpec(shortest_lag=3, longest_lag=9))
    rng = np.random.default_rng(0)
    jumping = [
        Atoms("Ar5", scaled_positions=rng.uniform(size=(5, 3)), cell=CUBE, pbc=True) for _ in range(200)
    ]
    with pytest.raises(ForgefieldError, match="it cannot be told across which border"):
        diffusion.analyse(ProductionRun(from_frames(jumping, 1.0), None), DiffusionSpec())
    for frame in jumping[100:]:
        frame.set_cell(CUBE * 1.01, scale_atoms=True)
    with pytest.raises(ForgefieldError, match=r"cell changes along the trajectory.*at constant volume"):
        diffusion.analyse(ProductionRun(from_frames(jumping, 1.0), None), DiffusionSpec())
