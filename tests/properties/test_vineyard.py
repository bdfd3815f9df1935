"""Attempt frequencies against closed formulas and force constants against phonopy's."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import partial_hessian, stored, vineyard
from forgefield.properties.force_constants import displaced_supercells, gamma_force_constants
from forgefield.properties.point import evaluate_points
from forgefield.properties.vineyard import Vineyard, VineyardSpec, rates_at
from forgefield.sampling.relaxation import relax

from .model_surfaces import Corrugated, atom_at, vacancy_ends

SPEC = VineyardSpec(temperatures=(300.0, 1000.0), displacement=1e-3)
_ONE_CELL = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def terahertz(curvature, mass):
    """√(k/m)/2π by SI constants."""
    return np.sqrt(curvature * units._e * 1e20 / (mass * units._amu)) / (2 * np.pi) * 1e-12


def compute(minimum, saddle, calculator, barrier=0.5, spec=SPEC):
    return vineyard.compute(minimum, saddle, barrier, calculator, spec)


def test_one_atom_in_a_corrugated_channel():
    surface = Corrugated(height=0.5, period=2.0, stiffness=4.0, change=5.0)
    found = compute(atom_at(0.0), atom_at(1.0), surface)
    mass = atom_at(0.0).get_masses()[0]
    along = terahertz(2 * 0.5 * (np.pi / 2) ** 2, mass)
    assert found.minimum == pytest.approx(sorted([along, *[terahertz(4.0, mass)] * 2]), rel=1e-4)
    assert found.saddle == pytest.approx([-along, terahertz(4.0, mass), terahertz(9.0, mass)], rel=1e-4)
    assert found.attempt_frequency == pytest.approx(along * 2 / 3, rel=1e-4)
    expected = along * 2 / 3 * 1e12 * np.exp(-0.5 * units._e / (units._k * np.array([300.0, 1000.0])))
    assert found.rates == pytest.approx(expected, rel=1e-4)
    assert found.warnings == ()
    assert [q.name for q in found.quantities] == ["attempt frequency", "rate at 300 K", "rate at 1000 K"]
    assert [q.unit for q in found.quantities] == ["THz", "1/s", "1/s"]


def test_an_atom_that_stays_does_not_count():
    """Another atom, heavy and with the same frequencies at both ends, leaves the product alone."""
    surface = Corrugated()
    minimum, saddle = (atom_at(x) + atom_at(4.0, symbol="Au") for x in (0.0, 1.0))
    together = compute(minimum, saddle, surface)
    alone = compute(atom_at(0.0), atom_at(1.0), surface)
    assert len(together.minimum) == 6
    assert together.attempt_frequency == pytest.approx(alone.attempt_frequency, rel=1e-6)
    near = compute(minimum, saddle, surface, spec=VineyardSpec(radius=1.0, displacement=1e-3))
    assert len(near.minimum) == 3
    (planned,) = vineyard.planned(minimum, saddle, SPEC)
    assert planned.calculations == 2 * 2 * 6


def test_a_heavier_isotope_is_slower():
    surface = Corrugated()
    light, heavy = ([atom_at(x) for x in (0.0, 1.0)] for _ in range(2))
    for atoms in heavy:
        atoms.set_masses([2 * light[0].get_masses()[0]])
    ratio = compute(*light, surface).attempt_frequency / compute(*heavy, surface).attempt_frequency
    assert ratio == pytest.approx(np.sqrt(2), rel=1e-9)


def test_no_saddle_and_no_minimum_have_no_rate():
    surface = Corrugated(change=-5.0)
    found = compute(atom_at(0.0), atom_at(1.0), surface)
    assert found.warnings[1:] == ("where symmetry holds a path or its end on a ridge, a rattle lets it go",)
    assert found.warnings[0].startswith("the saddle has 2 unstable modes, not one (lowest -")
    assert found.warnings[0].endswith("THz): there is no attempt frequency")
    assert np.isnan(found.attempt_frequency)
    assert np.isnan(found.rates).all()
    assert found.quantities == ()
    turned = compute(atom_at(1.0), atom_at(0.0), Corrugated())
    assert turned.warnings[0].startswith("the minimum has 1 unstable modes (lowest -")
    assert turned.warnings[1].startswith("the saddle has 0 unstable modes, not one")
    again = stored.from_json(Vineyard, stored.to_json(found))
    assert np.isnan(again.attempt_frequency)


def test_other_atoms_are_refused():
    with pytest.raises(ForgefieldError, match="minimum H and saddle He are not of the same atoms"):
        compute(atom_at(0.0), atom_at(1.0, symbol="He"), Corrugated())


def test_rates_follow_arrhenius():
    temperatures = np.array([400.0, 800.0])
    low, high = np.log(rates_at(temperatures, 7.0, 0.9))
    assert (low - high) / (1 / 800 - 1 / 400) * units.kB == pytest.approx(0.9)
    assert high + 0.9 / (units.kB * 800) == pytest.approx(np.log(7e12))


def test_hessian_of_a_vacancy_agrees_with_phonopy():
    initial, _ = vacancy_ends(bulk("Cu", cubic=True) * (2, 2, 2))
    atoms = relax(initial, EMT(), 1e-4, cell=False).atoms
    everyone = np.arange(len(atoms))
    structures = partial_hessian.plan(atoms, everyone, 0.01)
    # 31 atoms in 48 operations: few stand for all.
    assert len(structures) < 6 * 31 / 5
    hessian = partial_hessian.analyse(atoms, everyone, 0.01, evaluate_points(structures, EMT()))
    displaced = displaced_supercells(atoms, _ONE_CELL, 0.01)
    forces = [point.forces for point in evaluate_points(displaced, EMT())]
    reference = gamma_force_constants(atoms, 0.01, forces)
    assert np.abs(hessian - reference).max() < 2e-3 * np.abs(reference).max()
    found = partial_hessian.frequencies(hessian, atoms.get_masses())
    assert len(found) == 3 * 31 - 3
    squared = np.linalg.eigvalsh(reference / np.sqrt(np.outer(*[np.repeat(atoms.get_masses(), 3)] * 2)))
    assert np.sqrt(squared[3:]) == pytest.approx(found / found[-1] * np.sqrt(squared[-1]), rel=2e-3)
    # Around one atom, a part of the whole.
    near = partial_hessian.atoms_near(atoms, atoms.positions[3], 3.0)
    points = evaluate_points(partial_hessian.plan(atoms, near, 0.01), EMT())
    part = partial_hessian.analyse(atoms, near, 0.01, points)
    rows = (3 * near[:, None] + np.arange(3)).ravel()
    assert part == pytest.approx(hessian[np.ix_(rows, rows)], abs=1e-4)


def test_frequencies_without_clamped_atoms_are_those_of_the_internal_modes():
    """Two atoms on a spring: one frequency, √(k/μ)/2π; nothing else costs energy."""
    k, masses = 3.0, np.array([1.0, 4.0])
    hessian = np.zeros((6, 6))
    hessian[np.ix_([0, 3], [0, 3])] = k * np.array([[1, -1], [-1, 1]])
    found = partial_hessian.frequencies(hessian, masses)
    assert len(found) == 3
    assert found[-1] == pytest.approx(terahertz(k / 0.8, 1.0), rel=1e-6)
    assert found[:2] == pytest.approx([0, 0], abs=1e-6)
