"""Enthalpy over flat coordinates: its gradient, its rigid motions, its pair list."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.filters import FrechetCellFilter

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Evaluation
from forgefield.sampling.energy_surface import EnergySurface
from forgefield.testing.lennard_jones import LennardJones


class WithoutList(LennardJones):
    """Finds its pairs itself every time."""

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        return super().evaluate(atoms, uncertainty)


def crystal(seed: int = 0) -> Atoms:
    rng = np.random.default_rng(seed)
    atoms = bulk("H", "fcc", a=1.55, cubic=True)
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.05 * rng.normal(size=(3, 3))), scale_atoms=True)
    atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
    return atoms


def symmetric(surface: EnergySurface, direction: np.ndarray) -> np.ndarray:
    strain = direction[3 * surface.n_atoms :].reshape(3, 3)
    direction[3 * surface.n_atoms :] = (0.5 * (strain + strain.T)).ravel()
    return direction


@pytest.mark.parametrize("pressure", [0.0, 0.3])
def test_forces_are_the_gradient_of_the_enthalpy_in_a_strained_cell(pressure):
    surface = EnergySurface(LennardJones(cutoff=2.2), crystal(), cell=True, pressure=pressure)
    rng = np.random.default_rng(1)
    x = surface.origin + symmetric(surface, 0.1 * rng.normal(size=len(surface.origin)))
    here = surface.at(x)
    for _ in range(5):
        direction = symmetric(surface, rng.normal(size=len(x)))
        step = 1e-5 * direction
        slope = (surface.at(x + step).energy - surface.at(x - step).energy) / 2e-5
        assert -here.forces @ direction == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_enthalpy_is_energy_plus_pressure_times_volume():
    atoms, potential = crystal(), LennardJones(cutoff=2.2)
    surface = EnergySurface(potential, atoms, cell=True, pressure=0.3)
    x = surface.origin.copy()
    x[-9] += 0.2
    moved = surface.structure(x)
    assert moved.get_volume() != pytest.approx(atoms.get_volume(), rel=1e-3)
    expected = potential.evaluate(moved).energy + 0.3 * moved.get_volume()
    assert surface.at(x).energy == pytest.approx(expected, rel=1e-13)
    np.testing.assert_array_equal(surface.origin[: 3 * len(atoms)], atoms.positions.ravel())


@pytest.mark.parametrize("cell", [False, True])
def test_largest_force_is_what_ase_measures(cell):
    atoms, potential = crystal(), LennardJones(cutoff=2.2)
    surface = EnergySurface(potential, atoms, cell)
    atoms.calc = potential.calculator()
    forces = (FrechetCellFilter(atoms) if cell else atoms).get_forces()
    assert surface.largest_force(surface.at(surface.origin)) == pytest.approx(
        np.linalg.norm(forces, axis=1).max(), rel=1e-6
    )


def test_strain_does_not_turn_the_cell():
    surface = EnergySurface(LennardJones(cutoff=2.2), crystal(), cell=True)
    rng = np.random.default_rng(2)
    direction = surface.random_direction(surface.origin, rng)
    strained = surface.structure(surface.origin + 0.5 * direction).cell.array
    deformation = np.linalg.solve(crystal().cell.array, strained)
    np.testing.assert_allclose(deformation, deformation.T, atol=1e-14)
    forces = surface.at(surface.origin + 0.5 * direction).forces[-9:].reshape(3, 3)
    np.testing.assert_allclose(forces, forces.T, atol=1e-12)


@pytest.mark.parametrize(
    ("atoms", "cell", "rigid", "free"),
    [
        (Atoms("H4", [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]), False, 6, 6),
        (Atoms("H2", [[0, 0, 0], [1, 1, 0]]), False, 5, 1),
        (crystal(), False, 3, 9),
        (crystal(), True, 3, 15),
        (bulk("H", "fcc", a=1.5), True, 3, 6),
    ],
)
def test_rigid_motions_cost_no_energy_and_are_left_out(atoms, cell, rigid, free):
    potential = LennardJones(cutoff=2.2)
    surface = EnergySurface(potential, atoms, cell)
    x = surface.origin
    motions = surface.rigid_motions(x)
    assert len(motions) == rigid
    assert surface.degrees_of_freedom(x) == free
    np.testing.assert_allclose(motions @ motions.T, np.eye(rigid), atol=1e-12)
    for motion in motions:
        assert surface.at(x).forces @ motion == pytest.approx(0.0, abs=1e-10)
    direction = surface.random_direction(x, np.random.default_rng(0))
    assert np.linalg.norm(direction) == pytest.approx(1.0)
    np.testing.assert_allclose(motions @ direction, 0.0, atol=1e-12)


@pytest.mark.parametrize("cell", [False, True])
def test_pair_list_is_kept_for_short_ways_and_never_misses_a_pair(cell):
    """A walk of small steps that takes every coordinate far beyond the list's skin."""
    atoms = crystal()
    kept = EnergySurface(LennardJones(cutoff=1.7), atoms, cell, 5.0 * units.GPa)
    anew = EnergySurface(WithoutList(cutoff=1.7), atoms, cell, 5.0 * units.GPa)
    rng = np.random.default_rng(5)
    x, lists = kept.origin, set()
    for _ in range(300):
        x = x + 0.04 * kept.random_direction(x, rng) + 1e-3
        if cell:
            x[-9:] = 0.98 * x[-9:]
        one, other = kept.at(x), anew.at(x)
        lists.add(id(kept._pairs))
        assert one.energy == pytest.approx(other.energy, rel=1e-10)
        np.testing.assert_allclose(one.forces, other.forces, atol=1e-9 * np.abs(other.forces).max())
    assert 1 < len(lists) < 150
