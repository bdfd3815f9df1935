"""Sites moved, groups turned, cells sheared: by how much is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk, molecule

from forgefield.atoms.contacts import closest_contact
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.structures.compound_spec import DistortionSpec
from forgefield.structures.distorted import distorted
from forgefield.structures.distortions import rotated_sites, sheared, translated_sites

from .compound_cases import rutile


def test_sites_move_by_the_vector_and_no_others() -> None:
    atoms = rutile()
    moved = translated_sites(atoms, [1, 4], [0.1, -0.2, 0.3])
    change = moved.positions - atoms.positions
    np.testing.assert_allclose(change[[1, 4]], [[0.1, -0.2, 0.3]] * 2, atol=1e-12)
    np.testing.assert_array_equal(change[[0, 2, 3, 5]], 0.0)


def test_a_quarter_turn_about_z() -> None:
    water = molecule("H2O")
    turned = rotated_sites(water, [1, 2], [0, 0, 2.0], 90.0, centre=water.positions[0])
    before, after = water.positions[1] - water.positions[0], turned.positions[1] - turned.positions[0]
    np.testing.assert_allclose(after, [-before[1], before[0], before[2]], atol=1e-12)
    np.testing.assert_allclose(turned.get_all_distances(), water.get_all_distances(), atol=1e-12)


def test_a_group_across_the_cell_s_faces_turns_as_a_whole() -> None:
    atoms = molecule("H2O")
    atoms.set_cell([8.0] * 3)
    atoms.pbc = True
    atoms.wrap()
    turned = rotated_sites(atoms, [0, 1, 2], [1.0, 1.0, 0.0], 77.0)
    np.testing.assert_allclose(
        turned.get_all_distances(mic=True), molecule("H2O").get_all_distances(), atol=1e-12
    )


def test_shear_keeps_the_volume_and_slides_planes() -> None:
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    slid = sheared(atoms, 0, 2, 0.1)
    assert slid.get_volume() == pytest.approx(atoms.get_volume(), rel=1e-12)
    np.testing.assert_allclose(slid.cell.array[2], [0.564, 0.0, 5.64], atol=1e-12)
    np.testing.assert_allclose(
        slid.positions[:, 0] - atoms.positions[:, 0], 0.1 * atoms.positions[:, 2], atol=1e-12
    )
    np.testing.assert_allclose(slid.positions[:, 1:], atoms.positions[:, 1:], atol=1e-12)


def test_the_source_makes_what_is_asked_for() -> None:
    parent = Candidate(rutile(), "file", "file/0")
    spec = DistortionSpec(
        moves=(0.1,), turns=(8.0,), volumes=(-0.05, 0.1), shears=(0.05,), count=3, max_atoms=12
    )
    result = distorted([parent], spec, np.random.default_rng(0))
    names = [c.trajectory.removeprefix("file/0/") for c in result.candidates]
    assert names == [
        *(f"move-{n:03d}" for n in range(3)),
        *(f"turn-{n:03d}" for n in range(3)),
        "volume-000",
        "volume-001",
        *(f"shear-{n:03d}" for n in range(3)),
    ]
    by_name = dict(zip(names, (c.atoms for c in result.candidates), strict=True))
    assert len(by_name["move-000"]) == len(by_name["turn-000"]) == 12
    assert by_name["volume-001"].get_volume() == pytest.approx(1.1 * rutile().get_volume())
    assert {c.source for c in result.candidates} == {"distortion"}
    assert {c.parent for c in result.candidates} == {structure_key(rutile())}
    assert result.candidates[0].note.endswith("moved by 0.1 Å")
    again = distorted([parent], spec, np.random.default_rng(0))
    assert [structure_key(c.atoms) for c in again.candidates] == [
        structure_key(c.atoms) for c in result.candidates
    ]
    fewer = distorted([parent], spec.model_copy(update={"moves": ()}), np.random.default_rng(0))
    assert [structure_key(c.atoms) for c in fewer.candidates] == [
        structure_key(c.atoms) for c in result.candidates[3:]
    ]


def test_a_turned_octahedron_keeps_its_bonds() -> None:
    parent = Candidate(rutile().repeat((2, 2, 2)), "file", "file/0")
    spec = DistortionSpec(moves=(), turns=(5.0,), volumes=(), shears=(), count=6, max_atoms=48)
    for candidate in distorted([parent], spec, np.random.default_rng(1)).candidates:
        change = np.linalg.norm(candidate.atoms.positions - parent.atoms.positions, axis=1)
        centre = candidate.note.split()[2]
        moved = int((change > 1e-9).sum())
        assert moved <= (6 if centre == "Ti" else 3)
        assert change.max() < 1.98 * np.deg2rad(5.0) * 1.01


def test_atoms_that_come_too_close_are_listed() -> None:
    parent = Candidate(rutile(), "file", "file/0")
    spec = DistortionSpec(
        moves=(1.5,), turns=(), volumes=(-0.45,), shears=(), count=5, min_distance_ratio=0.9
    )
    result = distorted([parent], spec, np.random.default_rng(0))
    assert len(result.candidates) + len(result.left_out) == 6
    assert str(result.left_out[-1]).startswith("file/0, volume -45.0%: brings ")
    assert all(closest_contact(c.atoms, 0.9 * 0.85).ratio > 0.7 for c in result.candidates)
