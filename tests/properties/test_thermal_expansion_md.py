"""Volume against temperature by molecular dynamics."""

from __future__ import annotations

import numpy as np
import pytest
from ase import units
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import thermal_expansion_md
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.thermal_expansion_md import (
    ThermalExpansionByMotion,
    ThermalExpansionSpec,
    _fitted,
)
from forgefield.sampling.integrators import Langevin
from forgefield.sampling.langevin import start_motion
from forgefield.sampling.observables import pressure
from forgefield.sampling.simulation import run_motion
from forgefield.testing.lennard_jones import LennardJones
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

SPEC = ThermalExpansionSpec(temperatures=(300.0, 1000.0), duration=8.0, timestep=2.0, minimum_length=15.0)


@pytest.fixture(scope="module")
def silicon() -> ThermalExpansionByMotion:
    return thermal_expansion_md.compute(bulk("Si", cubic=True), StillingerWeberSilicon().calculator(), SPEC)


def test_silicon_expands(silicon):
    """Between 300 and 1000 K; the lattice constant of this potential at rest is 5.431 Å."""
    assert silicon.warnings == ()
    assert (silicon.volume_errors < 0.03).all()
    assert 5.431**3 / 8 < silicon.volumes[0] < silicon.volumes[1]
    value, error = silicon.expansion_at(650.0)
    assert error < 3e-6
    assert value == pytest.approx(9e-6, abs=4 * error)
    np.testing.assert_allclose(silicon.lengths**3 / 8, np.stack([silicon.volumes] * 3, axis=1), rtol=1e-4)
    assert [each.unit for each in silicon.quantities] == ["Å³/atom", "Å³/atom", "10⁻⁶/K"]
    assert silicon.quantities[0].name == "volume at 300 K"
    assert silicon.quantities[2].error == pytest.approx(1e6 * error)


def test_at_its_volume_the_crystal_has_the_pressure_that_was_wanted(silicon):
    """Constant volume against constant pressure: two ensembles, one state."""
    length = float(silicon.volumes[1] * 8) ** (1 / 3)
    atoms, potential = bulk("Si", cubic=True, a=length) * (3, 3, 3), StillingerWeberSilicon()
    integrator = Langevin(2 * units.fs, 1000.0, 200 * units.fs)
    state = start_motion(potential, atoms, 2000.0, np.random.default_rng(3))
    state = run_motion(potential, state, integrator, 1000)
    seen: list[float] = []
    run_motion(potential, state, integrator, 4000, 10, lambda each: seen.append(pressure(each) / units.GPa))
    blocks = np.array(seen).reshape(8, -1).mean(axis=1)
    # An error in volume is one in pressure through the bulk modulus, about 100 GPa.
    error = np.hypot(blocks.std(ddof=1) / np.sqrt(8), 100 * silicon.volume_errors[1] / silicon.volumes[1])
    assert error < 0.15
    assert blocks.mean() == pytest.approx(0.0, abs=4 * error)


def test_results_survive_storage(silicon):
    again = from_json(ThermalExpansionByMotion, to_json(silicon))
    np.testing.assert_array_equal(again.volumes, silicon.volumes)
    np.testing.assert_array_equal(again.covariance, silicon.covariance)


def test_a_crystal_that_melts_is_said():
    spec = ThermalExpansionSpec(
        temperatures=(12000.0,),
        duration=0.3,
        timestep=0.05,
        sample_every=20,
        relaxation_time=5.0,
        minimum_length=4.0,
    )
    found = thermal_expansion_md.compute(
        bulk("H", "fcc", a=1.6, cubic=True), LennardJones("H", 2.5).calculator(), spec
    )
    assert any("12000 K: atoms have left their places" in each for each in found.warnings)
    assert len(found.quantities) == 1
    with pytest.raises(ForgefieldError, match="needs volumes at two temperatures, there is 12000 K only"):
        found.expansion_at(12000.0)


def test_free_cells_of_low_symmetry_keep_their_lengths_apart():
    spec = ThermalExpansionSpec(
        temperatures=(600.0,),
        duration=0.3,
        timestep=0.05,
        relaxation_time=5.0,
        minimum_length=4.0,
        cell_shape="free",
    )
    atoms = bulk("H", "fcc", a=1.57, cubic=True).repeat((1, 1, 2))
    found = thermal_expansion_md.compute(atoms, LennardJones("H", 2.5).calculator(), spec)
    a, b, c = found.lengths[0]
    assert (a, b, c / 2) == pytest.approx((1.56, 1.56, 1.56), abs=0.02)
    assert (found.length_errors > 0).all()


def test_expansion_and_its_error_of_a_known_curve():
    """V = 20 (1 + a T + b T²) with noise: over many noises α scatters as much as each fit says."""
    temperatures, rng = np.array([100.0, 300.0, 500.0, 700.0, 900.0]), np.random.default_rng(0)
    exact = 20 * (1 + 2e-5 * temperatures + 1e-8 * temperatures**2)
    alpha = (2e-5 + 2e-8 * 500) / (1 + 2e-5 * 500 + 1e-8 * 500**2)
    values, errors = [], []
    for _ in range(200):
        columns = np.tile(exact[:, None], 4) + 1e-3 * rng.normal(size=(5, 4))
        found = _fitted(temperatures, 0.0, columns, np.full((5, 4), 1e-3), [])
        value, error = found.expansion_at(500.0)
        values.append(value)
        errors.append(error)
    assert np.mean(values) == pytest.approx(alpha, abs=4 * np.std(values) / np.sqrt(200))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


def test_a_jump_of_the_volume_is_said():
    temperatures = np.array([100.0, 300.0, 500.0, 700.0, 900.0])
    columns = np.tile(np.where(temperatures > 400, 22.0, 20.0)[:, None], 4)
    found = _fitted(temperatures, 0.0, columns, np.full((5, 4), 1e-2), [])
    assert found.warnings == (
        "the volumes lie on no parabola within their errors: a transition between these temperatures?",
    )
