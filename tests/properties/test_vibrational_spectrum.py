"""Vibrational densities of states of oscillators, of free particles and of silicon."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from scipy.special import voigt_profile

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import phonons, vibrational_spectrum
from forgefield.properties.equilibrium_run import EquilibriumRunSpec, run_equilibrium
from forgefield.properties.phonons import PhononSpec
from forgefield.properties.production_run import ProductionRun
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.trajectory import MotionRecorder
from forgefield.properties.vibrational_spectrum import VibrationalSpectrum, VibrationalSpectrumSpec
from forgefield.sampling.integrators import Langevin
from forgefield.sampling.langevin import start_motion
from forgefield.sampling.simulation import run_motion
from forgefield.testing.einstein_crystal import EinsteinCrystal
from forgefield.testing.tersoff import TersoffSilicon, lattice_constant

from .trajectories import FS, production

CUBE = np.eye(3) * 20.0


def oscillators(frequencies, n_frames, interval_fs, numbers, velocities=True, seed=0):
    """Each atom with a frequency (THz) of its own, and phases and amplitudes of chance."""
    rng = np.random.default_rng(seed)
    times = np.arange(n_frames)[:, None, None] * interval_fs * 1e-3
    angular = 2 * np.pi * np.asarray(frequencies)[None, :, None]
    phases = rng.uniform(0, 2 * np.pi, size=(1, len(frequencies), 3))
    amplitudes = rng.normal(size=(1, len(frequencies), 3)) * 0.1
    positions = amplitudes * np.sin(angular * times + phases)
    speeds = amplitudes * angular * np.cos(angular * times + phases) / (1000 * FS)
    return production(positions, CUBE, numbers, interval_fs, speeds if velocities else None)


def line(frequencies, centre, width, damping_time=np.inf):
    """A Gaussian of this full width at half maximum, and the Lorentzian of a damped oscillator (fs)."""
    lorentzian = 1000 / (4 * np.pi * damping_time)
    return voigt_profile(frequencies - centre, width / np.sqrt(8 * np.log(2)), lorentzian)


@pytest.mark.parametrize("velocities", [True, False])
def test_oscillators_give_lines_of_their_species(velocities):
    """Si at 5 THz and O at 14 THz, three times as many; from velocities or from positions alone."""
    numbers = [14] * 50 + [8] * 150
    run = oscillators([5.0] * 50 + [14.0] * 150, 4000, 10.0, numbers, velocities)
    result = vibrational_spectrum.analyse(run, VibrationalSpectrumSpec(resolution=0.5))
    oxygen, silicon = result.species
    for part, centre, modes in ((oxygen, 14.0, 2.25), (silicon, 5.0, 0.75)):
        expected = modes * line(result.frequencies, centre, 0.5)
        assert np.abs(part.density - expected).max() < 0.03 * expected.max()
        assert np.trapezoid(part.density, result.frequencies) == pytest.approx(modes, rel=1e-6)
    assert result.density == pytest.approx(oxygen.density + silicon.density)
    assert result.mean_frequency == pytest.approx(0.25 * 5 + 0.75 * 14, rel=0.01)
    assert result.resolution == 0.5
    assert (result.temperature is None) == (not velocities)
    assert result.warnings == run.warnings


def test_einstein_crystal_has_one_line():
    """At √(k/m)/2π; the Langevin thermostat widens it by 1/(2πτ) = 0.08 THz."""
    sites = np.random.default_rng(1).uniform(0, 20, size=(60, 3))
    atoms = Atoms("Cu60", positions=sites, cell=CUBE, pbc=True)
    potential = EinsteinCrystal(sites, 8.0)
    recorder = MotionRecorder()
    state = start_motion(potential, atoms, 600.0, np.random.default_rng(5))
    run_motion(potential, state, Langevin(2 * FS, 300.0, 2000 * FS), 10_000, 10, recorder)
    run = ProductionRun(recorder.trajectory(2 * FS), None)
    result = vibrational_spectrum.analyse(run, VibrationalSpectrumSpec())
    exact = np.sqrt(8.0 / atoms.get_masses()[0]) / (2 * np.pi) * 1000 * FS
    assert result.frequencies[result.density.argmax()] == pytest.approx(exact, abs=0.06)
    near = np.abs(result.frequencies - exact) < 1.0
    assert np.trapezoid(result.density[near], result.frequencies[near]) > 0.95 * 3
    # Upwards, since the tail of a damped line ends at zero on the other side.
    assert exact < result.mean_frequency < 1.03 * exact


def test_brownian_particles_have_a_lorentzian_whose_start_is_diffusion():
    """g(f) = 3 · 4τ/(1 + (2π f τ)²), error bars as often right as they should be."""
    damping_time, interval = 200 * FS, 20 * FS
    rng, kept = np.random.default_rng(2), np.exp(-interval / damping_time)
    velocities = np.empty((6000, 100, 3))
    velocities[0] = rng.normal(size=(100, 3))
    for step in range(1, 6000):
        velocities[step] = kept * velocities[step - 1] + np.sqrt(1 - kept**2) * rng.normal(size=(100, 3))
    run = production(np.zeros_like(velocities), CUBE, interval_fs=20.0, velocities=velocities)
    result = vibrational_spectrum.analyse(run, VibrationalSpectrumSpec(resolution=0.2))
    low = result.frequencies < 5
    exact = 3 * 4 * 0.2 / (1 + (2 * np.pi * result.frequencies[low] * 0.2) ** 2)
    # Frames every tenth of τ and lines of 0.2 THz bend it by some per cent of its height.
    assert result.density[low] == pytest.approx(exact, abs=0.12)
    assert np.median(result.errors[low] / exact) < 0.05


def silicon_spectrum(duration, repeat, damping_time):
    atoms = bulk("Si", a=lattice_constant())
    matrix = ((repeat, 0, 0), (0, repeat, 0), (0, 0, repeat))
    spec = EquilibriumRunSpec(
        temperature=30.0,
        duration=duration,
        timestep=2.0,
        sample_every=10.0,
        supercell=matrix,
        damping_time=damping_time,
    )
    calculator = TersoffSilicon().calculator()
    result = vibrational_spectrum.analyse(
        run_equilibrium(atoms, calculator, spec), VibrationalSpectrumSpec(resolution=0.8)
    )
    mesh = (repeat, repeat, repeat)
    harmonic = phonons.compute(
        atoms, calculator, PhononSpec(supercell=matrix, mesh=mesh, dos_points=0, displacement=0.01)
    )
    lines = line(
        result.frequencies[:, None, None], harmonic.frequencies[None], result.resolution, damping_time
    )
    # Two atoms in the primitive cell; the three translations at Γ do not move.
    modes = np.einsum("fqn,q->f", lines, harmonic.weights) / 2
    still = 3 * line(result.frequencies, 0.0, result.resolution, damping_time) / (2 * repeat**3)
    return result, modes - still


def overlap(frequencies, one, other):
    """Share of the modes that two densities have in common."""
    return np.trapezoid(np.minimum(one, other), frequencies) / 3


def test_silicon_vibrates_with_its_phonons():
    """At 30 K, all q-points that the run's 54 atoms hold; phonons 4 % faster would be told from it."""
    result, modes = silicon_spectrum(16.0, 3, 500.0)
    assert result.temperature == pytest.approx(30.0, rel=0.1)
    frequencies = result.frequencies
    assert overlap(frequencies, result.density, modes) > 0.92
    assert overlap(frequencies, result.density, np.interp(frequencies / 1.04, frequencies, modes)) < 0.87
    deviations = (result.density - modes)[modes > 0.05] / result.errors[modes > 0.05]
    assert np.median(np.abs(deviations)) < 1.5


