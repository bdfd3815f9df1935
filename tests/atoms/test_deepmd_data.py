"""DeePMD-kit's folders, plain and mixed, periodic and not, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT

from forgefield.atoms.deepmd_data import is_deepmd_data, iterate_deepmd
from forgefield.atoms.errors import ForgefieldError


def frames(start: Atoms, count: int) -> list[Atoms]:
    found = []
    for seed in range(count):
        atoms = start.copy()
        atoms.rattle(0.1, seed=seed)
        atoms.calc = EMT()
        found.append(atoms)
    return found


def write_system(folder: Path, structures: list[Atoms], mixed: bool = False) -> None:
    """As DeePMD-kit's documentation says, the last frame in a set of its own."""
    first = structures[0]
    names = sorted(set(first.symbols))
    kinds = [names.index(symbol) for symbol in first.symbols]
    folder.mkdir(parents=True)
    (folder / "type_map.raw").write_text("\n".join(names) + "\n")
    (folder / "type.raw").write_text(" ".join(map(str, [0] * len(first) if mixed else kinds)))
    if not first.pbc.any():
        (folder / "nopbc").write_text("")
    for number, part in enumerate((structures[:-1], structures[-1:])):
        place = folder / f"set.{number:03d}"
        place.mkdir()
        np.save(place / "coord.npy", [atoms.positions.ravel() for atoms in part])
        np.save(place / "energy.npy", [atoms.get_potential_energy() for atoms in part])
        np.save(place / "force.npy", [atoms.get_forces().ravel() for atoms in part])
        if mixed:
            np.save(place / "real_atom_types.npy", [kinds] * len(part))
        if first.pbc.any():
            np.save(place / "box.npy", [atoms.cell.array.ravel() for atoms in part])
            virials = [-atoms.get_volume() * atoms.get_stress(voigt=False).ravel() for atoms in part]
            np.save(place / "virial.npy", virials)


@pytest.mark.parametrize("mixed", [False, True])
def test_systems_are_read_with_all_their_labels(tmp_path: Path, mixed: bool) -> None:
    alloy = bulk("Cu", cubic=True)
    alloy.symbols[[0, 3]] = "Au"
    written = [*frames(alloy, 3), *frames(molecule("CO"), 2)]
    write_system(tmp_path / "data" / "alloy", written[:3], mixed)
    write_system(tmp_path / "data" / "molecule", written[3:])
    assert is_deepmd_data(tmp_path / "data")
    found = list(iterate_deepmd(tmp_path / "data"))
    assert len(found) == 5
    for mine, theirs in zip(found, written, strict=True):
        assert list(mine.symbols) == list(theirs.symbols)
        assert np.allclose(mine.positions, theirs.positions)
        assert (mine.pbc == theirs.pbc).all()
        assert mine.get_potential_energy() == pytest.approx(theirs.get_potential_energy())
        assert np.allclose(mine.get_forces(), theirs.get_forces())
        if theirs.pbc.any():
            assert np.allclose(mine.cell, theirs.cell)
            assert np.allclose(mine.get_stress(), theirs.get_stress())


def _shorten(folder: Path) -> None:
    np.save(folder / "set.000" / "energy.npy", np.zeros(7))


def _truncate(folder: Path) -> None:
    file = folder / "set.000" / "force.npy"
    file.write_bytes(file.read_bytes()[:-40])


def _pickle(folder: Path) -> None:
    np.save(folder / "set.000" / "force.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_shorten, "energy.npy has shape"),
        (_truncate, "force.npy cannot be read"),
        (_pickle, "force.npy cannot be read"),
        (lambda folder: (folder / "type_map.raw").unlink(), "nobody knows which elements"),
        (lambda folder: (folder / "type_map.raw").write_text("Xx"), "no element"),
        (lambda folder: (folder / "type_map.raw").write_text(""), "names 0"),
        (lambda folder: (folder / "set.000" / "box.npy").unlink(), "box.npy is missing"),
        (lambda folder: (folder / "type.raw").write_text("zero one"), "holds no numbers"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, damage: Callable[[Path], object], words: str) -> None:
    write_system(tmp_path / "system", frames(bulk("Cu", cubic=True), 3))
    damage(tmp_path / "system")
    with pytest.raises(ForgefieldError, match=words):
        list(iterate_deepmd(tmp_path / "system"))
