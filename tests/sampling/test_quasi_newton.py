"""The lean relaxation beside ASE's, on known minima."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from forgefield.sampling.conditions import Stop
from forgefield.sampling.energy_surface import EnergySurface
from forgefield.sampling.quasi_newton import minimise
from forgefield.testing.lennard_jones import LennardJones


def relaxed(surface: EnergySurface, tolerance: float, evaluations: int = 1000):
    return minimise(surface, surface.at(surface.origin), tolerance, evaluations, lambda *_: None)


def test_dimer_gets_to_its_bond():
    surface = EnergySurface(LennardJones(), Atoms("H2", [[0, 0, 0], [0.3, 0.9, 1.2]]))
    ended = relaxed(surface, 1e-8)
    assert ended.converged
    assert ended.point.energy == pytest.approx(-1.0, abs=1e-12)
    assert ended.surface.structure(ended.point.x).get_distance(0, 1) == pytest.approx(2 ** (1 / 6), abs=1e-9)


def test_anisotropic_springs_are_solved_within_their_number_of_coordinates(make_springs):
    """A quadratic function is minimised by BFGS in about as many steps as it has different curvatures: one."""
    sites = np.random.default_rng(0).normal(size=(5, 3))
    surface = EnergySurface(make_springs(sites, 3.0), Atoms("H5", np.zeros((5, 3))))
    surface.potential.cutoff = np.inf
    ended = minimise(surface, surface.at(surface.origin), 1e-10, 100, lambda *_: None, stiffness=3.0)
    np.testing.assert_allclose(ended.point.x.reshape(-1, 3), sites, atol=1e-10)
    # Steps of at most 0.2 Å, then one more.
    assert ended.evaluations <= np.ceil(np.linalg.norm(sites, axis=1).max() / 0.2) + 1


def test_same_minimum_as_ase_with_no_more_evaluations_when_the_cell_moves():
    rng = np.random.default_rng(3)
    potential, ours, theirs = LennardJones(cutoff=2.5), 0, 0
    for _ in range(3):
        atoms = bulk("H", "fcc", a=1.6, cubic=True)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.04 * rng.normal(size=(3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
        ended = relaxed(EnergySurface(potential, atoms, cell=True), 1e-3)
        assert ended.converged
        atoms.calc = potential.calculator()
        with BFGS(FrechetCellFilter(atoms), logfile=None) as optimiser:
            optimiser.run(fmax=1e-3, steps=500)
        assert ended.point.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-5)
        ours, theirs = ours + ended.evaluations, theirs + optimiser.nsteps + 1
    assert ours <= theirs


def test_cell_far_from_its_minimum_is_laid_anew_on_the_way():
    atoms = bulk("H", "fcc", a=1.55, cubic=True)
    atoms.set_cell(atoms.cell.array @ np.diag([1.35, 0.9, 1.0]), scale_atoms=True)
    surface = EnergySurface(LennardJones(cutoff=2.5), atoms, cell=True)
    ended = relaxed(surface, 1e-4)
    assert ended.converged
    assert ended.surface is not surface
    assert ended.surface.evaluations == ended.evaluations + 1
    again = ended.surface.structure(ended.point.x)
    assert surface.potential.evaluate(again).energy == pytest.approx(ended.point.energy, rel=1e-12)


def test_gives_up_stops_and_does_not_hide_it():
    atoms = Atoms("H4", [[0, 0, 0], [1.3, 0, 0], [0, 1.4, 0], [0, 0, 1.2]])
    surface = EnergySurface(LennardJones(), atoms)
    short = relaxed(surface, 1e-6, evaluations=5)
    assert (short.converged, short.stop) == (False, None)
    assert 5 <= short.evaluations <= 10
    stop = Stop("overlap", "for a test")
    energies = []

    def watch(_, point):
        energies.append(point.energy)
        return stop if len(energies) == 4 else None

    stopped = minimise(surface, surface.at(surface.origin), 1e-6, 100, watch)
    assert (stopped.converged, stopped.stop) == (False, stop)
    assert stopped.point.energy == energies[-1]
    assert energies == sorted(energies, reverse=True)
