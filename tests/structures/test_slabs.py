"""Slabs of crystals whose surfaces are known."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk, fcc111

from forgefield.atoms.records import Candidate
from forgefield.structures.compound_spec import SlabSpec
from forgefield.structures.ions import Ion
from forgefield.structures.slabs import slabs

from .compound_cases import TITANIA, charge, rutile

SALT = (Ion("Na", 1), Ion("Cl", -1))


def test_rocksalt_has_two_nonpolar_faces_and_a_polar_one() -> None:
    parent = Candidate(bulk("NaCl", "rocksalt", a=5.64), "file", "file/0")
    result = slabs([parent], SlabSpec(thickness=8.0, vacuum=10.0), SALT)
    assert [c.trajectory for c in result.candidates] == ["slab/file/0/100-0", "slab/file/0/110-0"]
    polar = [note for note in result.left_out if note.name.startswith("slab (111)")]
    assert polar
    assert {note.reason for note in polar} == {"is polar: it has a dipole across"}
    for candidate in result.candidates:
        atoms = candidate.atoms
        assert charge(atoms, SALT) == 0
        assert atoms.pbc.all()
        np.testing.assert_allclose(atoms.cell.array[2, :2], 0.0, atol=1e-9)
        np.testing.assert_allclose(atoms.cell.array[0, 1:], 0.0, atol=1e-9)
        thickness = np.ptp(atoms.positions[:, 2])
        assert thickness > 5.0
        assert atoms.cell.array[2, 2] - thickness >= 10.0
        assert candidate.source == "slab"


def test_without_states_polar_faces_are_kept() -> None:
    parent = Candidate(bulk("NaCl", "rocksalt", a=5.64), "file", "file/0")
    result = slabs([parent], SlabSpec(symmetric=False))
    assert {c.trajectory.rsplit("/", 1)[1].split("-")[0] for c in result.candidates} == {"100", "110", "111"}


def test_a_metal_slab_is_the_one_that_ase_builds() -> None:
    parent = Candidate(bulk("Al", a=4.05), "file", "file/0")
    result = slabs([parent], SlabSpec(thickness=9.0))
    (mine,) = [c.atoms for c in result.candidates if "/111-" in c.trajectory]
    layers = np.unique(np.round(mine.positions[:, 2], 3))
    theirs = fcc111("Al", (1, 1, len(layers)), a=4.05)
    np.testing.assert_allclose(np.diff(layers), np.diff(np.sort(theirs.positions[:, 2])), atol=2e-3)
    area = np.linalg.norm(np.cross(mine.cell[0], mine.cell[1]))
    assert area / (len(mine) / len(layers)) == pytest.approx(4.05**2 * np.sqrt(3) / 4, rel=1e-6)


def test_slabs_that_are_too_large_are_listed() -> None:
    parent = Candidate(rutile(), "file", "file/0")
    result = slabs([parent], SlabSpec(max_atoms=10), TITANIA)
    assert result.candidates == ()
    assert any(note.reason.endswith("more than max_atoms 10") for note in result.left_out)
    assert str(result.left_out[-1]) == (
        "slabs of file/0: none remains; raise max_atoms or max_index, or set symmetric: false"
    )
