"""Elastic constants of further crystal systems against matscipy's fits with ions relaxed in every cell."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from matscipy.elasticity import fit_elastic_constants

from forgefield.properties import elasticity, equation_of_state
from forgefield.properties.elasticity import ElasticitySpec
from forgefield.properties.equation_of_state import EquationOfStateSpec
from forgefield.properties.quantities import calculations_in_all

# matscipy's Tersoff evaluates powers with numpy's ``where`` and masks what it left unset itself.
pytestmark = pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")

SPEC = ElasticitySpec()


def at_rest(atoms, calculator):
    atoms = atoms.copy()
    atoms.calc = calculator
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-6, steps=500)
    return atoms


def fitted(atoms, symmetry, relaxed=True):
    """GPa; strains of −0.25 to 0.25 %."""
    stiffness, _ = fit_elastic_constants(
        atoms,
        symmetry=symmetry,
        N_steps=5,
        delta=1.25e-3,
        optimizer=BFGS if relaxed else None,
        fmax=1e-5,
        verbose=False,
        logfile=None,
    )
    return stiffness / units.GPa


def layers_of_copper_and_gold():
    """CuAu, L1₀: planes (001) of fcc in turns."""
    places = [[0, 0, 0], [0.5, 0.5, 0.5]]
    return Atoms("CuAu", scaled_positions=places, cell=[2.8, 2.8, 3.8], pbc=True)


def layers_of_copper_and_platinum():
    """CuPt, L1₁: planes (111) of fcc in turns."""
    a = 3.8
    cell = a / 2 * np.array([[2.0, 1, 1], [1, 2, 1], [1, 1, 2]])
    return Atoms("CuPt", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=cell, pbc=True)


def stacked_silicon():
    """Diamond's rival with hexagonal stacking."""
    a = 3.84
    places = [(1 / 3, 2 / 3, z) for z in (0.0625, 0.4375)] + [(2 / 3, 1 / 3, z) for z in (0.5625, 0.9375)]
    return Atoms("Si4", scaled_positions=places, cell=[a, a, 1.64 * a, 90, 90, 120], pbc=True)


@pytest.mark.parametrize(
    ("make", "calculator", "symmetry", "names"),
    [
        (lambda: bulk("Cu", cubic=True), "emt", "cubic", "C11 C12 C44"),
        (lambda: bulk("Cu", "hcp", a=2.55, c=4.17), "emt", "hexagonal", "C11 C33 C12 C13 C44"),
        (stacked_silicon, "tersoff", "hexagonal", "C11 C33 C12 C13 C44"),
        (lambda: bulk("Si", cubic=True), "stillinger_weber", "cubic", "C11 C12 C44"),
    ],
)
def test_constants_agree_with_matscipy(make, calculator, symmetry, names, request):
    atoms = at_rest(make(), request.getfixturevalue(calculator))
    result = elasticity.compute(atoms, atoms.calc, SPEC)
    assert [constant.name for constant in result.constants] == names.split()
    assert np.abs(result.stiffness - fitted(atoms, symmetry)).max() < 0.6
    assert result.stable
    assert result.warnings == ()
    assert calculations_in_all(elasticity.planned(atoms, SPEC)) == len(elasticity.plan(atoms, SPEC))


@pytest.mark.parametrize("make", [layers_of_copper_and_gold, layers_of_copper_and_platinum])
def test_constants_of_tetragonal_and_trigonal_alloys(emt, make):
    atoms = at_rest(make(), emt)
    atoms.set_cell(atoms.cell.standard_form()[0], scale_atoms=True)
    # EMT's cutoff makes stresses bend within strains of one per cent.
    result = elasticity.compute(atoms, emt, ElasticitySpec(strain=0.0025))
    assert len(result.constants) == 6
    assert np.abs(result.stiffness - fitted(atoms, "triclinic")).max() < 0.3


def test_quantities_are_constants_and_moduli(stillinger_weber, sw_silicon):
    """Young's modulus and Poisson's ratio by the closed formulas of an isotropic solid."""
    result = elasticity.compute(sw_silicon, stillinger_weber, SPEC)
    values = {quantity.name: quantity.value for quantity in result.quantities}
    assert values["C44"] == result.constants[2].value
    young, ratio = values["Young's modulus"], values["Poisson's ratio"]
    assert young / (3 * (1 - 2 * ratio)) == pytest.approx(result.bulk_modulus)
    assert young / (2 * (1 + ratio)) == pytest.approx(values["shear modulus"])


def test_instability_of_the_lattice_is_said(emt):
    start = bulk("Cu", "bcc", a=2.87)
    eos = equation_of_state.compute(start, emt, EquationOfStateSpec())
    result = elasticity.compute(equation_of_state.equilibrium_structure(start, eos), emt, SPEC)
    (warning,) = result.warnings
    assert warning.startswith("the crystal is not stable: a strain has a stiffness of -")


def test_instability_of_the_ions_is_said(emt):
    """Two bcc cells side by side hold the soft shear of bcc copper as an optical mode of the ions."""
    start = bulk("Cu", "bcc", a=2.87, cubic=True)
    soft = elasticity.compute(start * (1, 1, 2), emt, SPEC)
    assert not soft.stable
    assert "not stable" in soft.warnings[0]