@pytest.mark.slow
def test_silicon_vibrates_with_its_phonons_all_over():
    """128 atoms and 100 ps."""
    result, modes = silicon_spectrum(100.0, 4, 1000.0)
    found = overlap(result.frequencies, result.density, modes)
    print(f"overlap {found:.4f}, mean frequency {result.mean_frequency:.3f} THz")
    assert found > 0.96


def test_short_runs_and_rare_frames_say_so():
    run = oscillators([5.0] * 30, 200, 10.0, [14] * 30)
    short = vibrational_spectrum.analyse(run, VibrationalSpectrumSpec(resolution=0.2))
    assert "a run of 2 ps resolves lines of" in short.warnings[-1]
    assert short.resolution > 1.0
    assert np.isnan(short.errors).all()
    assert short.mean_frequency_error is None
    assert short.mean_frequency == pytest.approx(5.0, rel=0.05)
    rare = oscillators([9.8] * 30, 2000, 50.0, [14] * 30)
    folded = vibrational_spectrum.analyse(rare, VibrationalSpectrumSpec())
    assert "frames every 50 fs are too far apart" in folded.warnings[-1]


def test_results_survive_json():
    result = vibrational_spectrum.analyse(
        oscillators([5.0] * 9, 200, 10.0, [14] * 9), VibrationalSpectrumSpec()
    )
    assert to_json(from_json(VibrationalSpectrum, to_json(result))) == to_json(result)


def test_runs_without_a_spectrum():
    with pytest.raises(
        ForgefieldError, match=r"10 equilibrated frames hold no spectrum; run longer or store"
    ):
        vibrational_spectrum.analyse(oscillators([5.0], 10, 10.0, [14]), VibrationalSpectrumSpec())
