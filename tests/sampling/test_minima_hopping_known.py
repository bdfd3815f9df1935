"""Minima hopping finds what is known to be there: close packings, diamond, the hardest small Lennard-Jones cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from forgefield.sampling.minima_hopping import hop, start_hopping
from forgefield.sampling.minima_hopping_state import History
from forgefield.testing.known_minima import TRIALS, Trial


def walked(trial: Trial, seed: int, hops: int, enough: Callable[[Iterable[bool]], bool] = all) -> History:
    """Until everything, or anything, is found, or so many hops are done."""
    rng = np.random.default_rng(seed)
    state = start_hopping(trial.start(rng), trial.settings, rng)
    while state.hops < hops and not enough(known.among(state.history) for known in trial.known):
        state = hop(trial.potential, state, trial.settings).state
    return state.history


def test_all_close_packings_of_four_atoms():
    """The double hexagonal one fits no cell but a long one. As a mixture of the others it lies between them."""
    trial = TRIALS["lj4"]()
    fcc, hcp, dhcp = trial.known
    assert hcp.energy + 4e-3 < dhcp.energy < fcc.energy - 4e-3
    history = walked(trial, 0, 4000)
    assert all(known.among(history) for known in trial.known)
    assert history.energies[0] == pytest.approx(hcp.energy, abs=1e-4)


@pytest.mark.parametrize(("name", "seed"), [("si8-fixed", 4), ("si8", 0)])
def test_eight_silicon_atoms_get_to_diamond(name, seed):
    """With a moving cell to diamond or to lonsdaleite, which is as low."""
    trial = TRIALS[name]()
    history = walked(trial, seed, 6000, enough=any)
    assert any(known.among(history) for known in trial.known)
    assert history.energies[0] / 8 == pytest.approx(-4.6296, abs=1e-4)


@pytest.mark.slow
def test_thirty_eight_atoms_get_to_the_octahedron():
    """The truncated octahedron, far from the icosahedral minima that nearly all ways lead to."""
    trial, found = TRIALS["lj38"](), 0
    for seed in range(5):
        lowest = walked(trial, seed, 10_000).energies[0]
        assert lowest > trial.known[0].energy - 1e-6
        found += lowest < trial.known[0].energy + 1e-4
    assert found >= 3
