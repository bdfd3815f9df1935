"""The window of committee disagreement."""

from __future__ import annotations

import numpy as np
import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.selection.committee import within_window

DISAGREEMENTS = [0.05, 0.2, np.nan, 0.1, 0.3, 0.2, np.inf, 0.15]


def test_most_uncertain_first_inside_the_window():
    assert within_window(DISAGREEMENTS, 0.1, 0.3, 10).tolist() == [1, 5, 7, 3]
    assert within_window(DISAGREEMENTS, 0.1, 0.3, 2).tolist() == [1, 5]
    assert within_window(DISAGREEMENTS, 0.1, np.inf, 1).tolist() == [4]


def test_at_random_inside_the_window():
    drawn = [within_window(DISAGREEMENTS, 0.1, 0.3, 2, np.random.default_rng(seed)) for seed in range(200)]
    assert all(len(set(each.tolist())) == 2 for each in drawn)
    counts = np.bincount(np.concatenate(drawn), minlength=8)
    assert np.flatnonzero(counts).tolist() == [1, 3, 5, 7]
    assert counts[[1, 3, 5, 7]].min() > 70
    np.testing.assert_array_equal(
        within_window(DISAGREEMENTS, 0.0, 1.0, 4, np.random.default_rng(5)),
        within_window(DISAGREEMENTS, 0.0, 1.0, 4, np.random.default_rng(5)),
    )


def test_nothing_to_pick_from():
    assert within_window([], 0.1, 0.3, 5).tolist() == []
    assert within_window(DISAGREEMENTS, 0.4, 0.5, 5).tolist() == []
    assert within_window(DISAGREEMENTS, 0.1, 0.3, 0).tolist() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.1]], 0.1, 0.3, 1), r"disagreements have shape \(1, 1\); pass one number for each structure"),
        (([0.1], 0.3, 0.3, 1), "the window from 0.3 to 0.3 eV/Å is empty; raise its upper bound"),
        (([0.1], 0.3, np.nan, 1), "the window from 0.3 to nan eV/Å is empty"),
    ],
)
def test_senseless_input_is_refused(arguments, message):
    with pytest.raises(ForgefieldError, match=message):
        within_window(*arguments)
