"""Drift and scatter of a free motion's energy."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import energy_conservation
from forgefield.properties.energy_conservation import EnergyConservation, EnergyConservationSpec
from forgefield.properties.stored import from_json, to_json
from forgefield.sampling.observables import Observation
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

SPEC = EnergyConservationSpec(duration=2.0, minimum_length=10.0, temperature=600.0)


class Rubbing(Calculator):
    """Silicon whose forces are a percent larger than the energy's gradient in one direction."""

    implemented_properties = ("energy", "forces", "stress")

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        said = StillingerWeberSilicon().evaluate(atoms)
        twist = said.forces + 0.05 * np.roll(said.forces, 1, axis=1) - 0.05 * np.roll(said.forces, 2, axis=1)
        self.results = {"energy": said.energy, "forces": twist, "stress": said.stress}


def silicon(**changes) -> EnergyConservation:
    spec = SPEC.model_copy(update=changes)
    return energy_conservation.compute(bulk("Si", cubic=True), StillingerWeberSilicon().calculator(), spec)


def test_silicon_keeps_its_energy():
    found = silicon()
    assert found.warnings == ()
    assert abs(found.drift) < 0.01
    assert found.drift_error < 0.005
    assert found.scatter < 0.02 * found.kinetic_scatter
    assert found.temperature == pytest.approx(600, rel=0.15)
    assert [each.name for each in found.quantities] == ["total energy, drift", "total energy, scatter"]
    assert found.quantities[0].error == found.drift_error
    again = from_json(EnergyConservation, to_json(found))
    np.testing.assert_array_equal(again.energies, found.energies)
    assert again.drift == found.drift


def test_scatter_grows_with_the_square_of_the_time_step():
    assert 3.0 < silicon(timestep=4.0, sample_every=5).scatter / silicon(timestep=2.0).scatter < 5.0


def test_forces_that_are_no_gradient_are_found_out():
    found = energy_conservation.compute(bulk("Si", cubic=True), Rubbing(), SPEC)
    assert abs(found.drift) > 0.02
    (warning,) = (each for each in found.warnings if "drifts" in each)
    assert "the time step of 1 fs is too long, or forces are not the gradient of the energy" in warning


def series(slope: float, noise: np.ndarray) -> list[Observation]:
    """Total energies of one atom in meV along a line, at intervals of 0.01 ps."""
    kinetic = 0.03 + 0.01 * np.sin(np.arange(len(noise)))
    totals = 1e-3 * (slope * 0.01 * np.arange(len(noise)) + noise)
    return [
        Observation(step, 0.01 * step, total - energy, energy, 300.0, 0.0, 20.0)
        for step, (total, energy) in enumerate(zip(totals, kinetic, strict=True))
    ]


def test_errors_of_slopes_are_those_of_correlated_samples():
    """Over many series the slopes scatter as much as each of them says."""
    rng = np.random.default_rng(0)
    slopes, errors = [], []
    for _ in range(60):
        noise = np.zeros(600)
        for index in range(1, 600):
            noise[index] = 0.9 * noise[index - 1] + rng.normal()
        found = energy_conservation.analyse(series(0.5, noise), 1, SPEC)
        slopes.append(found.drift)
        errors.append(found.drift_error)
    assert np.mean(slopes) == pytest.approx(0.5, abs=4 * np.std(slopes) / np.sqrt(60))
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(slopes), rel=0.3)


def test_large_scatter_is_said():
    noise = 5.0 * np.random.default_rng(0).normal(size=200)
    found = energy_conservation.analyse(series(0.0, noise), 1, SPEC)
    assert any(
        "of what the kinetic energy does: shorten the time step of 1 fs" in each for each in found.warnings
    )


def test_molecules_are_refused():
    atoms = bulk("Si", cubic=True)
    atoms.pbc = False
    with pytest.raises(ForgefieldError, match="is not a crystal"):
        energy_conservation.compute(atoms, StillingerWeberSilicon().calculator(), SPEC)
