"""Choosing by uncertainty and diversity."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.selection.choose import choose
from forgefield.selection.farthest_point import farthest_points
from forgefield.selection.spec import SelectionSpec


def candidates(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 4)), rng.uniform(0.1, 1.0, size=count), [f"t{i}" for i in range(count)]


KNOWN = np.random.default_rng(9).normal(size=(5, 4))


def test_only_uncertain_candidates_within_the_budget():
    features, uncertainties, names = candidates(50)
    chosen = choose(features, KNOWN, uncertainties, names, n=8, threshold=0.6)
    assert len(chosen) == len(set(chosen.tolist())) == 8
    assert (uncertainties[chosen] > 0.6).all()
    few = choose(features, KNOWN, uncertainties, names, n=50, threshold=0.95, separation=0.0)
    assert sorted(few) == np.flatnonzero(uncertainties > 0.95).tolist()


def test_weight_one_is_farthest_point_sampling():
    features, uncertainties, names = candidates(40)
    chosen = choose(features, KNOWN, uncertainties, names, 10, 0.0, diversity_weight=1.0, separation=0.0)
    np.testing.assert_array_equal(chosen, farthest_points(features, KNOWN, 10))


def test_weight_zero_is_ranking_by_uncertainty():
    features, uncertainties, names = candidates(40)
    chosen = choose(features, KNOWN, uncertainties, names, 10, 0.0, diversity_weight=0.0, separation=0.0)
    np.testing.assert_array_equal(chosen, np.argsort(-uncertainties)[:10])


def test_score_is_the_product():
    features = np.array([[1.0], [4.0], [9.0]])
    known = np.array([[0.0]])
    names = ["a", "b", "c"]
    assert choose(features, known, [0.9, 0.25, 0.08], names, 1, 0.0).tolist() == [1]
    assert choose(features, known, [0.9, 0.25, 0.08], names, 1, 0.0, diversity_weight=0.1).tolist() == [0]
    assert choose(features, known, [0.9, 0.25, 0.08], names, 1, 0.0, diversity_weight=0.9).tolist() == [2]


def test_scale_of_features_and_uncertainties_does_not_matter():
    features, uncertainties, names = candidates(60)
    plain = choose(features, KNOWN, uncertainties, names, 12, 0.3)
    scaled = choose(1e4 * features, 1e4 * KNOWN, 1e-3 * uncertainties, names, 12, 0.3e-3)
    np.testing.assert_array_equal(plain, scaled)


def test_near_identical_frames_are_chosen_once():
    walk = np.linspace(0.0, 1.0, 200)[:, None] * np.ones((1, 3))
    uncertainties = np.linspace(1.0, 2.0, 200)
    chosen = choose(
        walk, np.array([[-1.0, 0, 0], [3.0, 0, 0]]), uncertainties, ["t"] * 200, 200, 0.0, separation=0.2
    )
    assert 3 < len(chosen) < 30
    picked = np.sort(walk[chosen, 0])
    assert np.diff(picked).min() > 10 * (walk[1, 0] - walk[0, 0])


def test_copies_of_known_structures_are_never_chosen():
    features, uncertainties, names = candidates(10)
    chosen = choose(features, features[:4], uncertainties, names, 10, 0.0, separation=0.0)
    assert sorted(chosen) == [4, 5, 6, 7, 8, 9]


def test_no_trajectory_takes_the_whole_budget():
    features, uncertainties, _ = candidates(100)
    names = ["greedy"] * 70 + [f"t{i % 3}" for i in range(30)]
    uncertainties[:70] += 5.0
    chosen = choose(features, KNOWN, uncertainties, names, 12, 0.0, separation=0.0)
    assert len(chosen) == 12
    assert sum(names[i] == "greedy" for i in chosen) == 6  # twice the average of 12 over 4


def test_first_choice_without_known_structures_is_the_most_uncertain():
    features, uncertainties, names = candidates(20)
    chosen = choose(features, np.empty((0, 4)), uncertainties, names, 5, 0.0)
    assert chosen[0] == uncertainties.argmax()
    assert len(chosen) == 5


def test_unknown_uncertainty_is_not_chosen():
    features, uncertainties, names = candidates(5)
    uncertainties[2] = np.nan
    assert sorted(choose(features, KNOWN, uncertainties, names, 5, 0.0, separation=0.0)) == [0, 1, 3, 4]


def test_nothing_to_choose():
    assert choose(np.empty((0, 4)), KNOWN, [], [], 5, 0.1).tolist() == []
    features, uncertainties, names = candidates(5)
    assert choose(features, KNOWN, uncertainties, names, 5, threshold=2.0).tolist() == []


def test_unlike_lengths_are_refused():
    with pytest.raises(ForgefieldError, match="2 feature rows, 1 uncertainties and 2 trajectory names"):
        choose(np.ones((2, 4)), KNOWN, [0.1], ["a", "b"], 1, 0.0)


@pytest.mark.parametrize(
    "change", [{"per_cycle": 0}, {"diversity_weight": 1.5}, {"volume_window": 0.9}, {"n": 3}]
)
def test_senseless_selection_is_refused(change):
    with pytest.raises(ValidationError):
        SelectionSpec(**change)


def test_every_selection_key_is_described():
    assert all(field.description for field in SelectionSpec.model_fields.values())
