"""Conductivity from heat currents whose correlation is known, and from a Lennard-Jones liquid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from scipy.signal import lfilter

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import green_kubo
from forgefield.properties.green_kubo import WATT_PER_METRE_KELVIN, GreenKuboSpec
from forgefield.properties.green_kubo_record import GreenKubo
from forgefield.properties.stored import from_json, to_json
from forgefield.sampling.heat_current import HeatCurrent
from forgefield.testing.lennard_jones import LennardJones

INTERVAL, MEMORY = 10 * units.fs, 0.5
"""ASE time units; ps in which the current is forgotten."""
SPEC = GreenKuboSpec(temperature=500.0, correlation_time=10.0)


def current(seed, strengths=(1.0, 1.0, 1.0), length=20000):
    """⟨J(0) J(t)⟩ = strength² e^(−t/0.5 ps) for each direction."""
    kept = np.exp(-0.01 / MEMORY)
    noise = np.random.default_rng(seed).standard_normal((length + 1000, 3))
    values = np.sqrt(1 - kept**2) * lfilter([1.0], [1.0, -kept], noise, axis=0)[1000:] * strengths
    return HeatCurrent(values, INTERVAL, 100, 2000.0, 501.0, 0.001, 1e-5, False)


def exact(strength=1.0):
    """κ of such a current, W/(m K); the sum over samples replaces the integral."""
    kept = np.exp(-0.01 / MEMORY)
    integral = strength**2 * INTERVAL * 0.5 * (1 + kept) / (1 - kept)
    return integral / (2000.0 * units.kB * 501.0**2) / WATT_PER_METRE_KELVIN


def test_a_current_with_a_known_memory():
    found = green_kubo.analyse([current(seed) for seed in range(8)], SPEC)
    (only,) = found.components
    assert only.error < 0.1 * exact()
    assert abs(only.conductivity - exact()) < 2.5 * only.error
    assert only.spread == pytest.approx(only.error, rel=0.8)
    assert only.integral[0] == 0.0
    plateau = (found.times > 3.0) & (found.times < 6.0)
    assert np.abs(only.integral[plateau] - exact()).max() < 4 * only.integral_error[plateau].max()
    assert found.times[-1] == pytest.approx(10.0)
    assert only.smooth[0] == pytest.approx(only.conductivity, rel=0.05)
    assert only.band <= 50.0
    assert (found.runs, found.duration, found.n_atoms) == (8, pytest.approx(200.0), 100)
    assert found.temperature == pytest.approx(501.0)
    assert not found.warnings
    (quantity,) = found.quantities
    assert (quantity.name, quantity.unit) == ("thermal conductivity, 501 K", "W/(m K)")
    assert quantity.error == max(only.error, only.spread)


def test_directions_that_differ():
    spec = SPEC.model_copy(update={"isotropic": False})
    found = green_kubo.analyse([current(seed, (1.0, 2.0, 3.0)) for seed in range(20, 32)], spec)
    for component, direction, strength in zip(found.components, "xyz", (1, 2, 3), strict=True):
        assert component.direction == direction
        assert abs(component.conductivity - exact(strength)) < 3 * component.error
    assert [each.name for each in found.quantities][1] == "thermal conductivity y, 501 K"


def test_the_band_can_be_given():
    (only,) = green_kubo.analyse(
        [current(seed) for seed in range(4)], SPEC.model_copy(update={"highest_frequency": 2.0})
    ).components
    assert only.band <= 2.0
    assert abs(only.conductivity - exact()) < 3 * only.error


def test_one_run_has_no_spread_and_results_are_stored_exactly():
    found = green_kubo.analyse([current(0)], SPEC)
    assert np.isnan(found.components[0].spread)
    again = from_json(GreenKubo, to_json(found))
    np.testing.assert_array_equal(again.components[0].integral, found.components[0].integral)
    assert again.quantities == found.quantities
    assert found.quantities[0].error == found.components[0].error


def test_what_makes_it_doubtful_is_said():
    sound = [current(seed, length=4000) for seed in range(5)]

    def warnings(**changes):
        return " ".join(green_kubo.analyse([replace(each, **changes) for each in sound], SPEC).warnings)

    assert "energy drifts by 15" in warnings(drift=0.01)
    assert "runs have 450 K instead of 500 K" in warnings(temperature=450.0)
    assert "under a pressure of 3.2 GPa" in warnings(pressure=0.02)
    assert "several elements diffuse" in warnings(diffusing=True)
    louder = [replace(each, values=each.values * 3**number) for number, each in enumerate(sound)]
    assert "scatters by" in " ".join(green_kubo.analyse(louder, SPEC).warnings)
    short = green_kubo.analyse([current(0, length=400)], SPEC)
    assert "is known to" in " ".join(short.warnings)


def test_currents_that_do_not_belong_together_are_refused():
    for currents in ([], [current(0), current(1, length=500)]):
        with pytest.raises(
            ForgefieldError, match=r"heat currents of different length.*; give at least one, and all"
        ):
            green_kubo.analyse(currents, SPEC)


def test_calculators_without_virials_are_refused_at_once():
    with pytest.raises(ForgefieldError, match=r"EMT does not give the virials .*; impose the heat flow"):
        green_kubo.run(bulk("Cu", cubic=True), EMT(), GreenKuboSpec(duration=1e6), 0)


def liquid(repeats, steps, cutoff, density=0.844, temperature=0.72):
    """Unless told otherwise near the triple point; reduced units come out with the factor."""
    atoms = bulk("Ar", "fcc", a=(4 / density) ** (1 / 3), cubic=True) * repeats
    unit = np.sqrt(atoms.get_masses()[0]) / units.fs
    spec = GreenKuboSpec(
        temperature=temperature / units.kB,
        runs=2,
        duration=steps * 4e-6 * unit,
        equilibration=0.02 * unit,
        timestep=0.004 * unit,
        sample_every=0.02 * unit,
        damping_time=0.3 * unit,
        correlation_time=2e-3 * unit,
        minimum_length=2.0,
    )
    reduced = units.kB / np.sqrt(atoms.get_masses()[0]) / WATT_PER_METRE_KELVIN
    return atoms, LennardJones("Ar", cutoff).calculator(), spec, reduced


def test_a_liquid_conducts():
    """λ* ≈ 6.9, here roughly; the same run gives the same bits."""
    atoms, calculator, spec, reduced = liquid((3, 3, 3), 3000, 2.0)
    runs = [green_kubo.run(atoms, calculator, spec, number) for number in (0, 1)]
    found = green_kubo.analyse(runs, spec)
    (only,) = found.components
    assert only.conductivity / reduced == pytest.approx(6.9, rel=0.5)
    assert only.error < 0.3 * only.conductivity
    assert found.drift < 1e-3
    assert runs[0].temperature != runs[1].temperature
    short = spec.model_copy(update={"duration": spec.duration / 30, "equilibration": spec.duration / 100})
    one, other = (green_kubo.run(atoms, calculator, short, 1).values for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("density", "temperature", "expected", "tolerance"), [(0.844, 0.72, 6.9, 0.5), (0.6, 1.35, 3.4, 0.2)]
)
def test_lennard_jones_liquids(density, temperature, expected, tolerance):
    """Near the triple point (Viscardy, Servantie & Gaspard, J. Chem. Phys. 126, 184513 (2007), compare methods) and at
    the state of Evans, Phys. Rev. A 34, 1449 (1986), for which LAMMPS's example has 3.4 by three methods."""
    atoms, calculator, spec, reduced = liquid((4, 4, 4), 50_000, 2.5, density, temperature)
    (only,) = green_kubo.compute(atoms, calculator, spec).components
    assert only.error < 0.1 * only.conductivity
    assert abs(only.conductivity / reduced - expected) < tolerance + 2 * only.error / reduced
