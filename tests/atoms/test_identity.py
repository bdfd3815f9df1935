"""The key of a structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.db import connect

from forgefield.atoms.formats import read_structures, write_extxyz
from forgefield.atoms.identity import structure_key


def _structure(seed: int = 0) -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, rng=np.random.default_rng(seed))
    atoms.set_cell(atoms.cell.array + np.random.default_rng(seed).normal(0, 0.1, (3, 3)), scale_atoms=True)
    return atoms


def test_key_has_twenty_hex_digits_and_ignores_calculator_info_and_constraints() -> None:
    atoms = _structure()
    key = structure_key(atoms)
    assert len(key) == 20
    assert set(key) <= set("0123456789abcdef")
    other = atoms.copy()
    other.calc = EMT()
    other.info["name"] = "something"
    other.set_tags(range(8))
    assert structure_key(other) == key


def test_key_changes_with_everything_a_reference_calculation_depends_on() -> None:
    atoms = _structure()
    changed = []
    for change in (
        lambda a: a.positions.__setitem__((3, 1), a.positions[3, 1] + 2e-6),
        lambda a: a.cell.__setitem__((0, 1), a.cell[0, 1] + 2e-6),
        lambda a: a.numbers.__setitem__(0, 32),
        lambda a: a.set_pbc([True, True, False]),
        lambda a: a.set_initial_magnetic_moments([1.0] + [0.0] * 7),
    ):
        copy = atoms.copy()
        change(copy)
        changed.append(structure_key(copy))
    assert len({structure_key(atoms), *changed}) == 6


def test_key_ignores_noise_and_the_sign_of_zero() -> None:
    atoms = bulk("Si")
    other = atoms.copy()
    other.positions[0] = [-0.0, 1e-9, -1e-9]
    assert structure_key(other) == structure_key(atoms)


def test_key_survives_files(tmp_path: Path) -> None:
    for seed in range(5):
        atoms = _structure(seed)
        key = structure_key(atoms)
        write_extxyz(tmp_path / "a.xyz", [(atoms, None)])
        assert structure_key(read_structures(tmp_path / "a.xyz")[0]) == key
        with connect(tmp_path / "a.db", use_lock_file=False) as database:
            row = database.get(id=database.write(atoms))
        assert structure_key(row.toatoms()) == key
