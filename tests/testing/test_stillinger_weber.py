"""Stillinger and Weber's silicon against matscipy's, the contract and its closed form in diamond."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.potentials.contract import Potential
from forgefield.reference.engines.classical import stillinger_weber_silicon
from forgefield.testing import PotentialContract
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

rng = np.random.default_rng(0)
DISORDERED = Atoms("Si8", cell=5.2 * (np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3))), pbc=True)
DISORDERED.set_scaled_positions(bulk("Si", cubic=True).get_scaled_positions())
DISORDERED.rattle(0.4, seed=1)
CLUSTER = Atoms("Si7", rng.normal(scale=2.0, size=(7, 3)))


class TestStillingerWeberContract(PotentialContract):
    continuous_derivatives: ClassVar[int] = 3

    @pytest.fixture
    def potential(self) -> Potential:
        return StillingerWeberSilicon()

    def reload(self, potential: Potential, folder: Path) -> Potential:
        return StillingerWeberSilicon()


@pytest.mark.parametrize("atoms", [DISORDERED, bulk("Si"), CLUSTER], ids=["disordered", "diamond", "cluster"])
def test_as_matscipy_has_it(atoms):
    found, other = StillingerWeberSilicon().evaluate(atoms), stillinger_weber_silicon()
    other.calculate(atoms)
    assert found.energy == pytest.approx(other.results["energy"], rel=1e-12)
    np.testing.assert_allclose(found.forces, other.results["forces"], atol=1e-10 * np.abs(found.forces).max())
    if atoms.pbc.all():
        np.testing.assert_allclose(found.stress, other.results["stress"], atol=1e-12)


def test_diamond_is_as_published():
    """Each bond has the depth ε, at the distance 2^(1/6) σ: two for each atom."""
    bond = 2 ** (1 / 6) * 2.0951
    diamond = StillingerWeberSilicon().evaluate(bulk("Si", a=4 * bond / np.sqrt(3)))
    assert diamond.energy / 2 == pytest.approx(-2 * 2.1683, rel=1e-8)
    assert np.abs(diamond.stress).max() < 1e-8
