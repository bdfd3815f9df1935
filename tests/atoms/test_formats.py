"""Structure files in and out."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import read_structures, write_extxyz
from forgefield.atoms.records import Labels


def _labels(n_atoms: int, stress: bool) -> Labels:
    rng = np.random.default_rng(n_atoms)
    return Labels(
        energy=-123.456789012345678,
        forces=rng.normal(size=(n_atoms, 3)),
        stress=rng.normal(size=6) if stress else None,
        recipe="r1",
        engine="test 1",
        seconds=0.0,
    )


def test_extended_xyz_carries_structures_and_labels(tmp_path: Path) -> None:
    crystal = bulk("Si", cubic=True)
    crystal.rattle(0.1, rng=np.random.default_rng(0))
    molecule = Atoms("OH2", positions=[[0, 0, 0.1], [0, 0.76, -0.48], [0, -0.76, -0.48]])
    frames = [
        (crystal, _labels(8, stress=True)),
        (molecule, _labels(3, stress=False)),
        (Atoms("Si", cell=[9, 9, 9], pbc=True), _labels(1, stress=True)),
        (bulk("Al"), None),
    ]
    path = tmp_path / "new" / "frames.xyz"
    write_extxyz(path, frames)
    back = read_structures(path)
    assert len(back) == 4
    for (atoms, labels), read in zip(frames, back, strict=True):
        assert np.array_equal(read.numbers, atoms.numbers)
        assert np.array_equal(read.pbc, atoms.pbc)
        assert np.array_equal(read.positions, atoms.positions)
        assert np.array_equal(read.cell.array, atoms.cell.array)
        assert atoms.calc is None
        if labels is None:
            assert read.calc is None
            continue
        assert read.get_potential_energy() == labels.energy
        assert np.array_equal(read.get_forces(), labels.forces)
        if labels.stress is None:
            assert "stress" not in read.calc.results
        else:
            np.testing.assert_allclose(read.get_stress(), labels.stress, rtol=1e-7)


def test_magnetic_moments_and_information_go_along(tmp_path: Path) -> None:
    atoms = bulk("Fe", cubic=True)
    atoms.set_initial_magnetic_moments([2.3, -2.3])
    atoms.info = {"note": "two words", "cycle": 3, "key": "12e5"}
    write_extxyz(tmp_path / "fe.xyz", [(atoms, None)])
    (read,) = read_structures(tmp_path / "fe.xyz")
    assert read.get_initial_magnetic_moments().tolist() == [2.3, -2.3]
    assert read.info["note"] == "two words"
    assert read.info["cycle"] == 3


def test_compressed_files_and_replacing(tmp_path: Path) -> None:
    path = tmp_path / "frames.xyz.gz"
    write_extxyz(path, [(bulk("Al"), None)] * 3)
    write_extxyz(path, [(bulk("Si"), None)] * 2)
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    assert [atoms.get_chemical_formula() for atoms in read_structures(path)] == ["Si2", "Si2"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["frames.xyz.gz"]


def test_a_write_that_fails_says_so_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "frames.xyz"
    path.mkdir()
    with pytest.raises(ForgefieldError, match=r"cannot write .*frames\.xyz"):
        write_extxyz(path, [(bulk("Al"), None)])
    assert [entry.name for entry in tmp_path.iterdir()] == ["frames.xyz"]


@pytest.mark.parametrize("name", ["a.cif", "POSCAR", "a.xsf", "a.traj", "a.json"])
def test_formats_of_ase_are_read(tmp_path: Path, name: str) -> None:
    atoms = bulk("Si", cubic=True)
    ase.io.write(tmp_path / name, atoms)
    (read,) = read_structures(tmp_path / name)
    assert np.array_equal(read.numbers, atoms.numbers)
    np.testing.assert_allclose(read.cell.lengths(), atoms.cell.lengths(), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.xyz", None, r"no structure file .*missing\.xyz; check the path"),
        ("empty.xyz", "", r"structure file .*empty\.xyz is empty"),
        ("notes.unheardof", "dear diary", r"format of .*notes\.unheardof is not known .*; convert it to"),
        ("torn.xyz", "5\n\nSi 0 0 0\n", r"cannot read structures from .*torn\.xyz: .*; check that the file"),
        ("broken.cif", "data_x\n_cell_length_a what\n", r"(cannot read structures from|no structure in)"),
        ("zero.xyz", "0\n\n", r"(structure 0 of .* has no atoms|cannot read structures|no structure in)"),
        (
            "flat.xyz",
            '1\nLattice="0 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3 pbc="T T T"\nSi 0 0 0\n',
            r"structure 0 of .* is periodic along an axis that has no cell vector",
        ),
    ],
)
def test_unreadable_files_are_explained(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ForgefieldError, match=message):
        read_structures(tmp_path / name)


@pytest.mark.parametrize("count", ["100000000000", "9" * 20, "3"])
def test_more_atoms_than_there_are_is_an_error_at_once(tmp_path: Path, count: str) -> None:
    path = tmp_path / "frames.xyz"
    write_extxyz(path, [(bulk("Al"), None), (bulk("Si"), None)])
    content = path.read_text()
    for text in (
        f"{count}{content[1:]}",
        content[:-1].rpartition("\n2\n")[0] + f"\n{count}\n" + content.rpartition("\n2\n")[2],
    ):
        path.write_text(text)
        with pytest.raises(ForgefieldError, match="cannot read structures from"):
            read_structures(path)


def test_a_folder_is_no_structure_file(tmp_path: Path) -> None:
    with pytest.raises(ForgefieldError, match="is a folder"):
        read_structures(tmp_path)
