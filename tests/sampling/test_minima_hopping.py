"""Minima hopping on clusters: the known global minimum, and hops that go wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc100

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.fingerprints import cluster_fingerprint
from forgefield.atoms.identity import structure_key
from forgefield.sampling.conditions import Guard
from forgefield.sampling.minima_hopping import hop, start_hopping, with_new_potential
from forgefield.sampling.minima_hopping_spec import MinimaHoppingSpec
from forgefield.sampling.minima_hopping_state import MinimaHoppingSettings
from forgefield.testing.known_minima import random_cluster
from forgefield.testing.lennard_jones import LennardJones

LJ13 = -44.326801
SPEC = MinimaHoppingSpec(temperature=4000.0, energy_difference=1.0)


def settings(spec: MinimaHoppingSpec = SPEC, **more) -> MinimaHoppingSettings:
    return MinimaHoppingSettings("walk", spec, **more)


def sphere(n_atoms: int, seed: int) -> Atoms:
    return random_cluster(n_atoms, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", [2, 3])
def test_thirteen_atoms_get_to_the_icosahedron(seed):
    rng = np.random.default_rng(seed)
    own, potential = settings(guard=Guard(min_distance=0.0)), LennardJones()
    state = start_hopping(sphere(13, seed), own, rng)
    ends = []
    while state.hops < 400 and not (state.started and state.lowest.energy < LJ13 + 1e-4):
        ends.append(hop(potential, state, own))
        state = ends[-1].state
    assert state.lowest.energy == pytest.approx(LJ13, abs=1e-4)
    atoms = state.atoms(state.lowest)
    lengths = np.sort(np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1))
    assert lengths[0] < 0.01
    assert np.ptp(lengths[1:]) < 0.01
    assert state.hops == len(ends)
    # What was reported is what the state holds.
    assert state.accepted == sum(end.accepted for end in ends[1:])
    assert len(state.history.minima) == sum(end.outcome == "new" for end in ends)
    assert sum(each.visits for each in state.history.minima) == len(ends)
    for end in ends:
        energy = potential.evaluate(end.state.atoms(end.minimum)).energy
        assert energy == pytest.approx(end.minimum.energy, rel=1e-10)


def test_feedback_reaches_the_state():
    own, potential = (
        settings(SPEC.model_copy(update={"revisits": 0.0, "temperature_window": None})),
        LennardJones(),
    )
    state = start_hopping(sphere(13, 0), own, np.random.default_rng(0))
    end = hop(potential, state, own)
    assert (end.outcome, end.accepted, end.reason) == ("new", True, "hop 0: the start is relaxed")
    assert (end.state.temperature, end.state.energy_difference) == (4000.0, 1.0)
    outcomes = set()
    for _ in range(40):
        before = end.state
        end = hop(potential, before, own)
        outcomes.add((end.outcome, end.accepted))
        factor = 1 / 1.05 if end.outcome == "new" else 1.05
        assert end.state.temperature == pytest.approx(factor * before.temperature)
        rise = end.minimum.energy - before.current.energy
        if end.outcome == "same":
            assert end.state.energy_difference == before.energy_difference
        else:
            assert end.accepted is (rise < before.energy_difference)
            share = 1 / 1.02 if end.accepted else 1.02
            assert end.state.energy_difference == pytest.approx(share * before.energy_difference)
        went = end.minimum.number if end.accepted else before.current.number
        assert end.state.current.number == went
    assert len({outcome for outcome, _ in outcomes}) == 3
    assert len({accepted for _, accepted in outcomes}) == 2


def test_time_step_settles_where_energy_is_conserved():
    own, potential = settings(), LennardJones()
    state = start_hopping(sphere(13, 0), own, np.random.default_rng(0))
    assert state.timestep is None
    steps = []
    for _ in range(30):
        state = hop(potential, state, own).state
        steps.append(state.timestep)
    assert steps[0] is None
    assert 0.02 < min(steps[10:]) <= max(steps[10:]) < 0.1
    fixed = settings(SPEC.model_copy(update={"timestep_fs": 0.3}))
    assert hop(potential, state, fixed).outcome in ("same", "known", "new")


def test_snapshots_of_the_escape_are_candidates():
    own, potential = settings(SPEC.model_copy(update={"candidate_every": 4})), LennardJones()
    atoms = sphere(10, 1)
    atoms.set_initial_magnetic_moments(np.arange(10.0))
    end = hop(potential, start_hopping(atoms, own, np.random.default_rng(0)), own)
    assert end.candidates == ()
    start = end.state.atoms(end.state.current)
    end = hop(potential, end.state, own)
    assert len(end.candidates) >= 2
    for number, candidate in enumerate(end.candidates, start=1):
        assert candidate.source == "minima-hopping"
        assert candidate.trajectory == "walk"
        assert candidate.parent == structure_key(start)
        assert candidate.note == f"hop 1, 4000 K, step {4 * number}"
        assert np.abs(candidate.atoms.positions - start.positions).max() > 0.05
        np.testing.assert_array_equal(candidate.atoms.get_initial_magnetic_moments(), np.arange(10.0))


def test_uncertain_hop_is_lost_and_hands_its_structure_out(committee, silicon):
    """A committee that agrees in the crystal: the start is relaxed, the escape leads to where it does not agree."""
    spec = MinimaHoppingSpec(temperature=3000.0, judge_every=2, escape_steps=60, softening_steps=2)
    own = settings(spec, guard=Guard(stop_above=0.6, scale=2.0))
    state = start_hopping(silicon.atoms, own, np.random.default_rng(1))
    first = hop(committee, state, own)
    assert first.outcome == "new"
    end = hop(committee, first.state, own)
    assert (end.outcome, end.accepted, end.minimum) == ("lost", False, None)
    assert "eV/Å exceeds 0.600" in end.reason
    (candidate,) = end.candidates
    worst = 2.0 * committee.evaluate(candidate.atoms, uncertainty=True).uncertainty.forces.max()
    assert worst > 0.6
    assert f"lost: force uncertainty {worst:.3f} eV/Å" in candidate.note
    before, after = first.state, end.state
    assert after.current is before.current
    assert after.history is before.history
    assert (after.temperature, after.energy_difference) == (before.temperature, before.energy_difference)
    assert (after.hops, after.lost) == (2, 1)
    assert after.evaluations > before.evaluations
    # The next attempt is another one.
    assert after.generator != before.generator


def test_start_may_be_lost_too(committee, silicon):
    spec = MinimaHoppingSpec(judge_every=1)
    own = settings(spec, guard=Guard(stop_above=1e-6))
    state = start_hopping(silicon.atoms, own, np.random.default_rng(1))
    end = hop(committee, state, own)
    assert end.outcome == "lost"
    assert not end.state.started
    np.testing.assert_array_equal(end.candidates[0].atoms.positions, silicon.atoms.positions)


def test_geometry_out_of_bounds_hands_out_the_last_sound_structure():
    """Bounds that a minimum keeps, but hot atoms do not."""
    close = SPEC.model_copy(update={"judge_every": 1})
    own, potential = settings(close, guard=Guard(min_distance=1.06 / 0.62)), LennardJones()
    state = start_hopping(sphere(13, 5), settings(), np.random.default_rng(1))
    state = hop(potential, state, settings()).state
    end = hop(potential, replace(state, temperature=9000.0), own)
    assert end.outcome == "lost"
    assert "of the covalent distance" in end.reason
    (candidate,) = end.candidates
    assert own.guard.geometry_problem(candidate.atoms) is None
    assert "lost: H" in candidate.note


def test_pieces_are_pulled_together():
    potential = LennardJones(cutoff=2.0)
    atoms = sphere(6, 0)
    atoms.positions[3:] += [9.0, 0.0, 0.0]
    atoms.positions[5:] += [0.0, 9.0, 0.0]
    own = settings()
    end = hop(potential, start_hopping(atoms, own, np.random.default_rng(0)), own)
    assert end.outcome == "new"
    assert end.state.atoms(end.minimum).get_all_distances().max() < 4.0


def test_atom_that_left_a_slab_is_put_back():
    slab = fcc100("H", (2, 2, 2), a=1.55, vacuum=8.0)
    add_adsorbate(slab, "H", 5.0, "hollow")
    own, potential = settings(SPEC.model_copy(update={"force_tolerance": 0.05})), LennardJones(cutoff=2.0)
    end = hop(potential, start_hopping(slab, own, np.random.default_rng(0)), own)
    assert end.outcome == "new"
    assert end.state.atoms(end.minimum).get_distances(8, range(8), mic=True).min() < 1.2


def test_cluster_that_stays_in_pieces_is_rejected(make_springs):
    sites = np.array([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]])
    springs, own = make_springs(sites, 1.0), settings()
    springs.cutoff = np.inf
    end = hop(springs, start_hopping(Atoms("H2", sites), own, np.random.default_rng(0)), own)
    assert (end.outcome, end.minimum, end.state.started) == ("apart", None, False)
    assert end.reason == "hop 0: the cluster is in 2 pieces"


def test_relaxation_that_does_not_converge_is_no_minimum():
    own = settings(SPEC.model_copy(update={"relaxation_steps": 5}))
    end = hop(LennardJones(), start_hopping(sphere(13, 0), own, np.random.default_rng(0)), own)
    assert (end.outcome, end.state.started) == ("unrelaxed", False)
    assert "eV/Å are left after 5 evaluations" in end.reason
    # A start goes on from there; a walker that has a minimum stays in it.
    while not end.state.started:
        before, end = end, hop(LennardJones(), end.state, own)
    assert before.state.hops > 5
    assert end.minimum.energy < -30.0
    after = hop(LennardJones(), end.state, own)
    assert (after.outcome, after.state.current) == ("unrelaxed", end.state.current)


def test_new_potential_begins_a_new_history():
    own, potential = settings(), LennardJones()
    state = start_hopping(sphere(13, 0), own, np.random.default_rng(0))
    for _ in range(10):
        state = hop(potential, state, own).state
    fresh = with_new_potential(state)
    assert (fresh.history.minima, fresh.started) == ((), False)
    assert (fresh.temperature, fresh.generator) == (state.temperature, state.generator)
    end = hop(LennardJones(cutoff=3.0), fresh, own)
    assert end.outcome == "new"
    assert end.minimum.energy > state.current.energy
    assert np.abs(end.minimum.positions - state.current.positions).max() < 0.2


def test_any_fingerprint_will_do():
    calls = []

    def fingerprint(atoms):
        calls.append(len(atoms))
        return cluster_fingerprint(atoms)[:2]

    own = settings(fingerprint=fingerprint)
    state = start_hopping(sphere(8, 0), own, np.random.default_rng(0))
    for _ in range(3):
        state = hop(LennardJones(), state, own).state
    assert calls == [8, 8, 8]
    assert state.current.fingerprint.shape == (2,)


@pytest.mark.parametrize(
    ("atoms", "own", "message"),
    [
        (
            Atoms("H"),
            settings(),
            "walk: 1 atoms in a fixed cell have a single minimum; give more atoms, or let the",
        ),
        (
            Atoms("H2", [[0, 0, 0], [0, 0, 0.1]]),
            settings(),
            "walk cannot start: H0–H1 at 0.10 Å.*; give a start structure that is sane",
        ),
        (
            Atoms("H2", [[0, 0, 0], [0, 0, 1]]),
            settings(MinimaHoppingSpec(cell=True)),
            "relax it with a fixed cell",
        ),
    ],
)
def test_impossible_starts_are_refused(atoms, own, message):
    with pytest.raises(ForgefieldError, match=message):
        start_hopping(atoms, own, np.random.default_rng(0))


def test_guard_of_the_uncertainty_needs_one():
    own = settings(guard=Guard(stop_above=0.5))
    state = start_hopping(bulk("H", "fcc", a=1.55, cubic=True), own, np.random.default_rng(0))
    with pytest.raises(ForgefieldError, match=r"no uncertainty of its forces.*0.500 eV/Å; choose a family"):
        hop(LennardJones(cutoff=2.0), state, own)
