"""Trajectories of our own and of other programs, and sums over time origins."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties.correlation import autocorrelation, mean_square_displacement
from forgefield.properties.production_run import equilibrated_part
from forgefield.properties.trajectory import MotionRecorder
from forgefield.properties.trajectory_frames import from_frames
from forgefield.sampling.calculator_potential import potential_of
from forgefield.sampling.integrators import VelocityVerlet
from forgefield.sampling.langevin import start_motion
from forgefield.sampling.simulation import run_motion

FS = units.fs
SKEWED = np.array([[6.0, 0.0, 0.0], [2.5, 5.5, 0.0], [-1.0, 2.0, 6.5]])


@pytest.fixture(scope="module")
def motion():
    """Hot copper: a record of 60 frames, and the states it was made of."""
    atoms = bulk("Cu", cubic=True)
    potential = potential_of(EMT(), atoms)
    state = start_motion(potential, atoms, 2000.0, np.random.default_rng(0))
    recorder, states = MotionRecorder(), []

    def observe(state):
        recorder(state)
        states.append(state)

    run_motion(potential, state, VelocityVerlet(5 * FS), 120, every=2, observe=observe)
    return recorder.trajectory(5 * FS), states


def ase_frames(states):
    frames = []
    for state in states:
        atoms = state.atoms()
        atoms.set_momenta(state.momenta)
        atoms.wrap()
        atoms.calc = SinglePointCalculator(atoms, energy=state.energy)
        frames.append(atoms)
    return frames


def test_wrapped_frames_of_ase_give_the_record_of_the_motion_itself(motion):
    mine, states = motion
    theirs = from_frames(ase_frames(states), 10.0)
    start = theirs.positions[0] - mine.positions[0]
    assert theirs.positions - start == pytest.approx(mine.positions, abs=1e-9)
    assert np.abs(start).max() > 1.0
    assert theirs.unwrapping_sure
    for name in ("velocities", "energies", "cells", "masses", "numbers"):
        assert getattr(theirs, name) == pytest.approx(getattr(mine, name))
    assert theirs.interval == pytest.approx(mine.interval) == pytest.approx(10 * FS)
    assert theirs.species == ("Cu",)
    assert mine.constant_cell
    kinetic = [0.5 * (s.momenta**2).sum() / s.masses[0] for s in states]
    assert mine.temperatures == pytest.approx(np.array(kinetic) * 2 / (9 * units.kB))


def test_energies_decide_what_is_equilibrated(motion):
    trajectory, _ = motion
    run = equilibrated_part(trajectory)
    assert run.equilibration is not None
    assert len(run.trajectory) == 60 - run.equilibration.start
    assert np.array_equal(run.trajectory.energies, trajectory.energies[run.equilibration.start :])
    assert run.warnings == run.equilibration.warnings


def test_frames_without_energies_are_taken_as_they_are_and_say_so():
    run = equilibrated_part(from_frames([bulk("Cu", cubic=True)] * 5, 1.0))
    assert len(run.trajectory) == 5
    assert run.trajectory.velocities is None
    assert run.trajectory.temperatures is None
    assert "no energies, from which the end of equilibration" in run.warnings[0]


def test_moves_are_followed_through_a_skewed_and_breathing_cell():
    rng = np.random.default_rng(1)
    fractions = np.cumsum(rng.uniform(-0.25, 0.25, size=(50, 7, 3)), axis=0)
    cells = [SKEWED * scale for scale in rng.uniform(0.98, 1.02, size=50)]
    frames = [Atoms("Ar7", positions=f @ c, cell=c, pbc=True) for f, c in zip(fractions, cells, strict=True)]
    plain = np.array([frame.positions for frame in frames])
    for frame in frames:
        frame.wrap()
    found = from_frames(frames, 1.0)
    offset = np.rint((found.positions[0] - plain[0]) @ np.linalg.inv(cells[0]))
    assert found.positions == pytest.approx(plain + np.array([offset @ cell for cell in cells]), abs=1e-9)
    assert found.unwrapping_sure
    assert not found.constant_cell


def test_long_moves_are_not_sure():
    rng = np.random.default_rng(2)
    frames = [
        Atoms("Ar7", scaled_positions=rng.uniform(size=(7, 3)), cell=SKEWED, pbc=True) for _ in range(9)
    ]
    assert not from_frames(frames, 1.0).unwrapping_sure
    free = [Atoms("Ar7", positions=rng.uniform(size=(7, 3)) * 50) for _ in range(9)]
    assert from_frames(free, 1.0).unwrapping_sure


def test_sums_over_time_origins_are_those_of_plain_loops():
    series = np.random.default_rng(3).normal(size=(37, 2, 3)).cumsum(axis=0) + 1000.0
    products = [[(series[k:] * series[: len(series) - k]).mean(axis=0)] for k in range(20)]
    assert autocorrelation(series, 20) == pytest.approx(np.concatenate(products))
    squares = [((series[k:] - series[: len(series) - k]) ** 2).mean(axis=0) for k in range(37)]
    assert mean_square_displacement(series, 37) == pytest.approx(np.array(squares), abs=1e-9)


def test_trajectories_that_are_none():
    with pytest.raises(ForgefieldError, match="without frames was given; give at least one"):
        from_frames([], 1.0)
    with pytest.raises(ForgefieldError, match="without frames was given; give at least one"):
        MotionRecorder().trajectory(1.0)
    with pytest.raises(ForgefieldError, match=r"every 0\.0 fs; give the interval"):
        from_frames([Atoms("Ar")], 0.0)
    with pytest.raises(ForgefieldError, match=r"frame 1 \(Ne\) is not of the same atoms as the first \(Ar\)"):
        from_frames([Atoms("Ar"), Atoms("Ne")], 1.0)
    with pytest.raises(ForgefieldError, match="the 1 frames of the trajectory are not evenly spaced"):
        _ = from_frames([Atoms("Ar")], 1.0).interval
