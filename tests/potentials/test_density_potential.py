"""The density potential is exact: derivatives, symmetries, limits, storage."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from scipy.spatial.transform import Rotation

import forgefield
from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.density.spec import DensitySpec

from .conftest import cells, crystal, fitted_scales


def extrapolated(difference, atoms, step):
    """Central differences at h and 2h, freed of their error in h²."""
    return (4 * difference(atoms, eps=step) - difference(atoms, eps=2 * step)) / 3


@pytest.mark.parametrize("atoms", cells().values(), ids=cells().keys())
def test_forces_are_the_derivative_of_the_energy(potential, atoms):
    atoms = atoms.copy()
    atoms.calc = potential.calculator()
    numerical = extrapolated(calculate_numerical_forces, atoms, 1e-4)
    np.testing.assert_allclose(atoms.get_forces(), numerical, atol=1e-8 * max(1.0, np.abs(numerical).max()))
    assert np.abs(atoms.get_forces().sum(axis=0)).max() < 1e-10


@pytest.mark.parametrize("name", ["triclinic", "smaller than the cutoff"])
def test_stress_is_the_strain_derivative_of_the_energy(potential, name):
    atoms = cells()[name].copy()
    atoms.calc = potential.calculator()
    numerical = extrapolated(calculate_numerical_stress, atoms, 3e-5)
    np.testing.assert_allclose(atoms.get_stress(), numerical, atol=1e-8 * max(1.0, np.abs(numerical).max()))


def test_energy_knows_no_place_direction_or_order(potential):
    atoms = crystal(2)
    reference = potential.evaluate(atoms, uncertainty=True)
    rotation = Rotation.from_euler("xyz", [0.4, -1.2, 2.0]).as_matrix()
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ rotation.T, scale_atoms=True)
    moved.translate([0.3, -7.0, 1.1])
    order = np.array([2, 0, 3, 1])
    result = potential.evaluate(moved[order], uncertainty=True)
    assert result.energy == pytest.approx(reference.energy, abs=1e-9)
    np.testing.assert_allclose(result.energies, reference.energies[order], atol=1e-9)
    np.testing.assert_allclose(result.forces, (reference.forces @ rotation.T)[order], atol=1e-9)
    np.testing.assert_allclose(result.uncertainty.forces, reference.uncertainty.forces[order], atol=1e-9)


def test_energy_is_extensive(potential):
    atoms = crystal(3)
    once, eight = potential.evaluate(atoms), potential.evaluate(atoms * (2, 2, 2))
    assert eight.energy == pytest.approx(8 * once.energy, rel=1e-11)
    np.testing.assert_allclose(eight.stress, once.stress, atol=1e-11)


def test_free_atoms_have_exactly_their_energy(potential):
    assert potential.evaluate(Atoms("Si")).energy == pytest.approx(-0.8, abs=1e-12)
    apart = Atoms("SiC", [[0, 0, 0], [0, 0, 4.2001]])
    result = potential.evaluate(apart, uncertainty=True)
    assert result.energy == pytest.approx(-2.3, abs=1e-12)
    assert np.abs(result.forces).max() == 0.0
    assert result.uncertainty.energy == pytest.approx(0.0, abs=1e-12)


def test_forces_fade_smoothly_at_the_cutoff(potential):
    def pull(distance):
        return potential.evaluate(Atoms("Si2", [[0, 0, 0], [0, 0, distance]])).forces[1, 2]

    # The cutoff function falls with the third power, so forces fall with the second or faster.
    assert abs(pull(4.2 - 2e-3)) < 5e-4
    assert abs(pull(4.2 - 1e-3)) < 0.3 * abs(pull(4.2 - 2e-3)) + 1e-12


def test_the_mean_does_not_depend_on_asking_for_the_uncertainty(potential):
    atoms = crystal(4)
    plain, unsure = potential.evaluate(atoms), potential.evaluate(atoms, uncertainty=True)
    assert plain.uncertainty is None
    assert plain.energy == unsure.energy
    np.testing.assert_allclose(plain.forces, unsure.forces, atol=1e-12)
    np.testing.assert_allclose(plain.stress, unsure.stress, atol=1e-12)


def test_uncertainty_is_the_sample_deviation_of_single_members(potential):
    atoms = crystal(5)
    # A committee of one: the same seed draws the same numbers only for one member at a time, so compare with
    # the members' own spread through their energies.
    energies, cotangents = potential._energies(
        potential.expansion.values(
            potential.expansion.neighbours(atoms), potential.expansion.species_index(atoms)
        ),
        potential.expansion.species_index(atoms),
    )
    spread = potential.evaluate(atoms, uncertainty=True).uncertainty
    assert spread.energy == pytest.approx(np.std(energies.sum(axis=1), ddof=1), rel=1e-12)
    assert cotangents.shape[0] == 3
    assert (spread.forces > 0).all()


def test_a_single_network_has_no_uncertainty():
    alone = fitted_scales(DensitySpec(cutoff=4.2, n_radial=4, l_max=2, l_max_4body=2, channels=2, members=1))
    assert alone.evaluate(crystal(1), uncertainty=True).uncertainty is None


def test_a_stored_potential_comes_back_identical(potential, tmp_path):
    potential.save(tmp_path / "p")
    atoms = crystal(6)
    again = forgefield.load(tmp_path / "p")
    assert again.evaluate(atoms).energy == potential.evaluate(atoms).energy
    np.testing.assert_array_equal(again.evaluate(atoms).forces, potential.evaluate(atoms).forces)
    assert again.species == potential.species
    assert again.cutoff == potential.cutoff


def test_features_are_invariant_and_tell_elements_apart(potential):
    atoms = crystal(7)
    features = potential.features(atoms)
    turned = atoms.copy()
    turned.rotate(40, "x", rotate_cell=True)
    np.testing.assert_allclose(potential.features(turned), features, atol=1e-8)
    assert np.abs(features[0] - features[1]).max() > 1e-3


def test_unknown_elements_and_folders_are_refused(potential, tmp_path):
    with pytest.raises(ForgefieldError, match="element Ge"):
        potential.evaluate(bulk("Ge"))
    with pytest.raises(ForgefieldError, match="there is no potential in"):
        forgefield.load(tmp_path)
    (tmp_path / "potential.json").write_text("{")
    with pytest.raises(ForgefieldError, match=r"cannot be read; restore the file"):
        forgefield.load(tmp_path)
    (tmp_path / "potential.json").write_text(json.dumps({"family": "magic"}))
    with pytest.raises(ForgefieldError, match=r"no known family .*density"):
        forgefield.load(tmp_path)
