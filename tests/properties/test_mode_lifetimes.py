"""Modes of known lifetimes, and lifetimes of silicon's modes in motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import mode_lifetimes
from forgefield.properties.commensurate_modes import CommensurateModes, commensurate_modes, mode_correlations
from forgefield.properties.mode_lifetimes import ModeLifetimesSpec, ModeMotion
from forgefield.properties.mode_lifetimes_record import ModeLifetimes
from forgefield.properties.stored import from_json, to_json
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

THREE = ((3, 0, 0), (0, 3, 0), (0, 0, 3))


@pytest.fixture(scope="module")
def modes() -> CommensurateModes:
    return commensurate_modes(bulk("Si", a=5.431), StillingerWeberSilicon().calculator(), THREE, 0.01)


def excited(
    modes: CommensurateModes, point: int, branch: int, times: np.ndarray, lifetime: float
) -> np.ndarray:
    """Velocities of a single wave whose energy decays."""
    wave = np.exp(2j * np.pi * modes.places @ modes.qpoints[point])[:, None]
    shape = (
        wave * modes.eigenvectors[point, branch][modes.sites] / np.sqrt(modes.supercell.get_masses())[:, None]
    )
    oscillation = np.exp(-2j * np.pi * modes.frequencies[point, branch] * times - times / (2 * lifetime))
    return (shape * oscillation[:, None, None]).real.astype(np.float32)


def test_every_mode_of_the_supercell_is_there_once(modes):
    n_cells = len(modes.supercell) // 2
    assert modes.counts.sum() == n_cells - 1
    assert modes.groups.shape == modes.frequencies.shape == (13, 6)
    assert {1, 2} >= set(modes.counts)
    flat = modes.eigenvectors.reshape(13, 6, 6)
    np.testing.assert_allclose(
        flat.conj() @ flat.transpose(0, 2, 1), np.broadcast_to(np.eye(6), (13, 6, 6)), atol=1e-9
    )
    for group in range(modes.groups.max() + 1):
        assert np.ptp(modes.frequencies[modes.groups == group]) < 0.02
    # Three stars of q-points; along two of them transverse modes come in pairs.
    assert modes.groups.max() + 1 == 14


def test_a_wave_excites_its_own_mode_alone(modes):
    times = np.arange(3000) * 0.02
    point, branch = 3, 4
    found = mode_correlations(excited(modes, point, branch, times, 4.0), 0.02, modes, 1000)
    strengths = np.abs(found[:, 0])
    own = modes.groups[point, branch]
    assert strengths.argmax() == own
    assert np.delete(strengths, own).max() < 0.02 * strengths[own]
    # The correlation of a decay without fluctuations falls as the decay itself, apart from the mean over origins.
    origins = 3000 - np.arange(1000)
    (lifetime,) = mode_lifetimes.lifetimes((found[own] * origins)[None], 0.02)
    assert lifetime == pytest.approx(4.0, rel=0.03)


def test_lifetimes_of_known_correlations():
    times = 0.02 * np.arange(2000)
    known = np.array([0.5, 2.0, 9.0])
    correlations = np.exp(-times / (2 * known[:, None]) + 2j * np.pi * 7.3 * times)
    np.testing.assert_allclose(mode_lifetimes.lifetimes(correlations, 0.02), known, rtol=1e-6)
    assert np.isinf(mode_lifetimes.lifetimes(np.ones((1, 100), dtype=complex), 0.02)[0])


def test_conductivity_of_known_lifetimes(modes):
    """One lifetime τ for all: κ = k_B τ/V Σ v²/3."""
    times = 0.02 * np.arange(2000)
    groups = int(modes.groups.max()) + 1
    motion = ModeMotion(np.tile(np.exp(-times / 6.0), (groups, 1)).astype(complex), 0.02, 80.0, 301.0, 1e-6)
    found = mode_lifetimes.analyse(modes, [motion, motion], ModeLifetimesSpec())
    squares = (modes.counts[:, None] * (modes.velocities**2).sum(axis=2)).sum()
    exact = 1.380649e-23 * 3e-12 * squares * 1e4 / 3 / (modes.supercell.get_volume() * 1e-30)
    np.testing.assert_allclose(found.conductivity, exact * np.eye(3), rtol=1e-4, atol=1e-6 * exact)
    np.testing.assert_allclose(found.lifetimes, 3.0, rtol=1e-6)
    assert found.members.sum() == 6 * modes.counts.sum()
    assert not found.warnings
    (quantity,) = found.quantities
    assert quantity.name == "thermal conductivity of the modes of 54 atoms, 301 K"
    assert quantity.error == pytest.approx(0.0, abs=1e-9)
    again = from_json(ModeLifetimes, to_json(found))
    np.testing.assert_array_equal(again.lifetimes, found.lifetimes)
    doubtful = replace(found, drift=0.1, temperature=200.0, duration=20.0)
    assert [word in " ".join(doubtful.warnings) for word in ("drifts", "200 K instead", "are short")] == [
        True
    ] * 3


def test_runs_of_different_temperature_do_not_cancel(modes):
    """Their frequencies differ a little."""
    times, groups = 0.02 * np.arange(2000), int(modes.groups.max()) + 1
    decay = np.tile(np.exp(-times / 16.0).astype(complex), (groups, 1))
    motions = [
        ModeMotion(decay * np.exp(2j * np.pi * shift * times), 0.02, 80.0, 300.0, 0.0)
        for shift in (-0.05, 0.05)
    ]
    found = mode_lifetimes.analyse(modes, motions, ModeLifetimesSpec())
    np.testing.assert_allclose(found.lifetimes, 8.0, rtol=1e-6)


def test_silicon_in_motion():
    """Hot modes live shorter and carry less."""
    crystal, calculator = bulk("Si", a=5.431), StillingerWeberSilicon().calculator()
    found = {}
    for temperature in (300.0, 1200.0):
        spec = ModeLifetimesSpec(
            temperature=temperature, runs=2, duration=16.0, equilibration=4.0, timestep=2.0, supercell=THREE
        )
        found[temperature] = mode_lifetimes.compute(crystal, calculator, spec)
    cold, hot = found[300.0], found[1200.0]
    assert np.median(hot.lifetimes) < 0.5 * np.median(cold.lifetimes)
    assert 0 < np.trace(hot.conductivity) < np.trace(cold.conductivity)
    assert np.isfinite(hot.errors).all()
    assert "are short for a mode" in " ".join(cold.warnings)


def test_what_cannot_be_done_is_said(modes):
    spec = ModeLifetimesSpec(duration=0.1)
    with pytest.raises(ForgefieldError, match=r"5 samples .* say nothing of lifetimes; run longer"):
        mode_lifetimes.run(modes, StillingerWeberSilicon().calculator(), spec, 0)
    with pytest.raises(ForgefieldError, match="no run says anything"):
        mode_lifetimes.analyse(modes, [], spec)
    unstable = replace(modes, frequencies=modes.frequencies - 5.0)
    motion = ModeMotion(np.ones((1, 10), dtype=complex), 0.02, 1.0, 300.0, 0.0)
    with pytest.raises(ForgefieldError, match="imaginary modes, down to"):
        mode_lifetimes.analyse(unstable, [motion], spec)
