"""Saddles of surfaces on which they are known, and of a metal."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import minimum_energy_path, saddle, stored
from forgefield.properties.minimum_energy_path import MinimumEnergyPathSpec
from forgefield.properties.partial_hessian import atoms_near
from forgefield.properties.point import evaluate_points
from forgefield.properties.saddle import Saddle, SaddleSpec

from .model_surfaces import Corrugated, MuellerBrown, atom_at, vacancy_ends

SPEC = SaddleSpec()
X = np.array([[1.0, 0.0, 0.0]])


def test_known_saddle_from_beside_it():
    x, y = MuellerBrown.saddle
    found = saddle.compute(atom_at(x + 0.1, y - 0.08, 0.05), X, MuellerBrown(), SPEC)
    assert found.converged
    assert found.structure.positions[0] == pytest.approx((x, y, 0), abs=2e-3)
    assert found.energy == pytest.approx(MuellerBrown.saddle_energy, abs=1e-4)
    assert found.unstable_modes == 1
    assert found.warnings == ()
    assert found.curvature < 0
    assert found.moved == pytest.approx(np.linalg.norm([0.1, 0.08, 0.05]), abs=5e-3)


def test_a_minimum_is_left_although_its_forces_vanish():
    found = saddle.compute(atom_at(0.001), X, Corrugated(), SPEC)
    assert found.converged
    assert abs(found.structure.positions[0, 0]) == pytest.approx(1.0, abs=0.005)
    assert found.unstable_modes == 1


def test_two_unstable_modes_are_said():
    found = saddle.compute(atom_at(1.0), X, Corrugated(change=-5.0), SPEC)
    assert found.unstable_modes == 2
    assert found.warnings[-1].startswith("it has 2 unstable modes, not one (lowest: -")
    assert found.warnings[-1].endswith("THz): it is no saddle")


def test_a_dimer_without_time_says_so():
    x, y = MuellerBrown.saddle
    found = saddle.compute(atom_at(x + 0.2, y - 0.2), X, MuellerBrown(), SaddleSpec(max_steps=2))
    assert not found.converged
    assert found.warnings[0].startswith("the dimer has not converged: forces are up to")
    assert "after 2 steps (0.005 asked for)" in found.warnings[0]


def test_highest_image_of_a_rough_path_becomes_a_saddle():
    initial, final = vacancy_ends(bulk("Cu", cubic=True) * (2, 2, 2))
    # An even number of images leaves the saddle between two of them.
    rough = minimum_energy_path.compute(
        initial, final, EMT(), MinimumEnergyPathSpec(images=2, force_tolerance=0.3)
    )
    fine = minimum_energy_path.compute(initial, final, EMT(), MinimumEnergyPathSpec(images=3))
    found = saddle.compute(rough.saddle, rough.saddle_direction, EMT(), SPEC)
    assert found.converged
    assert found.warnings == ()
    barrier = found.energy - fine.energy
    assert barrier == pytest.approx(fine.profile.forward, abs=1e-3)
    assert found.moved > 0.1
    assert evaluate_points([found.structure.atoms], EMT())[0].energy == pytest.approx(found.energy)
    few = saddle.compute(rough.saddle, rough.saddle_direction, EMT(), SaddleSpec(radius=3.0))
    assert len(few.frequencies) < len(found.frequencies) == 3 * len(initial) - 3
    assert few.unstable_modes == 1
    again = stored.from_json(Saddle, stored.to_json(found))
    assert again.structure.atoms == found.structure.atoms


def test_an_empty_surrounding_is_refused():
    with pytest.raises(ForgefieldError, match=r"no atom lies within 0\.5 Å of the hop; raise the radius"):
        atoms_near(atom_at(0.0), np.array([1.0, 0.0, 0.0]), 0.5)
