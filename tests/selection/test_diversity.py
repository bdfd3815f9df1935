"""The diversity check against a plain double loop, and on crystals whose twins are known."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.descriptors.mean_environments import MeanEnvironments
from forgefield.descriptors.oganov_valle import OganovValle
from forgefield.selection.diversity import Described, drop_similar


def double_loop(rows, tolerance, known=None, priority=None, window=np.inf, groups=None, energies=None):
    """Kept, then (dropped, twin, of_known, distance); known and groups, energies are (candidates', known's)."""
    known = rows[:0] if known is None else known
    groups = groups or ([""] * len(rows), [""] * len(known))
    energies = energies or (np.zeros(len(rows)), np.zeros(len(known)))
    kept, dropped = [], []
    for i in sorted(range(len(rows)), key=lambda i: 0 if priority is None else priority[i]):
        near = []
        for side, others, members in ((1, known, range(len(known))), (0, rows, kept)):
            distances = np.linalg.norm(rows[i].astype(float) - others[list(members)], axis=1)
            for j, distance in zip(members, distances, strict=True):
                alike = distance <= tolerance and abs(energies[0][i] - energies[side][j]) <= window
                if alike and groups[0][i] == groups[side][j]:
                    near.append((distance, j, side == 1))
        if near:
            distance, j, of_known = min(near, key=lambda each: each[0])
            dropped.append((i, j, of_known, distance))
        else:
            kept.append(i)
    return kept, dropped


def assert_same(check, expected):
    kept, dropped = expected
    assert check.kept.tolist() == kept
    assert check.dropped.tolist() == [each[0] for each in dropped]
    assert check.twins.tolist() == [each[1] for each in dropped]
    assert check.of_known.tolist() == [each[2] for each in dropped]
    np.testing.assert_allclose(check.distances, [each[3] for each in dropped], rtol=1e-12)


def points(count: int, seed: int, width: int = 40) -> np.ndarray:
    """On a curved sheet of three dimensions, so that many are near one another."""
    rng = np.random.default_rng(seed)
    return np.sin(rng.normal(size=(count, 3)) @ np.random.default_rng(99).normal(size=(3, width)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("tolerance", [0.3, 1.2, 4.0])
def test_same_as_a_double_loop(dtype, tolerance):
    rows, known = points(1300, 0).astype(dtype), points(150, 1).astype(dtype)
    priority = np.random.default_rng(2).normal(size=len(rows))
    expected = double_loop(rows, tolerance, known, priority)
    assert 0 < len(expected[0]) < len(rows)
    assert {each[2] for each in expected[1]} == {True, False}
    assert_same(drop_similar(Described(rows), tolerance, Described(known), priority), expected)


def test_energies_and_groups_keep_structures_apart():
    rows, known = points(400, 3), points(60, 4)
    rng = np.random.default_rng(5)
    energies = rng.uniform(size=400), rng.uniform(size=60)
    groups = list(rng.choice(["TiO2", "Ti2O3", "Ti"], 400)), list(rng.choice(["TiO2", "Ti2O3", "O2"], 60))
    plain = double_loop(rows, 1.5, known)
    both = double_loop(rows, 1.5, known, energies[0], 0.2, groups, energies)
    assert len(both[0]) > 1.3 * len(plain[0])
    check = drop_similar(
        Described(rows, energies[0], groups[0]),
        1.5,
        Described(known, energies[1], groups[1]),
        priority=energies[0],
        energy_window=0.2,
    )
    assert_same(check, both)
    without = drop_similar(Described(rows, energies[0]), 1.5, Described(known, energies[1]))
    assert_same(without, plain)


def test_features_without_low_dimension():
    rows = np.random.default_rng(6).normal(size=(700, 300))
    rows[350:] = rows[:350] + np.random.default_rng(7).normal(scale=1e-3, size=(350, 300))
    check = drop_similar(Described(rows), 0.1)
    assert check.kept.tolist() == list(range(350))
    np.testing.assert_array_equal(check.twins, check.dropped - 350)
    np.testing.assert_allclose(check.distances, np.linalg.norm(rows[350:] - rows[:350], axis=1))


def test_every_structure_kept_is_farther_than_the_tolerance_from_all():
    rows, known = points(900, 8), points(40, 9)
    check = drop_similar(Described(rows), 1.0, Described(known))
    chosen = np.concatenate([known, rows[check.kept]])
    gaps = np.linalg.norm(chosen[:, None] - chosen[None], axis=2)
    assert gaps[len(known) :][~np.eye(len(chosen), dtype=bool)[len(known) :]].min() > 1.0
    assert sorted([*check.kept, *check.dropped]) == list(range(900))
    assert check.distances.max() <= 1.0


def test_exact_copies_are_found_without_tolerance():
    rows = points(600, 10)
    copies = np.concatenate([rows, rows[::-1]])
    check = drop_similar(Described(copies), 0.0)
    assert check.kept.tolist() == list(range(600))
    np.testing.assert_array_equal(check.twins, 1199 - check.dropped)
    assert not check.distances.any()
    assert drop_similar(Described(rows), 0.0, Described(rows)).of_known.all()


def test_a_distance_that_equals_the_tolerance_is_within_it():
    line = np.array([[0.0], [1.0], [2.0], [4.0]])
    check = drop_similar(Described(line), 1.0)
    assert check.kept.tolist() == [0, 2, 3]
    assert (check.dropped.tolist(), check.twins.tolist()) == ([1], [0])
    check = drop_similar(Described(line), 1.0, Described(np.array([[3.0]])))
    assert check.kept.tolist() == [0]
    assert check.of_known.tolist() == [False, True, True]


def test_priority_decides_who_stays():
    rows = np.array([[0.0], [0.1], [0.2]])
    assert drop_similar(Described(rows), 0.15, priority=[3.0, 1.0, 2.0]).kept.tolist() == [1]
    check = drop_similar(Described(rows), 0.15, priority=[1.0, 3.0, 2.0])
    assert check.kept.tolist() == [0, 2]
    assert check.distances[0] == pytest.approx(0.1)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread")
def test_threads_change_nothing():
    rows = points(1500, 11)
    one = drop_similar(Described(rows), 1.0)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        other = drop_similar(Described(rows), 1.0)
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(one.kept, other.kept)
    np.testing.assert_array_equal(one.twins, other.twins)
    np.testing.assert_array_equal(one.distances, other.distances)


def test_little_or_nothing_to_check():
    nothing = np.empty((0, 3))
    assert drop_similar(Described(nothing), 1.0).kept.shape == (0,)
    assert drop_similar(Described(nothing), 1.0, Described(np.ones((2, 3)))).dropped.shape == (0,)
    assert drop_similar(Described(np.ones((2, 3))), 1.0, Described(nothing)).kept.tolist() == [0]
    assert drop_similar(Described(np.ones((1, 3)), None, ["Si"]), 1.0).kept.tolist() == [0]


@pytest.mark.parametrize("fingerprint", [OganovValle(("C", "Si")), MeanEnvironments(("C", "Si"))])
def test_crystals_in_many_guises(fingerprint):
    zincblende = bulk("SiC", "zincblende", a=4.36)
    turned = zincblende * (2, 1, 1)
    turned.rotate(33, [1, 2, 3], rotate_cell=True)
    rattled = bulk("SiC", "zincblende", a=4.36, cubic=True)
    rattled.rattle(0.1, seed=0)
    exchanged = bulk("CSi", "zincblende", a=4.36)  # the same crystal, elements renamed
    rock_salt = bulk("SiC", "rocksalt", a=4.36)
    crystals: list[Atoms] = [
        zincblende,
        turned,
        rattled,
        exchanged,
        rock_salt,
        bulk("Si"),
        bulk("Si", cubic=True),
    ]
    rows = fingerprint.rows(crystals)
    check = drop_similar(Described(rows), 1e-6 * float(np.linalg.norm(rows, axis=1).max()))
    assert check.kept.tolist() == [0, 2, 4, 5]
    assert (check.dropped.tolist(), check.twins.tolist()) == ([1, 3, 6], [0, 0, 5])


def bad_settings() -> dict[str, tuple]:
    rows, named = np.zeros((2, 3)), Described(np.zeros((2, 3)), np.zeros(2), ["a", "b"])
    plain = Described(rows)
    return {
        "a tolerance of -1.0 compares nothing; choose a finite one": (plain, -1.0),
        "a tolerance of inf compares nothing": (plain, np.inf),
        "candidates have 3 features, known structures 4": (plain, 1.0, Described(np.zeros((1, 4)))),
        "only the candidates or only the known structures have groups": (named, 1.0, plain),
        "an energy window of -0.1 eV/atom is not a width": (named, 1.0, None, None, -0.1),
        "an energy window needs the energies of all structures": (plain, 1.0, None, None, 0.1),
        r"priorities of shape \(3,\) for 2 candidates, 0 of them unknown": (plain, 1.0, None, np.zeros(3)),
        r"priorities of shape \(2,\) for 2 candidates, 1 of them unknown": (plain, 1.0, None, [0.0, np.nan]),
    }


@pytest.mark.parametrize(("message", "arguments"), bad_settings().items())
def test_senseless_settings_are_refused(message, arguments):
    with pytest.raises(ForgefieldError, match=message):
        drop_similar(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(3),), r"fingerprints have shape \(3,\)"),
        ((np.zeros((2, 3), dtype=int),), "and type int64; pass one row for each structure"),
        ((np.array([[0.0], [np.nan]]),), "fingerprints are not finite, first in row 1"),
        ((np.zeros((2, 3)), np.zeros(3)), "3 energies for 2 fingerprints"),
        ((np.zeros((2, 3)), None, ["a"]), "1 groups for 2 fingerprints"),
        ((np.zeros((2, 3)), np.array([0.0, np.inf])), "energies are not finite"),
        ((np.zeros((2, 0)),), "fingerprints of 2 structures have no features"),
    ],
)
def test_senseless_structures_are_refused(arguments, message):
    with pytest.raises(ForgefieldError, match=message):
        Described(*arguments)
