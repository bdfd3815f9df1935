"""Arrhenius fits of rates with a known barrier."""

import numpy as np
import pytest
from ase import Atoms, units

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import diffusion, diffusion_activation
from forgefield.properties.arrhenius import Arrhenius, diffusion_barrier, fit_arrhenius
from forgefield.properties.diffusion import DiffusionSpec
from forgefield.properties.diffusion_activation import DiffusionActivation, DiffusionActivationSpec
from forgefield.properties.equilibrium_run import EquilibriumRunSpec
from forgefield.properties.stored import from_json, to_json
from forgefield.testing.einstein_crystal import EinsteinCrystal

from .test_diffusion import walk

TEMPERATURES = np.array([600.0, 700.0, 800.0, 1000.0, 1200.0])
BARRIER, PREFACTOR = 0.35, 12.0


def rates(temperatures):
    return PREFACTOR * np.exp(-BARRIER / (units.kB * np.asarray(temperatures)))


def measured(seed, relative=0.1):
    exact = rates(TEMPERATURES)
    errors = relative * exact * np.array([2.0, 1.5, 1.0, 0.5, 0.5])
    return fit_arrhenius(
        "Li", "Å²/ps", TEMPERATURES, exact + errors * np.random.default_rng(seed).normal(size=5), errors
    )


def test_exact_rates_give_the_barrier():
    found = fit_arrhenius("Li", "Å²/ps", TEMPERATURES, rates(TEMPERATURES), 0.01 * rates(TEMPERATURES))
    assert found.activation_energy == pytest.approx(BARRIER, rel=1e-9)
    assert np.exp(found.log_prefactor) == pytest.approx(PREFACTOR, rel=1e-9)
    assert found.at(300.0).value == pytest.approx(rates(300.0), rel=1e-8)
    assert found.plausibility == pytest.approx(1)
    energy, prefactor = found.quantities
    assert (energy.name, energy.unit, prefactor.unit) == ("Li, activation energy", "eV", "Å²/ps")


def test_errors_are_those_of_the_logarithmic_line_where_they_are_small():
    """numpy's weighted fit of ln k, whose covariance has a closed form."""
    found = measured(3, relative=1e-3)
    relative = found.errors / found.values
    slope, covariance = np.polyfit(
        -1 / (units.kB * TEMPERATURES), np.log(found.values), 1, w=1 / relative, cov="unscaled"
    )
    assert found.activation_energy == pytest.approx(slope[0], rel=1e-4)
    assert found.activation_energy_error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-2)
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-2)


def test_error_bars_hold_as_often_as_they_should():
    """1000 seeds tell 68.3 % to 1.5 % and 95.4 % to 0.7 %."""
    found = [measured(seed) for seed in range(1000)]
    barrier = [(each.activation_energy - BARRIER) / each.activation_energy_error for each in found]
    room = [(each.at(300.0).value - rates(300.0)) / each.at(300.0).error for each in found]
    assert (np.abs(barrier) < 1).mean() == pytest.approx(0.683, abs=0.05)
    assert (np.abs(barrier) < 2).mean() == pytest.approx(0.954, abs=0.03)
    assert np.mean(barrier) == pytest.approx(0, abs=0.15)
    # Far outside of the data the value is as good as log-normal.
    assert (np.abs(room) < 1).mean() == pytest.approx(0.65, abs=0.08)
    assert np.mean([each.warnings != () for each in found]) < 0.03


def test_two_processes_are_no_line():
    """Below 800 K half the barrier: the line misses the points, says so, and widens its errors."""
    values = rates(TEMPERATURES) + 0.2 * np.exp(-0.1 / (units.kB * TEMPERATURES))
    found = fit_arrhenius("Li", "Å²/ps", TEMPERATURES, values, 0.02 * values)
    assert found.plausibility < 0.01
    assert "Li: the points lie off the line by more than their errors" in found.warnings[0]
    trusting = fit_arrhenius("Li", "Å²/ps", TEMPERATURES, values, 0.3 * values)
    assert trusting.warnings == ()
    assert found.activation_energy_error > 1.5 * trusting.activation_energy_error * 0.02 / 0.3


