"""Softening and molecular dynamics of an escape against closed formulas."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk

from forgefield.sampling.conditions import Stop
from forgefield.sampling.energy_surface import EnergySurface
from forgefield.sampling.escape import escape, first_timestep, kinetic_energy, next_timestep, soften
from forgefield.sampling.quasi_newton import minimise
from forgefield.testing.lennard_jones import LennardJones


def never(*_) -> None:
    return None


def relaxed_cluster() -> tuple[EnergySurface, object]:
    atoms = Atoms("H7", np.random.default_rng(4).uniform(-0.9, 0.9, (7, 3)))
    surface = EnergySurface(LennardJones(), atoms)
    ended = minimise(surface, surface.at(surface.origin), 1e-7, 2000, never)
    assert ended.converged
    return ended.surface, ended.point


def relaxed_crystal() -> tuple[EnergySurface, object]:
    atoms = bulk("H", "fcc", a=1.55, cubic=True)
    surface = EnergySurface(LennardJones(cutoff=2.2), atoms, cell=True, pressure=0.1)
    ended = minimise(surface, surface.at(surface.origin), 1e-7, 500, never)
    assert ended.converged
    fresh = ended.surface.laid_anew(ended.surface.structure(ended.point.x))
    return fresh, fresh.at(fresh.origin)


def curvatures(surface: EnergySurface, minimum) -> np.ndarray:
    """All but the rigid ones, from finite differences in directions that keep the strain symmetric."""
    rng, rigid = np.random.default_rng(0), surface.rigid_motions(minimum.x)
    free = surface.degrees_of_freedom(minimum.x)
    basis = np.array([surface.random_direction(minimum.x, rng) for _ in range(4 * free)])
    basis = np.linalg.svd(basis, full_matrices=False)[2][:free]
    np.testing.assert_allclose(basis @ rigid.T, 0.0, atol=1e-9)
    bent = [
        (surface.at(minimum.x - 1e-4 * v).forces - surface.at(minimum.x + 1e-4 * v).forces) / 2e-4
        for v in basis
    ]
    hessian = np.array(bent) @ basis.T
    return np.linalg.eigvalsh(0.5 * (hessian + hessian.T))


def test_harmonic_oscillator_passes_a_minimum_every_half_period(make_springs):
    """Velocity Verlet turns the phase by 2 asin(ωΔt/2) a step, and the sum of energies sways by a known amount."""
    sites, constant, mass = np.zeros((3, 3)), 2.0, 4.0
    potential = make_springs(sites, constant)
    potential.cutoff = np.inf
    surface = EnergySurface(potential, Atoms("H3", sites))
    frequency = np.sqrt(constant / mass)
    timestep = 0.1 / frequency
    velocity = np.random.default_rng(0).normal(size=9)
    way = escape(surface, surface.at(surface.origin), velocity, mass, timestep, 4, 1000, never)
    phase = 2.0 * np.arcsin(0.5 * frequency * timestep)
    assert way.minima == 4
    # The last minimum is noticed one step after the sample that is nearest to it.
    assert way.steps == round(4 * np.pi / phase) + 1
    quarter = 0.25 * (frequency * timestep) ** 2
    assert way.drift == pytest.approx(quarter / (1.0 - quarter), rel=1e-2)
    assert way.stop is None


@pytest.mark.parametrize("make", [relaxed_cluster, relaxed_crystal])
def test_energy_is_conserved_to_second_order_of_the_time_step(make):
    """Also with a moving cell under pressure."""
    surface, minimum = make()
    energy = kinetic_energy(1000.0, surface.degrees_of_freedom(minimum.x))
    velocity = np.sqrt(2.0 * energy) * surface.random_direction(minimum.x, np.random.default_rng(1))
    drifts = [
        escape(surface, minimum, velocity, 1.0, timestep, 10**6, round(2.0 / timestep), never).drift
        for timestep in (0.02, 0.01)
    ]
    assert drifts[0] < 0.05
    assert drifts[0] / drifts[1] == pytest.approx(4.0, rel=0.1)


def test_cell_moves_in_an_escape():
    surface, minimum = relaxed_crystal()
    velocity = 1.5 * surface.random_direction(minimum.x, np.random.default_rng(1))
    way = escape(surface, minimum, velocity, 1.0, 0.02, 2, 400, never)
    assert surface.strained(way.point.x) > 0.01


def test_rigid_motions_stay_at_rest():
    surface, minimum = relaxed_cluster()
    velocity = surface.random_direction(minimum.x, np.random.default_rng(1))
    way = escape(surface, minimum, velocity, 1.0, 0.01, 10**6, 100, never)
    before, after = (x.reshape(-1, 3) for x in (minimum.x, way.point.x))
    assert np.abs(after - before).max() > 0.05
    np.testing.assert_allclose(after.mean(axis=0), before.mean(axis=0), atol=1e-9)


@pytest.mark.parametrize("make", [relaxed_cluster, relaxed_crystal])
def test_softening_lowers_the_curvature_but_not_to_the_softest_mode(make):
    surface, minimum = make()
    spectrum = curvatures(surface, minimum)
    assert spectrum[0] > 0.0
    rng = np.random.default_rng(2)
    directions = [surface.random_direction(minimum.x, rng) for _ in range(8)]
    random = [soften(surface, minimum, each, 0) for each in directions]
    softened = [soften(surface, minimum, each, 20) for each in directions]
    for before, after, direction in zip(random, softened, directions, strict=True):
        np.testing.assert_allclose(before.direction, direction)
        assert before.curvature == before.stiffness == after.stiffness
        assert 0.9 * spectrum[0] < after.curvature < 0.7 * before.curvature
        assert np.linalg.norm(after.direction) == pytest.approx(1.0)
        np.testing.assert_allclose(surface.rigid_motions(minimum.x) @ after.direction, 0.0, atol=1e-10)
    # A random direction feels the mean of all curvatures.
    assert np.mean([each.stiffness for each in random]) == pytest.approx(spectrum.mean(), rel=0.3)
    # Different random directions stay different.
    overlaps = np.abs([softened[0].direction @ each.direction for each in softened[1:]])
    assert overlaps.min() < 0.9


def test_softening_costs_what_it_says():
    surface, minimum = relaxed_cluster()
    direction = surface.random_direction(minimum.x, np.random.default_rng(2))
    before = surface.evaluations
    soften(surface, minimum, direction, 12)
    assert surface.evaluations == before + 13


def test_watch_and_snapshots():
    surface, minimum = relaxed_cluster()
    velocity = surface.random_direction(minimum.x, np.random.default_rng(1))
    seen = []

    def watch(_, point):
        seen.append(point.x)
        return Stop("overlap", "for a test") if len(seen) == 7 else None

    way = escape(surface, minimum, velocity, 1.0, 0.01, 10**6, 100, watch, snapshot_every=3)
    assert (way.steps, way.stop) == (7, Stop("overlap", "for a test"))
    np.testing.assert_array_equal(way.point.x, seen[-1])
    np.testing.assert_array_equal(way.snapshots, [seen[2], seen[5]])


def test_leaps_end_an_escape_and_halve_the_time_step():
    """A time step far too long: the first move would already be one of 3 Å."""
    surface, minimum = relaxed_cluster()
    velocity = np.zeros_like(minimum.x)
    velocity[:3] = [0.0, 0.0, 30.0]
    before = surface.evaluations
    way = escape(surface, minimum, velocity, 1.0, 0.1, 2, 100, never)
    assert way.stop == Stop("overheated", "a step of dynamics would move an atom by 3.0 Å")
    assert surface.evaluations == before
    assert way.point is minimum
    assert next_timestep(0.1, way.drift) == 0.05


def test_escape_ends_before_the_cell_degenerates():
    """Shears along all three diagonals would flatten the cell at a strain of 1/2 each, though no component is large."""
    surface, minimum = relaxed_crystal()
    velocity = np.zeros_like(minimum.x)
    velocity[-9:] = 300.0 * (np.eye(3) - 1.0).ravel()
    way = escape(surface, minimum, velocity, 1.0, 5e-4, 10**6, 1000, never)
    assert way.stop is None
    assert 0.4 < surface.strained(way.point.x) < 0.5
    lengths = np.linalg.svd(
        np.linalg.solve(surface.structure(minimum.x).cell.array, surface.structure(way.point.x).cell.array),
        compute_uv=False,
    )
    assert lengths.min() == pytest.approx(1.0 - surface.strained(way.point.x))


def test_time_steps_and_kinetic_energy():
    assert kinetic_energy(300.0, 33) == pytest.approx(0.5 * 33 * units.kB * 300.0)
    # A quarter of the inverse frequency: 25 steps a period.
    assert first_timestep(4.0, 16.0) == pytest.approx(0.5)
    assert next_timestep(1.0, 0.001) == pytest.approx(1.05)
    assert next_timestep(1.0, 0.1) == pytest.approx(1 / 1.05)
    assert next_timestep(1.0, 0.5) == next_timestep(1.0, np.inf) == next_timestep(1.0, np.nan) == 0.5
