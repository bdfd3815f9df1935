"""Farthest-point sampling against scikit-matter and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from skmatter.sample_selection import FPS

from forgefield.atoms.errors import ForgefieldError
from forgefield.selection.farthest_point import farthest_points, nearest_distances


def points(count: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width))


@pytest.mark.parametrize("n_existing", [1, 7])
def test_same_picks_as_scikit_matter(n_existing):
    existing, new = points(n_existing, 5, 0), points(60, 5, 1)
    together = np.concatenate([existing, new])
    selector = FPS(initialize=list(range(n_existing)), n_to_select=n_existing + 15)
    selector.fit(together)
    expected = selector.selected_idx_[n_existing:] - n_existing
    np.testing.assert_array_equal(farthest_points(new, existing, 15), expected)


def test_nearest_distances_by_brute_force():
    new, existing = points(40, 3, 2), points(30, 3, 3)
    expected = np.linalg.norm(new[:, None] - existing[None], axis=2).min(axis=1)
    np.testing.assert_allclose(nearest_distances(new, existing), expected)
    assert np.isinf(nearest_distances(new, existing[:0])).all()


def test_small_distances_far_from_the_origin_survive():
    new = np.array([[1e6, 1e6 + 1e-6]])
    assert nearest_distances(new, np.array([[1e6, 1e6]]))[0] == pytest.approx(1e-6, rel=1e-3)


def test_starts_farthest_from_the_mean_without_existing_points():
    line = np.array([[0.0], [1.0], [2.0], [10.0]])
    assert farthest_points(line, np.empty((0, 1)), 3).tolist() == [3, 0, 2]


def test_points_that_coincide_are_picked_once():
    new = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    assert farthest_points(new, np.zeros((1, 2)), 4).tolist() == [1]
    assert farthest_points(np.ones((3, 2)), np.empty((0, 2)), 3).tolist() == [0]


def test_nothing_to_pick_from():
    assert farthest_points(np.empty((0, 4)), points(3, 4, 0), 5).tolist() == []
    assert farthest_points(points(3, 4, 0), np.empty((0, 4)), 0).tolist() == []


def test_more_asked_for_than_there_is():
    assert sorted(farthest_points(points(4, 3, 0), points(2, 3, 1), 10)) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("new", "existing", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), "3 features, known structures 4"),
        (np.ones(3), np.ones((2, 3)), "new features have shape"),
        (np.array([[1.0], [np.inf]]), np.ones((1, 1)), "first in row 1"),
    ],
)
def test_senseless_features_are_refused(new, existing, message):
    with pytest.raises(ForgefieldError, match=message):
        farthest_points(new, existing, 1)