def hot(temperature, seed, still=False):
    velocities = np.random.default_rng(seed).normal(size=(400, 10, 3))
    velocities *= np.sqrt(units.kB * temperature / 40.0)
    n_frames = 400
    run = walk(0.0 if still else rates(temperature), n_frames, 10, seed, velocities=velocities)
    return diffusion.analyse(run, DiffusionSpec())


def test_barrier_of_diffusion_leaves_out_temperatures_without():
    runs = [hot(temperature, seed) for seed, temperature in enumerate(TEMPERATURES)]
    found = diffusion_barrier("Ar", [hot(300.0, 9, still=True), *runs])
    assert found.temperatures == pytest.approx(TEMPERATURES, rel=0.05)
    assert found.activation_energy == pytest.approx(BARRIER, abs=4 * found.activation_energy_error)
    assert found.activation_energy_error < 0.05
    assert found.name == "Ar, diffusion"
    assert "Ar: no diffusion seen at 30" in found.warnings[-1]
    assert diffusion_barrier("Ar", runs).warnings == ()
    assert to_json(from_json(Arrhenius, to_json(found))) == to_json(found)


def test_brownian_particles_have_the_barrier_of_their_thermal_energy():
    """D = kT/(m γ) goes with T, so d ln D/d(−1/kT) is kT: 0.068 eV around 790 K."""
    positions = np.random.default_rng(1).uniform(0, 20, size=(100, 3))
    atoms = Atoms("Cu100", positions=positions, cell=np.eye(3) * 20, pbc=True)
    run = EquilibriumRunSpec(
        duration=16.0,
        timestep=5.0,
        sample_every=50.0,
        supercell=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        damping_time=50.0,
    )
    spec = DiffusionActivationSpec(temperatures=(500.0, 800.0, 1200.0), run=run)
    result = diffusion_activation.compute(atoms, EinsteinCrystal(positions, 0.0).calculator(), spec)
    (barrier,) = result.barriers
    assert barrier.temperatures == pytest.approx([500.0, 800.0, 1200.0], rel=0.02)
    exact = np.polyfit(-1 / (units.kB * barrier.temperatures), np.log(barrier.temperatures), 1)[0]
    assert exact == pytest.approx(units.kB * 790, rel=0.1)
    assert barrier.activation_energy_error < 0.01
    assert barrier.activation_energy == pytest.approx(exact, abs=4 * barrier.activation_energy_error)
    assert result.quantities[0].name == "Cu, diffusion, activation energy"
    assert to_json(from_json(DiffusionActivation, to_json(result))) == to_json(result)


def test_species_that_stay_have_no_barrier():
    runs = [hot(temperature, seed, still=True) for seed, temperature in enumerate(TEMPERATURES)]
    result = diffusion_activation.analyse(runs)
    assert result.barriers == ()
    assert result.quantities == ()
    assert result.still == ("Ar",)
    assert "Ar: diffusion was seen at fewer than two temperatures" in result.warnings[-1]
    assert " K: Ar: displacements grow with the power" in " ".join(result.warnings)
    with pytest.raises(ForgefieldError, match=r"from 0 runs, .* give runs at two temperatures at least"):
        diffusion_activation.analyse([])


def test_lines_that_cannot_be_drawn():
    with pytest.raises(ForgefieldError, match=r"Li: .* cannot be found from 1 temperature; measure at two"):
        fit_arrhenius("Li", "", np.array([300.0, 300.0]), np.ones(2), np.ones(2))
    with pytest.raises(ForgefieldError, match=r"not all above zero; leave out temperatures at which nothing"):
        fit_arrhenius("Li", "", np.array([300.0, 400.0]), np.array([-1.0, 1.0]), np.ones(2))
    with pytest.raises(ForgefieldError, match="run 0 has no atoms of Li; give runs of one system"):
        diffusion_barrier("Li", [hot(600.0, 1)])
    unknown = diffusion.analyse(walk(0.4, 400, 5, 1), DiffusionSpec())
    with pytest.raises(ForgefieldError, match="run 0 has no velocities, which give its temperature"):
        diffusion_barrier("Ar", [unknown])
