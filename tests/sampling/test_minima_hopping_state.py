"""State of minima hopping: resumed walks, the history, files."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.minima_hopping import hop, start_hopping
from forgefield.sampling.minima_hopping_spec import MinimaHoppingSpec
from forgefield.sampling.minima_hopping_state import (
    History,
    MinimaHoppingSettings,
    MinimaHoppingState,
    Minimum,
    load_state,
    save_state,
)
from forgefield.testing.lennard_jones import LennardJones


def minimum(energy: float, *fingerprint: float) -> Minimum:
    return Minimum(-1, energy, np.zeros((1, 3)), np.eye(3), np.array(fingerprint))


def assert_same(one, other) -> None:
    """To the last bit."""
    if hasattr(one, "__slots__"):
        assert type(one) is type(other)
        for each in fields(one):
            assert_same(getattr(one, each.name), getattr(other, each.name))
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    else:
        assert one == other


def cluster() -> tuple[LennardJones, Atoms, MinimaHoppingSettings]:
    spec = MinimaHoppingSpec(temperature=4000.0, energy_difference=1.0)
    atoms = Atoms("H10", np.random.default_rng(0).uniform(-1.2, 1.2, (10, 3)))
    atoms.set_initial_magnetic_moments(np.linspace(-1.0, 1.0, 10))
    return LennardJones(), atoms, MinimaHoppingSettings("cluster", spec)


def crystal() -> tuple[LennardJones, Atoms, MinimaHoppingSettings]:
    """With a pair list, which a resumed walk has to make anew."""
    spec = MinimaHoppingSpec(temperature=3000.0, energy_difference=1.0, cell=True, pressure=10.0)
    atoms = bulk("H", "fcc", a=1.5, cubic=True)
    atoms.rattle(0.1, seed=1)
    return LennardJones(cutoff=2.2), atoms, MinimaHoppingSettings("crystal", spec)


def walked(potential, state: MinimaHoppingState, settings, hops: int) -> MinimaHoppingState:
    for _ in range(hops):
        state = hop(potential, state, settings).state
    return state


@pytest.mark.parametrize("make", [cluster, crystal])
def test_killed_and_resumed_is_uninterrupted(make, tmp_path):
    potential, atoms, settings = make()
    start = start_hopping(atoms, settings, np.random.default_rng(7))
    whole = walked(potential, start, settings, 12)
    save_state(start, tmp_path)
    for _ in range(3):
        potential, _, settings = make()
        save_state(walked(potential, load_state(tmp_path), settings, 4), tmp_path)
    assert_same(load_state(tmp_path), whole)
    assert whole.hops == 12
    assert len(whole.history.minima) > 1
    assert whole.evaluations > 12 * 30
    assert [each.name for each in tmp_path.iterdir()] == ["minima-hopping.npz"]


def test_hop_changes_nothing_that_it_is_given(tmp_path):
    potential, atoms, settings = cluster()
    state = walked(potential, start_hopping(atoms, settings, np.random.default_rng(7)), settings, 3)
    save_state(state, tmp_path)
    first, second = (hop(potential, state, settings) for _ in range(2))
    assert_same(first, second)
    assert_same(state, load_state(tmp_path))


def test_walks_can_be_sent_to_other_processes():
    potential, atoms, settings = cluster()
    state = walked(potential, start_hopping(atoms, settings, np.random.default_rng(7)), settings, 2)
    sent = pickle.loads(pickle.dumps((potential, state, settings)))
    assert_same(hop(*sent), hop(potential, state, settings))


def test_history_is_sorted_and_finds_by_energy_then_fingerprint():
    history = History()
    for number, (energy, mark) in enumerate([(2.0, 0.0), (1.0, 0.0), (2.0005, 3.0), (1.5, 1.0)]):
        history, new = history.with_new(minimum(energy, mark, 0.0))
        assert new.number == number
    assert history.energies == (1.0, 1.5, 2.0, 2.0005)
    assert [each.number for each in history.minima] == [1, 3, 0, 2]
    # Two lie within the energy tolerance; the fingerprint decides, by its largest difference.
    assert history.find(minimum(2.0003, 2.99, 0.04), 0.001, 0.05).number == 2
    assert history.find(minimum(2.0003, 0.01, 0.04), 0.001, 0.05).number == 0
    assert history.find(minimum(2.0003, 0.01, 0.06), 0.001, 0.05) is None
    assert history.find(minimum(1.2, 0.0, 0.0), 0.001, 0.05) is None
    found = minimum(2.0004, 3.01, 0.0)
    later, visited = history.with_visit(history.minima[3], found)
    assert (visited.number, visited.visits, visited.energy) == (2, 2, 2.0004)
    assert visited.fingerprint is found.fingerprint
    # The history keeps it as it was found first.
    assert later.minima[3].energy == 2.0005
    assert [each.visits for each in later.minima] == [1, 1, 1, 2]
    assert [each.visits for each in history.minima] == [1, 1, 1, 1]


def test_visit_of_one_of_two_equal_energies():
    history = History()
    for mark in (0.0, 1.0, 2.0):
        history, _ = history.with_new(minimum(1.0, mark))
    found = minimum(1.0, 1.0)
    history, _ = history.with_visit(history.find(found, 1e-3, 0.1), found)
    assert {each.number: each.visits for each in history.minima} == {0: 1, 1: 2, 2: 1}


def test_no_minimum_yet():
    _, atoms, settings = cluster()
    state = start_hopping(atoms, settings, np.random.default_rng(7))
    assert not state.started
    with pytest.raises(ForgefieldError, match="found no minimum yet; do at least one hop"):
        _ = state.lowest


def test_unreadable_states_are_explained(tmp_path):
    message = r"minima-hopping.npz holds no state of minima hopping \(.+\); start the walk anew"
    with pytest.raises(ForgefieldError, match=message):
        load_state(tmp_path / "nowhere")
    _, atoms, settings = cluster()
    save_state(start_hopping(atoms, settings, np.random.default_rng(7)), tmp_path)
    file = tmp_path / "minima-hopping.npz"
    content = file.read_bytes()
    for broken in (content[: len(content) // 2], b"", b"nonsense"):
        file.write_bytes(broken)
        with pytest.raises(ForgefieldError, match=message):
            load_state(tmp_path)
    np.savez(file, numbers=np.ones(3))
    with pytest.raises(ForgefieldError, match=message):
        load_state(tmp_path)


def test_start_that_is_not_relaxed_survives_the_disk(tmp_path):
    _, atoms, settings = cluster()
    state = start_hopping(atoms, settings, np.random.default_rng(7))
    save_state(state, tmp_path)
    assert_same(load_state(tmp_path), state)
    bare = replace(state, moments=None)
    save_state(bare, tmp_path)
    assert_same(load_state(tmp_path), bare)
