"""Bond angles of crystals and of random directions."""

import numpy as np
import pytest
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import angular_distribution, radial_distribution
from forgefield.properties.angular_distribution import AngularDistribution, AngularDistributionSpec
from forgefield.properties.radial_distribution import RadialDistributionSpec
from forgefield.properties.stored import from_json, to_json

from .test_radial_distribution import gas, shaken

TETRAHEDRAL = np.degrees(np.arccos(-1 / 3))


def analysed(run, spec=None, cutoff=6.0):
    radial = radial_distribution.analyse(run, RadialDistributionSpec(cutoff=cutoff))
    return angular_distribution.analyse(run, spec or AngularDistributionSpec(), radial)


def test_diamond_has_six_tetrahedral_angles_at_each_atom():
    result = analysed(shaken(bulk("Si"), 200, 0.02))
    (triplet,) = result.triplets
    assert triplet.name == "Si–Si–Si"
    assert triplet.per_centre == pytest.approx(6)
    assert triplet.mean == pytest.approx(TETRAHEDRAL, abs=0.1)
    assert 0 < triplet.mean_error < 0.05
    assert triplet.density.sum() * 2.0 == pytest.approx(1)
    assert result.angles[triplet.density.argmax()] == pytest.approx(TETRAHEDRAL, abs=2.0)
    assert triplet.density[np.abs(result.angles - TETRAHEDRAL) > 20].max() == 0


def test_angles_of_fluorite():
    """At Ca a cube of F: angles of 70.5°, 109.5° and 180° in shares 12 : 12 : 4; at F a tetrahedron of Ca."""
    crystal = bulk("CaF2", crystalstructure="fluorite", a=5.46, cubic=True)
    spec = AngularDistributionSpec(bond_lengths={"F-Ca": 2.7, "Ca-Ca": 0.1, "F-F": 0.1}, bin_width=10.0)
    result = analysed(shaken(crystal, 3, 0.001), spec)
    found = {triplet.name: triplet for triplet in result.triplets}
    assert set(found) == {"Ca–F–Ca", "F–Ca–F"}
    assert found["F–Ca–F"].per_centre == pytest.approx(28)
    density = found["F–Ca–F"].density * 10.0
    assert density[[7, 10, 17]] == pytest.approx([12 / 28, 12 / 28, 4 / 28])
    assert found["Ca–F–Ca"].per_centre == pytest.approx(6)
    assert found["Ca–F–Ca"].mean == pytest.approx(TETRAHEDRAL, abs=0.1)
    assert result.quantities[0].name == "F–Ca–F, mean bond angle"


def test_random_directions_go_with_the_sine():
    run = gas(np.eye(3) * 6.0, 12, 400)
    result = analysed(run, AngularDistributionSpec(bond_lengths={"Ar-Ar": 2.9}, bin_width=15.0))
    (triplet,) = result.triplets
    edges = np.radians(np.arange(0, 181, 15))
    expected = -0.5 * np.diff(np.cos(edges)) / 15.0
    deviations = (triplet.density - expected) / triplet.errors
    assert np.abs(deviations).max() < 4
    assert (np.abs(deviations) < 1).mean() > 0.3
    assert triplet.mean == pytest.approx(90, abs=4 * triplet.mean_error)


def test_results_survive_json():
    result = analysed(shaken(bulk("Si"), 10, 0.02))
    assert to_json(from_json(AngularDistribution, to_json(result))) == to_json(result)


def test_bonds_that_cannot_be_known():
    run = gas(np.eye(3) * 6.0, 5, 30)
    with pytest.raises(ForgefieldError, match=r"no pair of the species Ar has a shell .* give bond_lengths"):
        analysed(run)
    with pytest.raises(ForgefieldError, match=r"given for Ar-Si, but the species are Ar; name two of these"):
        analysed(run, AngularDistributionSpec(bond_lengths={"Si-Ar": 2.0}))
