"""CUR against scikit-matter and dense projections."""

from __future__ import annotations

import numpy as np
import pytest
from skmatter import feature_selection, sample_selection

from forgefield.atoms.errors import ForgefieldError
from forgefield.selection.cur import cur_columns, cur_rows, leverage_scores, random_rows


def points(count: int, width: int, seed: int = 0) -> np.ndarray:
    """Rows whose principal values fall, as those of descriptors do."""
    return np.random.default_rng(seed).normal(size=(count, width)) * 0.85 ** np.arange(width)


def nothing(width: int) -> np.ndarray:
    return np.empty((0, width))


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("shape", [(80, 20), (25, 60)])
def test_same_rows_as_scikit_matter(shape, rank):
    rows = points(*shape)
    expected = sample_selection.CUR(n_to_select=15, k=rank).fit(rows).selected_idx_
    np.testing.assert_array_equal(cur_rows(rows, nothing(shape[1]), 15, rank), expected)


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("shape", [(80, 20), (25, 60)])
def test_same_columns_as_scikit_matter(shape, rank):
    rows = points(*shape)
    expected = feature_selection.CUR(n_to_select=15, k=rank).fit(rows).selected_idx_
    np.testing.assert_array_equal(cur_columns(rows, 15, rank), expected)


def test_first_scores_are_those_of_scikit_matter():
    rows = points(40, 12)
    selector = sample_selection.CUR(n_to_select=1, k=4)
    selector._axis = 0
    np.testing.assert_allclose(4 * leverage_scores(rows, 4), selector._compute_pi(rows))


def test_scores_of_full_rank_are_the_diagonal_of_the_projector():
    rows = points(30, 5)
    scores = leverage_scores(rows, 5)
    np.testing.assert_allclose(5 * scores, np.diag(rows @ np.linalg.pinv(rows)))
    assert scores.sum() == pytest.approx(1.0)
    deficient = np.column_stack([rows, rows @ points(5, 3, seed=2)])
    np.testing.assert_allclose(leverage_scores(deficient, 8), scores)


def test_each_pick_leads_in_what_the_known_rows_leave_over():
    new, existing = points(30, 10), points(4, 10, seed=1)
    chosen = cur_rows(new, existing, 5, rank=2).tolist()
    known = existing
    for pick in chosen:
        rest = new - new @ np.linalg.pinv(known) @ known
        scores = leverage_scores(rest, 2)
        assert pick == int(scores.argmax())
        known = np.concatenate([known, new[[pick]]])


def test_picks_span_what_there_is_to_span():
    rows = points(60, 6) @ points(6, 20, seed=1)
    chosen = cur_rows(rows, nothing(20), 50)
    assert len(chosen) == 6
    assert np.linalg.matrix_rank(rows[chosen]) == 6
    columns = cur_columns(rows, 50)
    assert len(columns) == 6
    left = rows - rows[:, columns] @ np.linalg.pinv(rows[:, columns]) @ rows
    assert np.abs(left).max() < 1e-10 * np.abs(rows).max()


def test_small_directions_are_found_after_large_ones():
    """The Gram matrix squares the range of the singular values; picks must not suffer from that."""
    rows = np.linalg.qr(np.random.default_rng(0).normal(size=(50, 8)))[0] * 10.0 ** -np.arange(0.0, 12.0, 1.5)
    chosen = cur_rows(rows, nothing(8), 8)
    expected: list[int] = []
    rest = rows.copy()
    for _ in range(8):
        expected.append(int(np.abs(np.linalg.svd(rest)[0][:, 0]).argmax()))
        direction = rest[expected[-1]] / np.linalg.norm(rest[expected[-1]])
        rest = rest - np.outer(rest @ direction, direction)
    assert chosen.tolist() == expected


def test_fewer_columns_describe_nearly_as_well_as_principal_components():
    rows = points(200, 30)
    columns = cur_columns(rows, 12)
    kept = rows[:, columns]
    error = np.linalg.norm(rows - kept @ np.linalg.pinv(kept) @ rows)
    least = np.linalg.norm(np.linalg.svd(rows, compute_uv=False)[12:])
    assert error < 1.5 * least
    arbitrary = rows[:, -12:]
    assert error < 0.2 * np.linalg.norm(rows - arbitrary @ np.linalg.pinv(arbitrary) @ rows)


def test_rows_in_the_span_of_known_ones_are_not_picked():
    known = points(3, 8)
    new = np.concatenate([points(2, 3) @ known, points(1, 8, seed=4), np.zeros((1, 8))])
    assert cur_rows(new, known, 4).tolist() == [2]
    assert cur_rows(new, np.eye(8), 4).tolist() == []


def test_draws_follow_the_scores():
    rows = points(6, 3)
    rows[2] = 0.0
    rng = np.random.default_rng(0)
    drawn = np.bincount([random_rows(rows, 1, 2, rng)[0] for _ in range(4000)], minlength=6) / 4000
    np.testing.assert_allclose(drawn, leverage_scores(rows, 2), atol=0.03)
    assert sorted(random_rows(rows, 10, 2, rng)) == [0, 1, 3, 4, 5]
    assert (
        random_rows(rows, 4, 2, np.random.default_rng(1)).tolist()
        == random_rows(rows, 4, 2, np.random.default_rng(1)).tolist()
    )


def test_nothing_to_pick_from():
    assert cur_rows(np.empty((0, 4)), points(3, 4), 5).tolist() == []
    assert cur_rows(points(3, 4), nothing(4), 0).tolist() == []
    assert cur_rows(np.zeros((3, 4)), nothing(4), 2).tolist() == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: leverage_scores(points(4, 3), 4),
            "rank 4 is not possible with 4 rows of 3 .*; choose 1 to 3",
        ),
        (lambda: leverage_scores(np.zeros((4, 3)), 1), "all candidate features are zero; compute them anew"),
        (lambda: leverage_scores(np.empty((0, 3)), 1), "rank 1 is not possible with 0 rows"),
        (lambda: cur_rows(points(4, 3), nothing(3), 2, rank=0), "rank 0 is not possible"),
        (lambda: cur_columns(points(4, 3), 2, rank=9), "rank 9 is not possible with 4 rows of 3 features"),
        (lambda: cur_rows(points(4, 3), points(4, 2), 2), "3 features, known structures 2"),
        (lambda: cur_rows(np.ones(3), points(4, 2), 2), "new features have shape"),
        (lambda: cur_columns(np.array([[np.inf]]), 1), "not finite, first in row 0"),
    ],
)
def test_senseless_input_is_refused(call, message):
    with pytest.raises(ForgefieldError, match=message):
        call()
