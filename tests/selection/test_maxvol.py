"""D-optimality against brute force over all subsets and dense determinants."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.selection.maxvol import d_optimal, extrapolation_grade, maxvol, rectangular_maxvol


def points(count: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width))


def volume(rows: np.ndarray) -> float:
    return float(np.sqrt(max(0.0, np.linalg.det(rows.T @ rows))))


@pytest.mark.parametrize("seed", range(8))
def test_near_the_best_of_all_subsets_and_best_among_its_neighbours(seed):
    rows = points(14, 3, seed)
    active = maxvol(rows)
    found = volume(rows[active])
    assert len(set(active.tolist())) == 3
    best = max(volume(rows[list(subset)]) for subset in combinations(range(14), 3))
    assert found > 0.6 * best
    for slot in range(3):
        for row in range(14):
            exchanged = active.copy()
            exchanged[slot] = row
            assert volume(rows[exchanged]) <= 1.01 * found


def test_mostly_the_best_of_all_subsets():
    hits = 0
    for seed in range(20):
        rows = points(12, 2, seed)
        best = max(combinations(range(12), 2), key=lambda subset: volume(rows[list(subset)]))
        hits += tuple(maxvol(rows).tolist()) == best
    assert hits >= 12


def test_active_rows_of_a_polytope_are_its_corners():
    inner = 0.4 * points(100, 5) / np.linalg.norm(points(100, 5), axis=1)[:, None]
    rows = np.concatenate([inner, 3.0 * np.eye(5)])
    assert maxvol(rows).tolist() == [100, 101, 102, 103, 104]


def test_units_of_the_columns_do_not_matter():
    rows = points(200, 12)
    np.testing.assert_array_equal(maxvol(rows), maxvol(rows * 10.0 ** np.arange(-9, 3)))


def test_linear_maps_of_the_columns_leave_grades_as_they_are():
    rows = points(200, 12)
    active = maxvol(rows)
    mixed = rows @ points(12, 12, seed=1) * 10.0 ** np.arange(-6, 6)
    np.testing.assert_allclose(
        extrapolation_grade(mixed, mixed[active]), extrapolation_grade(rows, rows[active]), rtol=1e-6
    )


def test_many_exchanges_end_where_no_grade_exceeds_the_tolerance():
    # Rows of one direction each mislead the greedy start.
    rows = np.random.default_rng(3).standard_t(df=2, size=(3000, 60))
    active = maxvol(rows, tolerance=1.001)
    assert len(set(active.tolist())) == 60
    assert extrapolation_grade(rows, rows[active]).max() <= 1.001 * (1 + 1e-9)


def test_grade_is_the_factor_that_an_exchange_brings():
    rows = points(30, 4)
    active = maxvol(rows)
    outside = 3.0 * points(10, 4, seed=5)
    for row, grade in zip(outside, extrapolation_grade(outside, rows[active]), strict=True):
        exchanges = []
        for slot in range(4):
            exchanged = rows[active].copy()
            exchanged[slot] = row
            exchanges.append(abs(np.linalg.det(exchanged)) / abs(np.linalg.det(rows[active])))
        assert grade == pytest.approx(max(exchanges))
    np.testing.assert_allclose(extrapolation_grade(rows[active], rows[active]), 1.0)
    np.testing.assert_allclose(extrapolation_grade(7.0 * rows[active], rows[active]), 7.0)


def test_grade_with_more_active_rows_than_columns_is_that_of_the_shortest_solution():
    active, rows = points(9, 4), points(20, 4, seed=1)
    expected = np.abs(rows @ np.linalg.pinv(active)).max(axis=1)
    np.testing.assert_allclose(extrapolation_grade(rows, active), expected)


def test_more_rows_than_columns_enlarge_the_volume_step_by_step():
    rows = points(40, 4)
    chosen = rectangular_maxvol(rows, 9).tolist()
    assert len(set(chosen)) == 9
    assert chosen[:4] == maxvol(rows).tolist()
    for count in range(4, 9):
        others = [row for row in range(40) if row not in chosen[:count]]
        best = max(others, key=lambda row, count=count: volume(rows[[*chosen[:count], row]]))
        assert chosen[count] == best
    assert sorted(rectangular_maxvol(rows[:6], 50)) == list(range(6))


@pytest.mark.parametrize(("n_existing", "ridge"), [(0, 1e-3), (3, 1e-3), (20, 0.0), (20, 2.0)])
def test_each_pick_adds_most_to_the_determinant(n_existing, ridge):
    new, existing = points(25, 5), points(n_existing, 5, seed=1)
    chosen = d_optimal(new, existing, 10, ridge).tolist()
    assert len(set(chosen)) == 10
    information = ridge * np.eye(5) + existing.T @ existing
    for pick in chosen:
        determinants = [
            -np.inf
            if row in chosen[: chosen.index(pick)]
            else np.linalg.slogdet(information + np.outer(x, x))[1]
            for row, x in enumerate(new)
        ]
        assert pick == int(np.argmax(determinants))
        information += np.outer(new[pick], new[pick])


def test_information_is_near_the_best_of_all_subsets():
    new, existing = points(12, 3), points(4, 3, seed=1)
    known = existing.T @ existing

    def information(subset: list[int]) -> float:
        return float(np.linalg.det(known + new[subset].T @ new[subset]))

    best = max(information(list(subset)) for subset in combinations(range(12), 4))
    # Greedy choice of a submodular function: at least 1 − 1/e of the best gain (Nemhauser et al. 1978).
    start = np.log(np.linalg.det(known))
    found = np.log(information(d_optimal(new, existing, 4, 0.0).tolist())) - start
    assert found > (1 - 1 / np.e) * (np.log(best) - start)
    assert found > 0.95 * (np.log(best) - start)


def test_a_tiny_ridge_stays_accurate():
    new = points(50, 8)
    chosen = d_optimal(new, np.empty((0, 8)), 8, ridge=1e-10)
    assert np.linalg.matrix_rank(new[chosen]) == 8


def test_nothing_to_pick_from():
    assert d_optimal(np.empty((0, 3)), points(3, 3), 4, 1.0).tolist() == []
    assert d_optimal(points(4, 3), points(3, 3), 0, 1.0).tolist() == []
    assert d_optimal(np.zeros((4, 3)), points(3, 3), 2, 1.0).tolist() == []
    assert extrapolation_grade(np.empty((0, 3)), points(3, 3)).shape == (0,)


FLAT = np.column_stack([points(10, 2), np.zeros(10)])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: maxvol(points(2, 3)), "2 rows span 2 of 3 dimensions; give more rows, fewer features"),
        (lambda: maxvol(FLAT), "10 rows span 2 of 3 dimensions"),
        (lambda: maxvol(FLAT @ points(3, 3)), "10 rows span 2 of 3 dimensions"),
        (lambda: maxvol(np.empty((0, 3))), "0 rows span 0 of 3 dimensions"),
        (lambda: maxvol(points(5, 2), tolerance=1.0), "tolerance 1.0 is below 1.001"),
        (lambda: maxvol(np.ones(3)), "candidate features have shape"),
        (lambda: maxvol(np.array([[1.0], [np.nan]])), "not finite, first in row 1"),
        (
            lambda: rectangular_maxvol(points(5, 3), 2),
            "2 rows cannot span 3 dimensions; ask for 3 rows or more",
        ),
        (lambda: extrapolation_grade(points(5, 3), FLAT), "10 rows span 2 of 3"),
        (
            lambda: extrapolation_grade(points(5, 4), points(5, 3)),
            "candidates have 4 features, known structures 3",
        ),
        (lambda: d_optimal(points(5, 3), points(5, 2), 1, 1.0), "3 features, known structures 2"),
        (lambda: d_optimal(points(5, 3), points(2, 3), 1, 0.0), "span 2 of 3 .* or a ridge above 0"),
        (lambda: d_optimal(points(5, 3), [], 1, 0.0), "0 rows span 0 of 3 .* or a ridge above 0"),
        (lambda: d_optimal(points(5, 3), points(5, 3), 1, -1.0), "ridge -1.0 is not a number from 0 on"),
    ],
)
def test_senseless_input_is_refused(call, message):
    with pytest.raises(ForgefieldError, match=message):
        call()
