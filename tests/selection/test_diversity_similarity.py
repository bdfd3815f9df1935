"""What distances mean, and how the tolerance follows from them."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from pydantic import ValidationError
from scipy.spatial.distance import cdist, pdist

from forgefield.atoms.errors import ForgefieldError
from forgefield.descriptors.mean_environments import MeanEnvironments
from forgefield.descriptors.oganov_valle import OganovValle
from forgefield.selection.diversity import Described, drop_similar
from forgefield.selection.diversity_schedule import (
    SimilarityScale,
    distance_ratio,
    similarity_tolerance,
    tolerances_by_size,
)
from forgefield.selection.diversity_spec import DiversitySpec
from forgefield.selection.similarity import (
    comparison_groups,
    distance_blocks,
    fingerprint_for,
    frame_distances,
    mean_distance,
    rattled_distances,
    similarity_scale,
)


def points(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 37))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_blocks_of_distances(dtype):
    rows, others = points(50, 0).astype(dtype), points(30, 1).astype(dtype)
    blocks = list(distance_blocks(rows, others, most_bytes=30 * 8 * 7))
    assert [block.stop - block.start for block, _ in blocks] == [7] * 7 + [1]
    together = np.concatenate([part for _, part in blocks])
    np.testing.assert_allclose(together, cdist(rows.astype(float), others.astype(float)), rtol=1e-12)
    assert len(list(distance_blocks(rows, others, most_bytes=1))) == 50
    assert list(distance_blocks(rows[:0], others)) == []


def test_small_distances_far_from_the_origin_survive():
    row = np.full((1, 3), 1e6)
    ((_, distance),) = distance_blocks(row, row + np.array([1e-6, 0, 0]))
    assert distance[0, 0] == pytest.approx(1e-6, rel=1e-3)


def test_mean_distance_within_groups():
    rows = points(60, 2)
    assert mean_distance(Described(rows)) == pytest.approx(pdist(rows).mean())
    groups = ["a"] * 20 + ["b"] * 39 + ["c"]
    expected = np.concatenate([pdist(rows[:20]), pdist(rows[20:59])]).mean()
    # Each pair counts once from either side.
    assert mean_distance(Described(rows, groups=groups)) == pytest.approx(expected)
    assert mean_distance(Described(rows[:1])) == 0.0


def test_mean_distance_of_many_comes_from_evenly_spaced_ones():
    rows = np.arange(5000.0)[:, None]
    assert mean_distance(Described(rows)) == pytest.approx(pdist(rows[::3]).mean())


def test_frame_distances():
    rows = np.array([[0.0], [10.0], [1.0], [13.0], [3.0], [50.0]])
    trajectories = ["a", "b", "a", "b", "a", "c"]
    np.testing.assert_allclose(frame_distances(rows, trajectories), [1.0, 2.0, 3.0])
    assert frame_distances(rows[:1], ["a"]).shape == (0,)
    with pytest.raises(ForgefieldError, match="5 trajectory names for 6 fingerprints"):
        frame_distances(rows, trajectories[1:])


def test_rattled_distances_follow_the_amplitude_and_the_generator():
    fingerprint = OganovValle(("Si",), cutoff=6.0)
    crystal, glass = bulk("Si", cubic=True), bulk("Si", cubic=True)
    glass.rattle(0.2, seed=1)
    # In a crystal the shells of distances widen, but do not shift: symmetry forbids the first order.
    for atoms, ratio in ((crystal, 4.0), (glass, 2.0)):
        small, again, large = (
            rattled_distances([atoms] * 20, fingerprint, amplitude, np.random.default_rng(0))
            for amplitude in (0.001, 0.001, 0.002)
        )
        np.testing.assert_array_equal(small, again)
        np.testing.assert_allclose(large / small, ratio, rtol=0.02)
    np.testing.assert_array_equal(crystal.positions, bulk("Si", cubic=True).positions)


def test_scale_from_known_structures_tells_copies_from_other_crystals():
    known = [
        bulk("Si", a=a, crystalstructure=lattice) for a in (5.3, 5.5, 5.7) for lattice in ("diamond", "fcc")
    ]
    known = [atoms * (2, 2, 2) for atoms in known] + [Atoms("Si", cell=[12, 12, 12], pbc=True)]
    spec = DiversitySpec()
    for fingerprint in (fingerprint_for(spec, ("Si",)), MeanEnvironments(("Si",))):
        described = Described(fingerprint.rows(known))
        scale = similarity_scale(known, described, fingerprint, spec, np.random.default_rng(0))
        assert 0.0 < scale.noise < 0.2 * scale.spread
        assert scale.spread == pytest.approx(pdist(described.rows).mean())
        copies = [atoms.copy() for atoms in known]
        for atoms in copies:
            atoms.rattle(0.3 * spec.noise, seed=3)
        tolerance = similarity_tolerance(spec, scale, 10)
        check = drop_similar(Described(fingerprint.rows(copies)), tolerance, described)
        assert check.dropped.tolist() == check.twins.tolist() == list(range(len(known)))
        assert len(drop_similar(described, tolerance).kept) == len(known)


def test_no_scale_without_atoms_that_can_move():
    fingerprint, lone = OganovValle(("Si",)), [Atoms("Si", cell=[9, 9, 9], pbc=True)]
    with pytest.raises(ForgefieldError, match="none of 1 known structures has two atoms"):
        similarity_scale(
            lone, Described(fingerprint.rows(lone)), fingerprint, DiversitySpec(), np.random.default_rng(0)
        )


def test_groups_of_structures():
    crystals = [
        Atoms("Ti2O4", cell=[4, 4, 4], pbc=True),
        Atoms("OTiO", cell=[4, 4, 4], pbc=True),
        Atoms("O3Ti2", cell=[4, 4, 4], pbc=True),
        fcc111("Al", (1, 1, 2), vacuum=5),
        molecule("O2"),
    ]
    three = "periodic in 3 directions"
    composition = comparison_groups(crystals, DiversitySpec())
    assert composition == [
        f"O2Ti1 {three}",
        f"O2Ti1 {three}",
        f"O3Ti2 {three}",
        "Al1 periodic in 2 directions",
        "O1 periodic in 0 directions",
    ]
    formula = comparison_groups(crystals, DiversitySpec(compare="formula"))
    assert formula is not None
    assert formula[:2] == [f"O4Ti2 {three}", f"O2Ti1 {three}"]
    assert comparison_groups(crystals, DiversitySpec(compare="all")) is None


def test_fingerprints_of_the_settings():
    assert fingerprint_for(DiversitySpec(), ("O", "Ti")) == OganovValle(("O", "Ti"))
    other = DiversitySpec(cutoff=7.0, smearing=0.1)
    assert fingerprint_for(other, ("O", "Ti")) == OganovValle(("O", "Ti"), 7.0, smearing=0.1)
    mean = DiversitySpec(fingerprint="mean-environments")
    assert fingerprint_for(mean, ("Si",)) == MeanEnvironments(("Si",))
    assert fingerprint_for(mean.model_copy(update={"cutoff": 5.0}), ("Si",)) == MeanEnvironments(("Si",), 5.0)


def test_tolerance_shrinks_to_the_noise():
    spec, scale = (
        DiversitySpec(spread_share=0.1, tightening=0.5),
        SimilarityScale(noise=0.02, spread=1.0, atoms=8.0),
    )
    given = [similarity_tolerance(spec, scale, cycle) for cycle in (1, 2, 3, 60)]
    np.testing.assert_allclose(given, [0.1, 0.06, 0.04, 0.02])
    near = SimilarityScale(noise=0.2, spread=1.0, atoms=8.0)
    assert [similarity_tolerance(spec, near, cycle) for cycle in (1, 5)] == [0.2, 0.2]
    assert similarity_tolerance(DiversitySpec(tolerance=0.3), scale, 4) == 0.3
    with pytest.raises(ForgefieldError, match="there is no cycle 0; count cycles from 1"):
        similarity_tolerance(spec, scale, 0)


def test_one_relaxed_vacancy_among_many_atoms_is_not_lost():
    """Four neighbours of a vacancy move inwards, which changes the mean over 63 atoms little."""
    crystal = bulk("Si", "diamond", 5.43, cubic=True) * 2
    vacancy = crystal[1:]
    relaxed = vacancy.copy()
    near = crystal.get_distances(0, range(1, 64), mic=True) < 2.5
    relaxed.positions[near] += 0.06 * crystal.get_distances(0, range(1, 64), mic=True, vector=True)[near]
    rng = np.random.default_rng(3)
    known = [bulk("Si", "diamond", 5.43, cubic=True) for _ in range(20)]
    for atoms in known:
        atoms.rattle(0.1, rng=rng)
    same = vacancy.copy()
    same.positions += rng.normal(0.0, 0.005, same.positions.shape)
    spec = DiversitySpec()
    fingerprint = fingerprint_for(spec, ("Si",))
    described = Described(fingerprint.rows([*known, vacancy]))
    scale = similarity_scale([*known, vacancy], described, fingerprint, spec, rng)
    assert scale.atoms == 8
    candidates = Described(fingerprint.rows([relaxed, same]))
    tolerance = similarity_tolerance(spec, scale, 1)
    by_size = tolerances_by_size(tolerance, scale, [63, 63])
    np.testing.assert_allclose(by_size, tolerance * np.sqrt(8 / 63))
    np.testing.assert_array_equal(tolerances_by_size(tolerance, scale, [1, 8]), tolerance)
    assert drop_similar(candidates, tolerance, described).kept.tolist() == []
    assert drop_similar(candidates, by_size, described).kept.tolist() == [0]


def test_shortest_distance_loosens_to_the_floor():
    spec = DiversitySpec(distance_ratio=0.9, distance_ratio_floor=0.7, loosening=0.5)
    np.testing.assert_allclose(
        [distance_ratio(spec, cycle) for cycle in (1, 2, 3, 60)], [0.9, 0.8, 0.75, 0.7]
    )
    with pytest.raises(ForgefieldError, match="there is no cycle -1"):
        distance_ratio(spec, -1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distance_ratio": 0.7}, "distance_ratio_floor 0.8 lies above distance_ratio 0.7"),
        ({"min_distances": {"Ti": 1.0}}, "min_distances Ti: name two elements, such as O-Ti"),
        ({"min_distances": {"Ti-Xx": 1.0}}, "min_distances Ti-Xx: name two elements"),
        ({"min_distances": {"Ti-O": -1.0}}, "min_distances Ti-O -1.0 Å must lie between 0 and 10"),
        ({"tolerence": 1.0}, "Extra inputs are not permitted"),
        ({"spread_share": 1.5}, "less than or equal to 1"),
    ],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        DiversitySpec(**settings)
