"""Random crystals of compounds: neutral, with room, within the limits, and the same for the same seed."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.primitive_cell import primitive_cell
from forgefield.structures.charge_balance import BalancedFormula, balanced_formulas
from forgefield.structures.compound_spec import CrystalSpec
from forgefield.structures.contacts import contact_problem
from forgefield.structures.crystal_size import packing, predicted_scale
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ions import Ion
from forgefield.structures.random_compounds import random_compounds
from forgefield.structures.source_result import SourceResult

from .compound_cases import TITANIA, charge, space_group

LIMITS = CrystalSpec(min_atoms=6, max_atoms=6)
SALT = (Ion("Na", 1), Ion("Cl", -1))


def _titania(seed: int = 0, count: int = 2) -> SourceResult:
    rng = np.random.default_rng(seed)
    return random_compounds(balanced_formulas(TITANIA), count, LIMITS, 0.1, rng)


@pytest.fixture(scope="module")
def titania() -> SourceResult:
    return _titania()


def test_crystals_are_neutral_primitive_symmetric_and_have_room(titania: SourceResult) -> None:
    assert titania.left_out == ()
    assert [c.trajectory for c in titania.candidates] == [f"random/TiO2/{n:03d}" for n in range(2)]
    for candidate in titania.candidates:
        atoms = candidate.atoms
        assert charge(atoms, TITANIA) == 0
        assert len(atoms) == 6
        assert len(primitive_cell(atoms, 1e-3)) == len(atoms)
        assert atoms.pbc.all()
        assert contact_problem(atoms, TITANIA, LIMITS.min_distance_ratio) is None
        assert packing(atoms, TITANIA) >= LIMITS.min_packing
        # Lengths are off by the third root of a volume within 10 %.
        assert abs(predicted_scale(atoms, TITANIA) ** -3 - 1.0) <= 0.1 + 1e-6
        assert candidate.source == "random"
        size = atoms.get_volume() / len(atoms)
        assert candidate.note.startswith(f"{len(atoms)} atoms at {size:.1f} Å³/atom, space group ")
        assert candidate.note.endswith(f"({space_group(atoms)})")
    assert max(space_group(candidate.atoms) for candidate in titania.candidates) > 1
    assert len(remove_duplicates(titania.candidates)) == 2


def test_known_sizes_go_before_those_of_bond_valences() -> None:
    formulas = balanced_formulas(TITANIA)
    made = random_compounds(formulas, 2, LIMITS, 0.05, np.random.default_rng(3), {"TiO2": 12.0}).candidates
    assert len(made) == 2
    for candidate in made:
        assert candidate.atoms.get_volume() / len(candidate.atoms) == pytest.approx(12.0, rel=0.05 + 1e-6)


def test_the_same_seed_makes_the_same_crystals(titania: SourceResult) -> None:
    keys = [structure_key(c.atoms) for c in titania.candidates]
    assert [structure_key(c.atoms) for c in _titania(count=1).candidates] == keys[:1]
    assert structure_key(_titania(1, 1).candidates[0].atoms) not in keys


def test_formulas_take_turns() -> None:
    alloys = [
        BalancedFormula((Ion("Ni", 0), Ion("Al", 0)), (1, 1)),
        BalancedFormula((Ion("Ni", 0), Ion("Al", 0)), (3, 1)),
    ]
    result = random_compounds(alloys, 3, CrystalSpec(max_atoms=8), 0.2, np.random.default_rng(0))
    assert [c.trajectory for c in result.candidates] == [
        "random/AlNi/000",
        "random/AlNi3/000",
        "random/AlNi/001",
    ]
    for candidate in result.candidates:
        assert contact_problem(candidate.atoms, alloys[0].ions) is None
    assert random_compounds(alloys, 0, LIMITS, 0.2, np.random.default_rng(0)) == SourceResult()


def test_what_falls_short_is_listed() -> None:
    salt = balanced_formulas(SALT)
    tight = CrystalSpec(min_atoms=4, max_atoms=4, min_packing=0.7)
    result = random_compounds(salt, 1, tight, 0.0, np.random.default_rng(0))
    assert [str(note) for note in result.left_out] == [
        "random crystals of NaCl: 0 instead of 1: the others had no room or were sparse; lower min_distance_ratio or "
        "min_packing"
    ]
    odd = CrystalSpec(min_atoms=5, max_atoms=5)
    result = random_compounds(salt, 2, odd, 0.1, np.random.default_rng(0))
    assert [str(note) for note in result.left_out] == [
        "random crystals of NaCl: 0 instead of 2: no multiple of it has 5 to 5 atoms"
    ]


def test_without_pyxtal_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyxtal.crystal", None)
    with pytest.raises(
        ForgefieldError, match=r"need pyxtal, which is not installed; pip install 'forgefield\[str"
    ):
        _titania()
