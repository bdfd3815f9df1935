"""What the density potential promises beyond the contract: free atoms, spread, features, storage."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

import forgefield
from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.density.spec import DensitySpec

from .conftest import crystal, fitted_scales


def test_free_atoms_have_exactly_their_energy(potential):
    assert potential.evaluate(Atoms("Si")).energy == pytest.approx(-0.8, abs=1e-12)
    apart = Atoms("SiC", [[0, 0, 0], [0, 0, 4.2001]])
    result = potential.evaluate(apart, uncertainty=True)
    assert result.energy == pytest.approx(-2.3, abs=1e-12)
    assert np.abs(result.forces).max() == 0.0
    assert result.uncertainty.energy == pytest.approx(0.0, abs=1e-12)


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


def test_features_are_invariant_and_tell_elements_apart(potential):
    atoms = crystal(7)
    features = potential.features(atoms)
    turned = atoms.copy()
    turned.rotate(40, "x", rotate_cell=True)
    np.testing.assert_allclose(potential.features(turned), features, atol=1e-8)
    assert np.abs(features[0] - features[1]).max() > 1e-3


def test_unknown_elements_and_folders_are_refused(potential, tmp_path):
    with pytest.raises(ForgefieldError, match="element Ge"):
        potential.features(bulk("Ge"))
    with pytest.raises(ForgefieldError, match="there is no potential in"):
        forgefield.load(tmp_path)
    (tmp_path / "potential.json").write_text("{")
    with pytest.raises(ForgefieldError, match=r"cannot be read .*; restore its files"):
        forgefield.load(tmp_path)
    (tmp_path / "potential.json").write_text(json.dumps({"family": "magic"}))
    with pytest.raises(ForgefieldError, match=r"no known family .*density"):
        forgefield.load(tmp_path)
