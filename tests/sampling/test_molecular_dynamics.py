"""Trajectories: what they record, and when they stop."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.sampling.conditions import Conditions, Guard
from forgefield.sampling.molecular_dynamics import run_trajectory

CALM = Conditions(
    name="cycle-01/nvt-300K-01", ensemble="nvt", temperature_start=300, temperature_end=300, steps=40
)


def test_completed_trajectory(committee, silicon):
    trajectory = run_trajectory(committee, silicon, CALM, Guard(stop_above=50.0), np.random.default_rng(0))
    assert trajectory.outcome == "completed"
    assert trajectory.steps == 40
    assert [frame.step for frame in trajectory.frames] == [10, 20, 30, 40]
    frame = trajectory.frames[-1]
    assert frame.candidate.source == "nvt"
    assert frame.candidate.trajectory == CALM.name
    assert frame.candidate.parent == structure_key(silicon.atoms)
    assert frame.candidate.note == f"step 40, {frame.temperature:.0f} K"
    assert frame.candidate.atoms.calc is None
    expected = committee.evaluate(frame.candidate.atoms, uncertainty=True)
    assert frame.energy == pytest.approx(expected.energy)
    np.testing.assert_allclose(frame.force_uncertainties, expected.uncertainty.forces)
    assert frame.uncertainty == expected.uncertainty.forces.max() > 0.0


def test_last_frame_is_recorded_when_steps_do_not_divide(committee, silicon):
    conditions = Conditions("t", "nvt", 300, 300, steps=15, sample_every=10)
    trajectory = run_trajectory(committee, silicon, conditions, Guard(), np.random.default_rng(0))
    assert [frame.step for frame in trajectory.frames] == [10, 15]


def test_magnetic_moments_travel_with_the_frames(committee, silicon):
    atoms = silicon.atoms.copy()
    atoms.set_initial_magnetic_moments(np.arange(8.0))
    start = Candidate(atoms, "file", "file/a")
    trajectory = run_trajectory(committee, start, CALM, Guard(), np.random.default_rng(0))
    np.testing.assert_array_equal(
        trajectory.frames[0].candidate.atoms.get_initial_magnetic_moments(), np.arange(8.0)
    )


def test_same_generator_same_trajectory_in_another_process_too(committee, silicon):
    conditions = Conditions("t", "npt", 300, 900, ramp_steps=20, steps=30)
    arguments = (committee, silicon, conditions, Guard(stop_above=50.0), np.random.default_rng(11))
    copy = pickle.loads(pickle.dumps(arguments))
    one = run_trajectory(*arguments)
    two = pickle.loads(pickle.dumps(run_trajectory(*copy)))
    assert len(one.frames) == len(two.frames) == 3
    for a, b in zip(one.frames, two.frames, strict=True):
        assert a.candidate.atoms.positions.tobytes() == b.candidate.atoms.positions.tobytes()
        assert a.candidate.atoms.cell.array.tobytes() == b.candidate.atoms.cell.array.tobytes()
        assert a.force_uncertainties.tobytes() == b.force_uncertainties.tobytes()
    other = run_trajectory(*copy)  # the copied generator has moved on
    assert not np.allclose(other.frames[0].candidate.atoms.positions, one.frames[0].candidate.atoms.positions)
    assert not np.allclose(one.frames[-1].candidate.atoms.cell.array, silicon.atoms.cell.array)


def test_stops_where_the_committee_disagrees(committee, silicon):
    """Two silicon potentials disagree more and more on the way to the melt."""
    conditions = Conditions("t", "nvt", 300, 4000, ramp_steps=150, steps=300, sample_every=5)
    calm = run_trajectory(committee, silicon, CALM, Guard(), np.random.default_rng(0))
    limit = 2.0 * max(frame.uncertainty for frame in calm.frames)
    trajectory = run_trajectory(
        committee, silicon, conditions, Guard(stop_above=limit), np.random.default_rng(1)
    )
    assert trajectory.outcome == "uncertain"
    assert "exceeds" in trajectory.reason
    assert trajectory.frames[-1].step == trajectory.steps < 300
    assert trajectory.frames[-1].uncertainty > limit
    assert all(frame.uncertainty <= limit for frame in trajectory.frames[:-1])


def test_calibration_scales_the_uncertainty(committee, silicon):
    plain = run_trajectory(committee, silicon, CALM, Guard(), np.random.default_rng(0))
    limit = 1.5 * max(frame.uncertainty for frame in plain.frames)
    guard = Guard(stop_above=limit, scale=100.0)
    scaled = run_trajectory(committee, silicon, CALM, guard, np.random.default_rng(0))
    assert scaled.outcome == "uncertain"
    assert scaled.frames[0].uncertainty == pytest.approx(100.0 * plain.frames[0].uncertainty)


def test_stops_at_an_overlap(make_springs):
    """Two atoms whose springs pull them to the same place."""
    atoms = Atoms("Ar2", positions=[[0, 0, 0], [3.0, 0, 0]], cell=[20, 20, 20], pbc=True)
    potential = make_springs(np.zeros((2, 3)), 0.5)
    conditions = Conditions("t", "nvt", 10, 10, steps=500, damping_time=1e4)
    guard = Guard(min_distance=0.6, overheat=1e6)
    trajectory = run_trajectory(
        potential, Candidate(atoms, "file", "file/a"), conditions, guard, np.random.default_rng(0)
    )
    assert trajectory.outcome == "overlap"
    assert "Ar0–Ar1" in trajectory.reason
    for frame in trajectory.frames:
        assert frame.candidate.atoms.get_distance(0, 1) > 0.6 * 2 * 1.06


def test_start_that_overlaps_makes_no_step(committee):
    atoms = Atoms("Si2", positions=[[0, 0, 0], [0.5, 0, 0]], cell=[8, 8, 8], pbc=True)
    trajectory = run_trajectory(
        committee, Candidate(atoms, "file", "file/a"), CALM, Guard(), np.random.default_rng(0)
    )
    assert (trajectory.outcome, trajectory.steps, trajectory.frames) == ("overlap", 0, ())
    assert trajectory.reason.startswith("at the start: Si0–Si1 at 0.50 Å")


def test_stops_when_the_cell_runs_away(committee, silicon):
    conditions = Conditions("t", "npt", 300, 300, pressure=-60.0, steps=400)
    guard = Guard(min_volume=17.0, max_volume=24.0)
    trajectory = run_trajectory(committee, silicon, conditions, guard, np.random.default_rng(0))
    assert trajectory.outcome == "volume"
    assert "outside 17.00 to 24.00" in trajectory.reason
    assert all(frame.candidate.atoms.get_volume() / 8 <= 24.0 for frame in trajectory.frames)


def test_stops_when_the_atoms_explode(make_springs):
    """A start high on its springs turns into heat; the frame is sane and kept."""
    atoms = bulk("Cu", cubic=True)
    potential = make_springs(atoms.positions + 0.3, 20.0)
    trajectory = run_trajectory(
        potential, Candidate(atoms, "file", "file/a"), CALM, Guard(), np.random.default_rng(0)
    )
    assert trajectory.outcome == "overheated"
    assert "300 K were asked for" in trajectory.reason
    assert len(trajectory.frames) == 1
    assert trajectory.frames[0].step == trajectory.steps % 10 == trajectory.steps


def test_numbers_that_are_not_finite_stop_the_trajectory(make_springs):
    atoms = bulk("Cu", cubic=True)
    trajectory = run_trajectory(
        make_springs(atoms.positions, np.nan),
        Candidate(atoms, "file", "a"),
        CALM,
        Guard(),
        np.random.default_rng(0),
    )
    assert trajectory.outcome == "overheated"
    assert "finite" in trajectory.reason
    assert trajectory.frames == ()


def test_small_cells_are_not_called_overheated():
    """The temperature of two atoms at equilibrium fluctuates by 58 %."""
    rng = np.random.default_rng(0)
    for n_atoms in (2, 8, 64):
        temperatures = 300.0 * rng.chisquare(3 * n_atoms, size=20000) / (3 * n_atoms)
        stopped = [Guard().overheating(t, 300.0, n_atoms) is not None for t in temperatures]
        assert not any(stopped)
        assert Guard().overheating(3000.0, 300.0, n_atoms).outcome == "overheated"


def test_ramp():
    conditions = Conditions("t", "nvt", 300, 900, ramp_steps=100)
    assert [conditions.temperature_at(step) for step in (0, 50, 100, 700)] == [300, 600, 900, 900]
    assert Conditions("t", "nvt", 300, 900).temperature_at(0) == 900


def test_potential_without_uncertainty(make_committee, silicon):
    alone = make_committee("kumagai")
    with pytest.raises(ForgefieldError, match="committee of at least two"):
        run_trajectory(alone, silicon, CALM, Guard(stop_above=1.0), np.random.default_rng(0))
    free = run_trajectory(alone, silicon, CALM, Guard(), np.random.default_rng(0))
    assert free.outcome == "completed"
    assert free.frames[0].uncertainty == 0.0


def test_constant_pressure_needs_a_crystal(committee):
    water = Candidate(molecule("H2O", vacuum=4.0), "file", "file/water")
    conditions = Conditions("t", "npt", 300, 300)
    with pytest.raises(ForgefieldError, match="use the nvt ensemble"):
        run_trajectory(committee, water, conditions, Guard(), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ensemble": "nve"}, "unknown ensemble 'nve'; choose from nvt, npt"),
        ({"temperature_end": -5.0}, "temperature -5.0 K of t is negative"),
        ({"timestep": 0.0}, "timestep 0.0 of t is not positive"),
        ({"sample_every": 0}, "sample_every 0 of t is not positive"),
    ],
)
def test_senseless_conditions_are_refused(change, message):
    arguments = {
        "name": "t",
        "ensemble": "nvt",
        "temperature_start": 300.0,
        "temperature_end": 300.0,
        **change,
    }
    with pytest.raises(ForgefieldError, match=message):
        Conditions(**arguments)
