"""On-the-fly learning: when it asks, and when it must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.conditions import Guard
from forgefield.sampling.on_the_fly import advance, declined, learned, start_learning

from .on_the_fly_kit import Doubtful, labels_of, requests_of, settings_of


def test_request_carries_what_was_predicted(committee, silicon):
    settings = settings_of(silicon.atoms, target_error=0.01)
    ahead = advance(
        committee, start_learning(silicon.atoms, settings, np.random.default_rng(0)), settings, 10
    )
    assert ahead.outcome == "request"
    request = ahead.request
    expected = committee.evaluate(request.candidate.atoms, uncertainty=True)
    assert request.prediction.forces.tobytes() == expected.forces.tobytes()
    np.testing.assert_allclose(request.uncertainties, expected.uncertainty.forces)
    worst = request.uncertainties.max()
    assert ahead.reason == f"step 0: force uncertainty {worst:.3f} eV/Å exceeds 0.010"
    assert request.candidate.note.startswith("step 0, ")


def test_errors_become_the_calibration(committee, make_committee, silicon):
    """The committee's mean learns from one of its members: errors are its spread over √2, per atom."""
    settings = settings_of(silicon.atoms, target_error=0.01)
    ahead = advance(
        committee, start_learning(silicon.atoms, settings, np.random.default_rng(0)), settings, 10
    )
    labels = labels_of(make_committee("kumagai").evaluate(ahead.request.candidate.atoms))
    state = learned(ahead.state, ahead.request, labels, committee)
    # Ten imagined atoms with a scale of one against the eight.
    assert state.threshold.scale**2 == pytest.approx((8 * 0.5 + 10) / 18)
    assert len(state.threshold.levels) == 1


@pytest.mark.parametrize(("doubt", "expected"), [(0.04, []), (0.06, [0, 7, 14, 21, 28])])
def test_requests_keep_their_distance(make_committee, silicon, doubt, expected):
    potential = Doubtful(make_committee("stillinger-weber"), doubt)
    settings = settings_of(silicon.atoms, steps=30, wait=7, check_every=None)
    state = start_learning(silicon.atoms, settings, np.random.default_rng(0))
    # Answers without error would teach the calibration to believe them.
    found = []
    while (ahead := advance(potential, state, settings, 100)).outcome == "request":
        found.append(ahead.state.step)
        labels = labels_of(potential.evaluate(ahead.request.candidate.atoms))
        labels = replace(labels, forces=labels.forces + doubt / np.sqrt(3))
        state = learned(ahead.state, ahead.request, labels, potential)
    assert found == expected
    assert ahead.outcome == "completed"


def test_frames_are_judged_every_so_many_steps_and_checked_now_and_then(make_committee, silicon):
    potential = Doubtful(make_committee("stillinger-weber"), 0.01)
    settings = settings_of(silicon.atoms, steps=40, judge_every=4, check_every=10)
    found, _ = requests_of(
        potential, start_learning(silicon.atoms, settings, np.random.default_rng(0)), settings
    )
    assert [ahead.state.step for ahead in found] == [12, 24, 36]
    assert found[0].reason == "step 12: force uncertainty 0.010 eV/Å checked"


def test_blocks_are_refitted_together_unless_it_is_urgent(make_committee, silicon):
    calm = Doubtful(make_committee("stillinger-weber"), 0.06)
    settings = settings_of(silicon.atoms, steps=60, block=3, wait=10, check_every=None)

    def ask(potential, state):
        ahead = advance(potential, state, settings, 10**6)
        labels = labels_of(potential.evaluate(ahead.request.candidate.atoms))
        labels = replace(labels, forces=labels.forces + potential.doubt / np.sqrt(3))
        return ahead, learned(ahead.state, ahead.request, labels, potential)

    state = start_learning(silicon.atoms, settings, np.random.default_rng(0))
    refits, pending, levels = [], [], []
    for _ in range(4):
        ahead, state = ask(calm, state)
        refits.append(ahead.request.refit)
        pending.append(state.pending)
        levels.append(len(state.threshold.levels))
    assert refits == [False, False, True, False]
    assert pending == [1, 2, 0, 1]
    assert levels == [0, 0, 1, 1]
    # Four times the threshold while a label waits: at the next step, not ten later.
    ahead, state = ask(replace(calm, doubt=0.3), state)
    assert (ahead.state.step, ahead.request.refit, state.pending) == (31, True, 0)
    # With nothing waiting, even that has to wait.
    ahead, state = ask(replace(calm, doubt=0.3), state)
    assert (ahead.state.step, ahead.request.refit) == (41, True)


