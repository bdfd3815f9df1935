"""All hops of a crystal: from its structure to rates, and another calculator beside them."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from forgefield.potentials.contract import PotentialCalculator
from forgefield.properties import migration, stored
from forgefield.properties.hops import HopSpec, interstitial_hops
from forgefield.properties.migration import Migration, MigrationCheck, MigrationSpec
from forgefield.properties.minimum_energy_path import MinimumEnergyPathSpec
from forgefield.properties.saddle import SaddleSpec
from forgefield.properties.vineyard import VineyardSpec
from forgefield.testing.tersoff import TersoffSilicon, lattice_constant

SMALL = HopSpec(minimum_length=7.0)
COPPER = bulk("Cu", a=3.59)


@pytest.fixture(scope="module")
def copper():
    spec = MigrationSpec(
        hops=SMALL, saddle=SaddleSpec(radius=4.0), rates=VineyardSpec(radius=4.0, temperatures=(700.0,))
    )
    return migration.compute(COPPER, EMT(), spec)


def test_copper_from_crystal_to_rate(copper):
    (hop,) = copper.hops
    assert (hop.species, hop.multiplicity, hop.path.converged) == ("Cu", 12, True)
    assert hop.distance == pytest.approx(3.59 / np.sqrt(2))
    assert copper.warnings == ()
    names = ["barrier", "barrier backward", "energy of the end", "attempt frequency", "rate at 700 K"]
    assert [q.name for q in copper.quantities] == [
        *(f"Cu vacancy, 2.54 Å, {name}" for name in names),
        "Cu vacancy, diffusivity at 700 K",
    ]
    values = {q.name.rsplit(", ", 1)[1]: q.value for q in copper.quantities}
    # Experiments: 0.70 eV (Ehrhart, Landolt–Börnstein III/25 (1991)).
    assert values["barrier"] == pytest.approx(0.70, abs=0.05)
    # Below the highest frequency of copper's phonons, 7.3 THz.
    assert 3 < values["attempt frequency"] < 7.3
    assert hop.rates is not None
    assert hop.saddle is not None
    # fcc: D = a² k.
    assert values["diffusivity at 700 K"] == pytest.approx(3.59e-10**2 * values["rate at 700 K"])
    # The rate takes the refined saddle.
    assert hop.rates.barrier == hop.saddle.energy - hop.path.energy
    assert hop.rates.barrier == pytest.approx(values["barrier"], abs=1e-3)


def test_another_calculator_beside_it(copper):
    check = migration.check(copper, EMT())
    assert [q.name for q in check.quantities] == [q.name for q in copper.quantities][:3]
    assert check.quantities[0].value == pytest.approx(copper.quantities[0].value, abs=1e-9)
    assert check.warnings == ()
    (planned,) = migration.planned_check(copper)
    assert planned.calculations == len(copper.hops[0].path.positions)
    again = stored.from_json(MigrationCheck, stored.to_json(check))
    assert again.quantities == check.quantities


def test_results_can_be_stored(copper):
    again = stored.from_json(Migration, stored.to_json(copper))
    assert again.quantities == copper.quantities
    assert np.array_equal(again.hops[0].path.positions, copper.hops[0].path.positions)


def test_what_is_doubtful_is_said_with_the_hop():
    """Half-way between two sites no bond of Tersoff's reaches the atom, so nothing holds it there."""
    spec = MigrationSpec(hops=HopSpec(minimum_length=7.0))
    silicon = bulk("Si", a=lattice_constant())
    found = migration.compute(silicon, PotentialCalculator(TersoffSilicon()), spec)
    assert found.hops[0].path.converged
    assert found.warnings[2:] == ("no diffusivity of the Si vacancy: no rate of Si vacancy, 2.35 Å",)
    assert found.warnings[0].startswith("Si vacancy, 2.35 Å: the saddle has ")
    assert "unstable modes, not one" in found.warnings[0]
    assert [q.name.rsplit(", ", 1)[1] for q in found.quantities] == [
        "barrier",
        "barrier backward",
        "energy of the end",
    ]


def test_sites_that_are_not_alike_have_no_diffusivity():
    """Copper in which one atom of four is another isotope."""
    atoms = bulk("Cu", a=3.59, cubic=True)
    atoms.set_masses([65, 63, 63, 63])
    spec = MigrationSpec(
        hops=SMALL,
        path=MinimumEnergyPathSpec(images=1, force_tolerance=0.05),
        rates=VineyardSpec(radius=2.0, temperatures=(700.0,)),
    )
    found = migration.compute(atoms, EMT(), spec)
    assert found.diffusivities == ()
    assert found.warnings[-1] == "no diffusivity of the Cu vacancy: its sites are not alike"


def test_only_paths_if_nothing_else_is_asked_for():
    spec = MigrationSpec(hops=SMALL, path=MinimumEnergyPathSpec(images=1, force_tolerance=0.05), rates=None)
    found = migration.compute(COPPER, EMT(), spec)
    assert found.hops[0].saddle is None
    assert found.hops[0].rates is None
    (planned,) = migration.planned(COPPER, spec)
    assert planned.calculations == 2 * 20 + 40
    assert len(planned.atoms) == 26


def test_a_given_hop_of_an_interstitial():
    """Carbon between octahedral sites of copper rests nowhere else on the way in this model."""
    hops = interstitial_hops(bulk("Cu", a=3.59, cubic=True), "C", np.full(3, 1.795), SMALL)
    spec = MigrationSpec(path=MinimumEnergyPathSpec(images=3, force_tolerance=0.05), rates=None)
    found = migration.compute(COPPER, EMT(), spec, hops)
    (hop,) = found.hops
    assert hop.name == "C interstitial, 2.54 Å"
    assert hop.multiplicity == 12
    assert hop.path.leads_somewhere
