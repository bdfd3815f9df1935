"""On-the-fly learning: that it learns, goes on to the bit, and refuses what is no state."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Labels
from forgefield.sampling.on_the_fly import advance, learned, start_learning
from forgefield.sampling.on_the_fly_state import load_state, save_state

from .on_the_fly_kit import labels_of, same, settings_of


def test_learns_silicon_while_it_heats(learner):
    """16 atoms from 300 to 900 K: at least 95 % of the steps without the reference, and forces that are right."""
    atoms = bulk("Si").repeat(2)
    settings = settings_of(atoms, steps=1000, initial=3, judge_every=2, check_every=200)
    state, potential, errors = start_learning(atoms, settings, np.random.default_rng(0)), None, []
    while True:
        ahead = advance(potential, state, settings, 25)
        state = ahead.state
        if ahead.outcome == "completed":
            break
        assert ahead.outcome in ("paused", "request")
        if ahead.outcome == "paused":
            motion = state.motion
            errors.append(np.linalg.norm(motion.forces - learner.label(motion.atoms()).forces, axis=1))
            continue
        labels = learner.label(ahead.request.candidate.atoms)
        potential = learner.learn(ahead.request.candidate.atoms, labels)
        state = learned(state, ahead.request, labels, potential)
    assert state.step == 1000
    assert state.stops == 0
    assert 5 <= state.requests <= 50
    assert np.sqrt(np.mean(np.square(errors))) < 0.05
    assert np.mean(np.max(errors, axis=1) < 0.1) > 0.8
    assert 0.5 < state.threshold.scale < 20.0


def test_killed_and_resumed_is_the_same_to_the_bit(committee, silicon, tmp_path):
    """Stored and read again every three steps, in the middle of blocks, segments and thermostats."""
    atoms = silicon.atoms.copy()
    atoms.set_initial_magnetic_moments(np.arange(8.0))
    segments = [
        {"from": 300, "steps": 20, "thermostat": "nose-hoover"},
        {"from": 300, "to": 900, "steps": 25, "ensemble": "npt"},
    ]
    settings = settings_of(
        atoms, segments=segments, initial=2, block=2, wait=4, target_error=0.02, urgent=1e6
    )

    def run(every: int, stored: bool):
        state, requests = start_learning(atoms, settings, np.random.default_rng(1)), []
        while True:
            ahead = advance(committee, state, settings, every)
            state = ahead.state
            if stored:
                save_state(state, tmp_path)
                state = load_state(tmp_path)
            if ahead.request is not None:
                again = advance(committee, state, settings, every).request
                assert structure_key(again.candidate.atoms) == structure_key(ahead.request.candidate.atoms)
                labels = labels_of(committee.evaluate(again.candidate.atoms))
                state = learned(state, again, labels, committee)
                requests.append(again.candidate)
            if ahead.outcome == "completed":
                return state, requests

    whole, asked = run(10**6, stored=False)
    parts, asked_again = run(3, stored=True)
    assert len(asked) == len(asked_again) > 4
    assert whole.requests == len(asked)
    assert same(whole, parts)
    for one, two in zip(asked, asked_again, strict=True):
        assert one.atoms.positions.tobytes() == two.atoms.positions.tobytes()
        np.testing.assert_array_equal(two.atoms.get_initial_magnetic_moments(), np.arange(8.0))


def test_what_is_no_state_is_refused(tmp_path):
    with pytest.raises(
        ForgefieldError, match=r"holds no state of on-the-fly learning.*start the trajectory anew"
    ):
        load_state(tmp_path)
    (tmp_path / "on-the-fly.npz").write_bytes(b"PK broken")
    with pytest.raises(ForgefieldError, match="holds no state"):
        load_state(tmp_path)


def test_initial_structures_come_first_and_need_no_potential(silicon):
    settings = settings_of(silicon.atoms, initial=3, initial_rattle=0.05)
    state = start_learning(silicon.atoms, settings, np.random.default_rng(0))
    shifts, refits = [], []
    for number in range(3):
        ahead = advance(None, state, settings, 10)
        assert ahead.reason == f"initial structure {number + 1} of 3"
        assert ahead.request.candidate.source == ("rattle" if number else "start")
        assert ahead.request.candidate.parent == structure_key(silicon.atoms)
        assert (ahead.request.prediction, ahead.request.initial) == (None, True)
        shifts.append(np.std(ahead.request.candidate.atoms.positions - silicon.atoms.positions))
        refits.append(ahead.request.refit)
        state = learned(ahead.state, ahead.request, Labels(0.0, np.zeros((8, 3)), None, "", "", 0.0), None)
    assert shifts[0] == 0.0
    assert shifts[1:] == pytest.approx([0.05, 0.05], rel=0.4)
    assert refits == [False, False, True]
    assert state.requests == 3
    with pytest.raises(ForgefieldError, match="anneal has no potential to move with; fit one to the initial"):
        advance(None, state, settings, 10)
