"""One run and all its statistics: a Lennard-Jones liquid beside Rahman's argon, and hot silicon."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk

from forgefield.properties import dynamics
from forgefield.properties.angular_distribution import AngularDistributionSpec
from forgefield.properties.dynamics import Dynamics, DynamicsSpec
from forgefield.properties.equilibrium_run import EquilibriumRunSpec, run_equilibrium
from forgefield.properties.radial_distribution import RadialDistributionSpec
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.vibrational_spectrum import VibrationalSpectrumSpec
from forgefield.sampling.integrators import Langevin
from forgefield.sampling.langevin import start_motion
from forgefield.sampling.simulation import run_motion
from forgefield.testing.lennard_jones import LennardJones
from forgefield.testing.tersoff import TersoffSilicon, lattice_constant

HYDROGEN = 1.008
TIME = np.sqrt(HYDROGEN) / units.fs
"""σ √(m/ε) in fs."""


def test_crystal_below_melting():
    spec = DynamicsSpec(
        run=EquilibriumRunSpec(
            temperature=600.0, duration=4.0, timestep=2.0, minimum_length=10.0, damping_time=100.0
        ),
        radial=RadialDistributionSpec(most_frames=50),
        angular=AngularDistributionSpec(most_frames=50),
        vibrations=VibrationalSpectrumSpec(resolution=2.0),
    )
    atoms = bulk("Si", a=lattice_constant(), cubic=True)
    result = dynamics.compute(atoms, TersoffSilicon().calculator(), spec)
    assert result.temperature == pytest.approx(600.0, rel=0.06)
    assert result.temperature_error is not None
    assert 2 < result.temperature_error < 20
    numbers = {quantity.name: quantity for quantity in result.quantities}
    bond = lattice_constant() * np.sqrt(3) / 4
    assert numbers["Si–Si, first peak of g(r)"].value == pytest.approx(bond, abs=0.03)
    assert numbers["Si around Si, coordination number"].value == pytest.approx(4, abs=0.01)
    assert numbers["Si–Si–Si, mean bond angle"].value == pytest.approx(109.2, abs=0.5)
    assert numbers["Si, diffusion coefficient, upper bound"].value < 0.05
    assert 8 < numbers["mean vibrational frequency"].value < 13
    assert any("no diffusion seen" in line for line in result.warnings)
    assert len(result.warnings) == len(set(result.warnings))
    again = dynamics.compute(atoms, TersoffSilicon().calculator(), spec)
    assert to_json(again) == to_json(result)
    assert to_json(from_json(Dynamics, to_json(result))) == to_json(result)


def argon(n_cells, duration):
    """Rahman, Phys. Rev. 136, A405 (1964): 864 atoms, 94.4 K with ε = 120 K, L = 10.229 σ."""
    density, temperature = 864 / 10.229**3, 94.4 / 120
    crystal = bulk("H", "fcc", a=(4 / density) ** (1 / 3), cubic=True) * (n_cells, n_cells, n_cells)
    potential, kelvin = LennardJones("H", cutoff=3.0), 1 / units.kB
    state = start_motion(potential, crystal, 2 * temperature * kelvin, np.random.default_rng(1))
    melting = Langevin(0.004 * TIME * units.fs, 3 * temperature * kelvin, TIME * units.fs)
    state = run_motion(potential, state, melting, 1000)
    liquid = Atoms(crystal, positions=state.positions)
    spec = DynamicsSpec(
        run=EquilibriumRunSpec(
            temperature=temperature * kelvin,
            duration=duration * TIME / 1000,
            timestep=0.004 * TIME,
            sample_every=0.04 * TIME,
            relaxation_time=TIME,
            minimum_length=1.0,
        ),
        radial=RadialDistributionSpec(cutoff=3.6, bin_width=0.02, most_frames=200),
        vibrations=VibrationalSpectrumSpec(resolution=200.0 / TIME),
    )
    run = run_equilibrium(liquid, potential.calculator(), spec.run)
    return dynamics.analyse(run, spec), temperature * kelvin


@pytest.mark.slow
def test_liquid_argon_of_rahman():
    """Maxima of g(r) at 3.7, 7.0 and 10.4 Å with σ = 3.4 Å, and D = 2.43 · 10⁻⁵ cm²/s."""
    result, temperature = argon(6, 60.0)
    assert result.warnings == ()
    assert result.temperature == pytest.approx(temperature, rel=0.01)
    (pair,) = result.radial.pairs
    assert 3.4 * pair.shell.peak == pytest.approx(3.7, abs=0.06)
    for low, high, published in ((6.0, 8.5, 7.0), (9.3, 11.5, 10.4)):
        inside = (3.4 * result.radial.distances > low) & (3.4 * result.radial.distances < high)
        place = 3.4 * result.radial.distances[inside][pair.density[inside].argmax()]
        assert place == pytest.approx(published, abs=0.15)
    (found,) = result.diffusion.species
    # σ²/τ of argon in cm²/s, against that of these units in Å²/ps.
    reduced = 2.43e-5 / (3.4e-8**2 / (3.4e-10 * np.sqrt(39.948 * 1.66054e-27 / (120 * 1.380649e-23))))
    mine, error = (value * TIME / 1000 for value in (found.coefficient, found.error))
    print(f"D* = {mine:.4f} ± {error:.4f}, Rahman {reduced:.4f}; coordination {pair.coordination:.2f}")
    assert mine == pytest.approx(reduced, rel=0.08)
    assert error < 0.03 * mine


def test_a_run_too_short_for_diffusion_still_tells_distances():
    run = EquilibriumRunSpec(temperature=300.0, duration=0.3, timestep=2.0, minimum_length=10.0)
    atoms = bulk("Si", a=lattice_constant(), cubic=True)
    result = dynamics.compute(atoms, TersoffSilicon().calculator(), DynamicsSpec(run=run))
    assert result.diffusion is None
    assert any("diffusion cannot be measured" in line for line in result.warnings)
    assert result.radial.pairs[0].coordination == pytest.approx(4.0, abs=0.05)