@pytest.mark.parametrize("snapshot_every", [20, 10**5])
def test_overlap_is_never_asked_for(make_springs, snapshot_every):
    """Two atoms whose springs pull them to one place: back to a trusted frame or the start, with new momenta."""
    atoms = Atoms("Ar2", positions=[[0, 0, 0], [3.0, 0, 0]], cell=[20, 20, 20], pbc=True)
    potential = Doubtful(make_springs(np.zeros((2, 3)), 0.5), 0.01, species=("Ar",))
    settings = settings_of(atoms, 2000, Guard(overheat=1e6), snapshot_every=snapshot_every, check_every=None)
    state = start_learning(atoms, settings, np.random.default_rng(0))
    momenta, steps, ends = [state.motion.momenta], [0], []
    for _ in range(4):
        ahead = advance(potential, state, settings, 10**6)
        assert (ahead.outcome, ahead.request) == ("stopped", None)
        assert "of the covalent distance (limit 0.60)" in ahead.reason
        state = ahead.state
        assert settings.guard.geometry_problem(state.motion.atoms()) is None
        assert not np.allclose(state.motion.momenta, momenta[-1])
        momenta.append(state.motion.momenta)
        assert state.step > steps[-1]
        steps.append(state.step)
        ends.append(state.motion.positions)
    assert state.stops == 4
    assert [np.array_equal(end, atoms.positions) for end in ends] == [snapshot_every > 20] * 4


def test_frames_that_are_too_hot_or_not_finite_are_never_asked_for(make_springs):
    atoms = bulk("Cu", cubic=True)
    hot = Doubtful(make_springs(atoms.positions + 0.3, 20.0), 0.01, species=("Cu",))
    settings = settings_of(atoms)
    start = start_learning(atoms, settings, np.random.default_rng(0))
    ahead = advance(hot, start, settings, 100)
    assert (ahead.outcome, ahead.request) == ("stopped", None)
    assert "were asked for" in ahead.reason
    broken = Doubtful(make_springs(atoms.positions, np.nan), 0.01, species=("Cu",))
    ahead = advance(broken, start, settings, 100)
    assert (ahead.outcome, ahead.reason) == (
        "stopped",
        "step 1: positions, momenta or forces are no longer finite",
    )
    assert np.isfinite(ahead.state.motion.positions).all()
    lost = replace(hot, under=make_springs(atoms.positions, 1.0), doubt=np.nan)
    ahead = advance(lost, start, settings, 100)
    assert (ahead.outcome, ahead.reason) == ("stopped", "step 0: the force uncertainty is not finite")


def test_failed_reference_sends_the_motion_back(committee, silicon):
    settings = settings_of(silicon.atoms, initial=1, target_error=10.0, check_every=20)
    state = start_learning(silicon.atoms, settings, np.random.default_rng(0))
    ahead = advance(None, state, settings, 10)
    state = declined(ahead.state, ahead.request, settings)
    assert (state.queue, state.requests, state.stops) == ((), 0, 0)
    ahead = advance(committee, state, settings, 1000)
    assert ahead.state.step == 20
    state = declined(ahead.state, ahead.request, settings)
    assert (state.requests, state.stops, state.step) == (0, 1, ahead.state.step)
    np.testing.assert_array_equal(state.motion.positions, silicon.atoms.positions)
    assert not np.allclose(state.motion.momenta, ahead.state.motion.momenta)


def test_potential_without_uncertainty_and_insane_start_are_refused(make_committee, silicon):
    settings = settings_of(silicon.atoms)
    state = start_learning(silicon.atoms, settings, np.random.default_rng(0))
    with pytest.raises(ForgefieldError, match=r"gives no uncertainty of its forces.*choose a family"):
        advance(make_committee("kumagai"), state, settings, 10)
    close = Atoms("Si2", positions=[[0, 0, 0], [0.5, 0, 0]], cell=[8, 8, 8], pbc=True)
    with pytest.raises(ForgefieldError, match=r"anneal cannot start: Si0–Si1 at 0\.50 Å"):
        start_learning(close, settings, np.random.default_rng(0))
