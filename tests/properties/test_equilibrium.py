"""Where properties are computed, and how many parameters symmetry leaves free there."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.spacegroup import crystal

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import equilibrium
from forgefield.properties.crystal import find_symmetry
from forgefield.properties.equation_of_state import EquationOfStateSpec
from forgefield.properties.equilibrium import find_equilibrium, free_parameters


def rutile():
    return crystal(
        ["Ti", "O"], [(0, 0, 0), (0.305, 0.305, 0)], spacegroup=136, cellpar=[4.6, 4.6, 2.96, 90, 90, 90]
    )


@pytest.mark.parametrize(
    ("atoms", "free"),
    [
        (bulk("Cu"), (0, 0)),
        (bulk("Si", cubic=True), (0, 0)),
        (bulk("Mg", "hcp", a=3.2, c=5.2), (1, 0)),
        (rutile(), (1, 1)),
        (Atoms("CuAu", [(0, 0, 0), (0.4, 0.3, 1.9)], cell=[2.7, 2.9, 3.8, 80, 95, 101], pbc=True), (5, 3)),
    ],
    ids=["fcc", "diamond", "hcp", "rutile", "triclinic"],
)
def test_free_parameters_by_symmetry(atoms, free):
    assert free_parameters(find_symmetry(atoms)) == free


def test_shape_is_relaxed_before_the_curve_is_taken():
    # Copper in an hcp cell that is far too long.
    start = bulk("Cu", "hcp", a=2.6, c=4.6)
    atoms, eos = find_equilibrium(start, EMT(), EquationOfStateSpec())
    atoms.calc = EMT()
    assert np.abs(atoms.get_stress()).max() < 5e-4
    assert eos.volume == pytest.approx(atoms.cell.volume / 2)
    a, _, c = atoms.cell.lengths()
    assert 1.60 < c / a < 1.68


def test_a_crystal_that_does_not_come_to_rest_is_said(monkeypatch):
    monkeypatch.setattr(equilibrium, "_FORCE_TOLERANCE", 1e-16)
    with pytest.raises(
        ForgefieldError, match=r"relaxation of Cu2 has not converged: .*; start from a structure"
    ):
        find_equilibrium(bulk("Cu", "hcp", a=2.6, c=4.6), EMT(), EquationOfStateSpec())
