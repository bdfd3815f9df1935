"""Grüneisen parameters of a crystal that has but one, of copper, and of silicon from third-order force constants."""

import numpy as np
import pytest
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.contract import PotentialCalculator
from forgefield.properties import grueneisen
from forgefield.properties.anharmonic_force_constants import (
    displaced_cells,
    prepare_phono3py,
    solve_third_order,
)
from forgefield.properties.grueneisen import Grueneisen, GrueneisenSpec
from forgefield.properties.phonons import PhononSpec
from forgefield.properties.point import evaluate_points
from forgefield.properties.stored import from_json, to_json
from forgefield.testing.tersoff import TersoffSilicon, lattice_constant

from .spring_lattice import SpringLattice

pytestmark = pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")

CUBE = ((3, 0, 0), (0, 3, 0), (0, 0, 3))


def test_springs_have_one_parameter():
    crystal = bulk("Cu", a=(4 * SpringLattice.volume) ** (1 / 3))
    spec = PhononSpec(supercell=((2, 0, 0), (0, 2, 0), (0, 0, 2)), mesh=(6, 6, 6))
    found = grueneisen.compute(crystal, SpringLattice(gamma=1.7), GrueneisenSpec(volume_change=0.002), spec)
    inside = np.isfinite(found.parameters)
    # Only Γ has none; differences over ±0.2 % leave an error of the second order.
    assert (~inside).sum() == 3
    assert found.parameters[inside] == pytest.approx(1.7, abs=1e-3)
    assert found.mean[1:] == pytest.approx(1.7, abs=1e-3)
    assert found.high_temperature_mean == pytest.approx(1.7, abs=1e-3)
    assert np.isnan(found.mean[0])
    assert not found.warnings
    assert to_json(from_json(Grueneisen, to_json(found))) == to_json(found)


def test_silicon_agrees_with_its_third_order_force_constants():
    """Changes of volume and displacements of pairs of atoms are different data; ions stay in place by symmetry."""
    from phono3py.phonon3.gruneisen import Gruneisen

    silicon, tersoff = bulk("Si", a=lattice_constant()), PotentialCalculator(TersoffSilicon())
    mesh = (4, 4, 4)
    found = grueneisen.compute(
        silicon, tersoff, GrueneisenSpec(volume_change=0.002), PhononSpec(supercell=CUBE, mesh=mesh)
    )
    phono3py = prepare_phono3py(silicon, CUBE, None, 0.01)
    structures = displaced_cells(phono3py, silicon)
    solve_third_order(phono3py, [point.forces for point in evaluate_points(structures, tersoff)])
    direct = Gruneisen(phono3py.fc2, phono3py.fc3, phono3py.supercell, phono3py.primitive)
    direct.set_qpoints(found.qpoints)
    direct.run()
    stiff = found.frequencies > 0.5
    assert stiff.sum() > 40
    volumetric = np.trace(direct.gruneisen_parameters, axis1=2, axis2=3) / 3
    ours, theirs = np.where(stiff, found.parameters, 0), np.where(stiff, volumetric, 0)
    # Branches that meet at a point may stand in either order.
    assert np.sort(ours, axis=1) == pytest.approx(np.sort(theirs, axis=1), abs=0.02)


def test_copper_expands(emt):
    found = grueneisen.compute(bulk("Cu", a=3.59), emt, GrueneisenSpec(), PhononSpec())
    named = {quantity.name: quantity.value for quantity in found.quantities}
    # Measured: 1.96 (thermodynamic, at room temperature); effective-medium theory is somewhat steeper.
    assert 1.8 < named["mean Grüneisen parameter at 300 K"] < 2.4
    assert named["lowest mode Grüneisen parameter"] < found.high_temperature_mean
    assert grueneisen.planned(bulk("Cu"), PhononSpec())[0].calculations == 3
    assert len(grueneisen.plan(bulk("Cu"), GrueneisenSpec(), PhononSpec())) == 3


def test_imaginary_modes_are_named(emt):
    found = grueneisen.compute(bulk("Cu", "bcc", a=2.87), emt, GrueneisenSpec(), PhononSpec(mesh=(6, 6, 6)))
    assert len(found.imaginary_volumes) == 3
    assert "imaginary modes at 11.70, 11.82, 11.94 Å³/atom" in found.warnings[0]
    assert np.isnan(found.parameters).sum() > 3
    assert np.isfinite(found.high_temperature_mean)


def test_evaluations_must_fit_the_plan(emt):
    with pytest.raises(
        ForgefieldError, match="2 evaluations for Grüneisen parameters do not belong to 3 crystals"
    ):
        grueneisen.analyse(
            bulk("Cu"),
            GrueneisenSpec(),
            PhononSpec(),
            evaluate_points([bulk("Cu")] * 2, emt),
        )
