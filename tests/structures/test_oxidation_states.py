"""Crystals whose oxidation states are known, and what is found wrong with others."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.data import covalent_radii
from ase.spacegroup import crystal

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Candidate
from forgefield.structures.bond_valence import ideal_scale, site_valences
from forgefield.structures.crystal_size import packing, predicted_scale
from forgefield.structures.ions import Ion
from forgefield.structures.oxidation_states import fitting_states, guessed_ions, state_problem

TITANIA = (Ion("Ti", 4), Ion("O", -2))


def _rutile() -> Atoms:
    return crystal(
        ["Ti", "O"],
        [(0, 0, 0), (0.3053, 0.3053, 0)],
        spacegroup=136,
        cellpar=[4.594, 4.594, 2.959, 90, 90, 90],
    )


def _platinum_dioxide() -> Atoms:
    """β-PtO2, which is nearly rutile, with its measured volume: Siegel et al., J. Less-Common Met. 17, 388 (1969)."""
    copy = _rutile()
    copy.symbols[copy.symbols == "Ti"] = "Pt"
    copy.set_cell([4.49, 4.53, 3.14], scale_atoms=True)
    return copy


def _chalcopyrite() -> Atoms:
    return crystal(
        ["Cu", "In", "Se"],
        [(0, 0, 0), (0, 0, 0.5), (0.224, 0.25, 0.125)],
        spacegroup=122,
        cellpar=[5.784, 5.784, 11.616, 90, 90, 90],
        primitive_cell=True,
    )


def _magnetite() -> Atoms:
    return crystal(
        ["Fe", "Fe", "O"],
        [(0.125, 0.125, 0.125), (0.5, 0.5, 0.5), (0.2549, 0.2549, 0.2549)],
        spacegroup=227,
        setting=2,
        cellpar=[8.394] * 3 + [90] * 3,
        primitive_cell=True,
    )


def _anosovite() -> Atoms:
    """Ti3O5 as far as its formula goes: rutile without two of its twelve oxygen atoms."""
    cell = _rutile().repeat((1, 1, 3))
    del cell[[atom.index for atom in cell if atom.symbol == "O"][:2]]
    return cell


def _silver_oxide() -> Atoms:
    """AgO is Ag1+Ag3+O2: Brese et al., J. Solid State Chem. 89, 184 (1990)."""
    return crystal(
        ["Ag", "Ag", "O"],
        [(0, 0, 0), (0.5, 0, 0.5), (0.295, 0.350, 0.230)],
        spacegroup=14,
        cellpar=[5.852, 3.467, 5.484, 90, 107.66, 90],
    )


def _pyrite() -> Atoms:
    return crystal(
        ["Fe", "S"], [(0, 0, 0), (0.385, 0.385, 0.385)], spacegroup=205, cellpar=[5.416] * 3 + [90] * 3
    )


@pytest.mark.parametrize(
    ("atoms", "ions"),
    [
        (_rutile(), TITANIA),
        (_chalcopyrite(), (Ion("Cu", 1), Ion("In", 3), Ion("Se", -2))),
        (bulk("NaCl", "rocksalt", a=5.64), (Ion("Na", 1), Ion("Cl", -1))),
        (bulk("ZnS", "wurtzite", a=3.82), (Ion("Zn", 2), Ion("S", -2))),
        (bulk("NiAl", "cesiumchloride", a=2.89), (Ion("Ni", 0), Ion("Al", 0))),
        (molecule("H2O"), (Ion("H", 1), Ion("O", -2))),
    ],
)
def test_compounds_of_the_wanted_ions_pass(atoms: Atoms, ions: tuple[Ion, ...]) -> None:
    assert state_problem(atoms, ions) is None
    assert state_problem(atoms, ions[::-1]) is None


@pytest.mark.parametrize(
    ("atoms", "ions", "problem"),
    [
        (
            _anosovite(),
            TITANIA,
            "Ti3O5 of Ti4+, O2- has the charge +2: mixed valence, Ti would have to be +3.33 on average",
        ),
        (
            _magnetite(),
            (Ion("Fe", 3), Ion("O", -2)),
            "Fe3O4 of Fe3+, O2- has the charge +1: mixed valence, Fe would have to be +2.67 on average",
        ),
        (
            bulk("TiO", "rocksalt", a=4.18),
            TITANIA,
            "TiO of Ti4+, O2- has the charge +2: Ti would have to be Ti2+",
        ),
        (_rutile(), (Ion("Ti", 4), Ion("S", -2)), "contains O and lacks S"),
        (_rutile(), (*TITANIA, Ion("Sr", 2)), "lacks Sr"),
        (
            _chalcopyrite(),
            (Ion("Cu", 2), Ion("In", 3), Ion("Se", -2)),
            "CuInSe2 of Cu2+, In3+, Se2- has the charge +1",
        ),
    ],
)
def test_others_do_not_and_the_reason_is_given(atoms: Atoms, ions: tuple[Ion, ...], problem: str) -> None:
    assert state_problem(atoms, ions) == problem


def test_neutral_formulas_may_still_hide_other_states() -> None:
    silver, iron = (Ion("Ag", 2), Ion("O", -2)), (Ion("Fe", 4), Ion("S", -2))
    problem = state_problem(_silver_oxide(), silver)
    assert problem is not None
    assert problem.startswith("mixed valence: the bond valences of its Ag sites range from 1.")
    assert problem.endswith("instead of lying near 2")
    assert state_problem(_pyrite(), iron) == (
        "binds S2- to S2- at 2.16 Å, so their oxidation states are others"
    )
    for atoms, ions in ((_silver_oxide(), silver), (_pyrite(), iron)):
        assert state_problem(atoms, ions, bond_valence=False) is None


def test_what_does_not_fit_comes_back_listed() -> None:
    candidates = [Candidate(atoms, "file", f"file/{n}") for n, atoms in enumerate((_rutile(), _anosovite()))]
    result = fitting_states(candidates, TITANIA)
    assert result.candidates == (candidates[0],)
    assert str(result.left_out[0]).startswith("file/1 (Ti6O10): Ti3O5 of Ti4+, O2- has the charge +2")
    with pytest.raises(ForgefieldError, match="Ti9"):
        fitting_states(candidates, (Ion("Ti", 9), Ion("O", -2)))


@pytest.mark.parametrize(
    ("atoms", "ions"),
    [
        (_rutile(), TITANIA),
        (_chalcopyrite(), (Ion("Cu", 1), Ion("In", 3), Ion("Se", -2))),
        (_magnetite(), None),
        (bulk("NiAl", "cesiumchloride", a=2.89), None),
        (bulk("PtS", "zincblende", a=5.3), (Ion("Pt", 2), Ion("S", -2))),
    ],
)
def test_states_are_guessed_where_there_are_single_ones(atoms: Atoms, ions: tuple[Ion, ...] | None) -> None:
    assert guessed_ions(atoms) == (ions if ions is None else tuple(sorted(ions)))


@pytest.mark.parametrize(
    ("atoms", "ions", "tolerance"),
    [
        (_rutile(), TITANIA, 0.02),
        (_chalcopyrite(), (Ion("Cu", 1), Ion("In", 3), Ion("Se", -2)), 0.04),
        (bulk("NaCl", "rocksalt", a=5.64), (Ion("Na", 1), Ion("Cl", -1)), 0.03),
        (bulk("GaAs", "zincblende", a=5.65), (Ion("Ga", 3), Ion("As", -3)), 0.03),
    ],
)
def test_bond_valences_know_the_size_of_a_crystal(
    atoms: Atoms, ions: tuple[Ion, ...], tolerance: float
) -> None:
    scale = ideal_scale(atoms, ions)
    assert scale == pytest.approx(1.0, abs=tolerance)
    swollen = atoms.copy()
    swollen.set_cell(1.7 * swollen.cell.array, scale_atoms=True)
    assert 1.7 * ideal_scale(swollen, ions) == pytest.approx(scale, abs=1e-6)
    charges = sum(abs(ion.charge) * list(atoms.symbols).count(ion.element) for ion in ions)
    assert site_valences(atoms, ions, scale).sum() == pytest.approx(charges, rel=1e-3)


@pytest.mark.parametrize(
    ("atoms", "ions"),
    [
        # Neither platinum nor plutonium has bond-valence parameters; ionic radii they have.
        (_platinum_dioxide(), (Ion("Pt", 4), Ion("O", -2))),
        (bulk("PuO2", "fluorite", a=5.396), (Ion("Pu", 4), Ion("O", -2))),
    ],
)
def test_ionic_radii_step_in(atoms: Atoms, ions: tuple[Ion, ...]) -> None:
    assert predicted_scale(atoms, ions) == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize(
    ("alloy", "tolerance"),
    [
        (bulk("NiAl", "cesiumchloride", a=2.887), 0.05),
        (bulk("CuZn", "cesiumchloride", a=2.945), 0.02),
        (bulk("Al", a=4.05), 1e-3),
        (bulk("Si", a=5.43), 1e-3),
    ],
)
def test_metals_and_elements_get_their_size_from_the_elements(alloy: Atoms, tolerance: float) -> None:
    ions = tuple(Ion(element, 0) for element in sorted(set(alloy.get_chemical_symbols())))
    assert ideal_scale(alloy, ions) is None
    for size in (1.0, 3.0, 0.4):
        swollen = alloy.copy()
        swollen.set_cell(size * swollen.cell.array, scale_atoms=True)
        assert size * predicted_scale(swollen, ions) == pytest.approx(1.0, abs=tolerance)


def test_packing_of_touching_balls() -> None:
    """Face-centred cubic balls fill π/√18."""
    touching = bulk("Al", a=2.0 * np.sqrt(2.0) * covalent_radii[13])
    assert packing(touching, (Ion("Al", 0),)) == pytest.approx(np.pi / np.sqrt(18.0))
