"""Trajectories whose statistics are known."""

import numpy as np
from ase import units

from forgefield.properties.production_run import ProductionRun
from forgefield.properties.trajectory import RecordedTrajectory

FS = units.fs


def autoregressive(coefficient, samples, rng):
    """x_t = φ x_{t−1} + √(1 − φ²) noise: variance 1, statistical inefficiency (1 + φ)/(1 − φ)."""
    from scipy.signal import lfilter

    start = rng.standard_normal()
    noise = np.sqrt(1 - coefficient**2) * rng.standard_normal(samples)
    return lfilter([1.0], [1.0, -coefficient], noise, zi=[coefficient * start])[0]


def production(positions, cell, numbers=None, interval_fs=10.0, velocities=None, energies=None, masses=None):
    """A run without a word on its equilibration."""
    n_frames, n_atoms = positions.shape[:2]
    trajectory = RecordedTrajectory(
        numbers=np.full(n_atoms, 18) if numbers is None else np.asarray(numbers),
        masses=np.full(n_atoms, 40.0) if masses is None else masses,
        pbc=np.array([True, True, True]),
        times=np.arange(n_frames) * interval_fs * FS,
        cells=np.repeat(np.asarray(cell, dtype=float)[None], n_frames, axis=0),
        positions=positions,
        velocities=velocities,
        energies=energies,
    )
    return ProductionRun(trajectory, None)
