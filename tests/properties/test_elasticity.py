"""The elastic tensor against analytic second derivatives and against strains with ions really relaxed."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from matscipy.elasticity import full_3x3x3x3_to_Voigt_6x6

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import elasticity, equation_of_state
from forgefield.properties.elasticity import ElasticitySpec
from forgefield.properties.equation_of_state import EquationOfStateSpec
from forgefield.properties.point import PointValues, evaluate_points
from forgefield.properties.tensor_symmetry import rotate_stiffness, strain_tensor

# matscipy's Tersoff evaluates powers with numpy's ``where`` and masks what it left unset itself.
pytestmark = pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")

SPEC = ElasticitySpec()


def equilibrium(atoms, calculator):
    eos = equation_of_state.compute(atoms, calculator, EquationOfStateSpec(volume_range=0.03))
    return equation_of_state.equilibrium_structure(atoms, eos)


def relaxed(atoms, calculator, cell):
    """Ions, and if wanted the cell, at rest."""
    atoms = atoms.copy()
    atoms.calc = calculator
    BFGS(FrechetCellFilter(atoms) if cell else atoms, logfile=None).run(fmax=1e-5, steps=500)
    return atoms


def stiffness_by_relaxing(atoms, calculator, step=2e-3):
    """Slow and independent: relax the ions in every strained cell, take the stress; GPa."""
    columns = []
    for component in range(6):
        stresses = []
        for sign in (1, -1):
            strain = np.zeros(6)
            strain[component] = sign * step
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ (np.eye(3) + strain_tensor(strain)), scale_atoms=True)
            stresses.append(relaxed(strained, calculator, cell=False).get_stress())
        columns.append((stresses[0] - stresses[1]) / (2 * step) / units.GPa)
    matrix = np.array(columns).T
    return (matrix + matrix.T) / 2


@pytest.mark.parametrize("potential", ["tersoff", "stillinger_weber"])
def test_silicon_constants_agree_with_analytic_second_derivatives(potential, request):
    calculator = request.getfixturevalue(potential)
    atoms = equilibrium(bulk("Si"), calculator)
    result = elasticity.compute(atoms, calculator, SPEC)
    # 7.7 Å wide: no two images of an atom lie within the cutoff of a third.
    large = atoms * (2, 2, 2)
    large.calc = calculator
    clamped = full_3x3x3x3_to_Voigt_6x6(calculator.get_birch_coefficients(large)) / units.GPa
    relaxed_ions = full_3x3x3x3_to_Voigt_6x6(calculator.get_elastic_constants(large)) / units.GPa
    assert np.abs(result.clamped_stiffness - clamped).max() < 0.1
    assert np.abs(result.stiffness - relaxed_ions).max() < 0.1
    # The ions matter: without them C44 would be too large by more than half.
    assert clamped[3, 3] > 1.5 * relaxed_ions[3, 3]
    assert [constant.name for constant in result.constants] == ["C11", "C12", "C44"]
    assert result.space_group == 227
    assert result.stable


def test_stillinger_weber_constants_agree_with_literature(stillinger_weber):
    """Balamane, Halicioglu, Tiller, Phys. Rev. B 46, 2250 (1992): 151.4, 76.4, 56.4 GPa."""
    atoms = equilibrium(bulk("Si"), stillinger_weber)
    values = [c.value for c in elasticity.compute(atoms, stillinger_weber, SPEC).constants]
    assert values == pytest.approx([151.4, 76.4, 56.4], abs=0.1)


def test_diamond_needs_three_strains_and_one_displacement(sw_silicon):
    structures = elasticity.plan(sw_silicon, SPEC)
    assert len(structures) == 4
    volumes = np.array([s.cell.volume for s in structures]) / sw_silicon.cell.volume
    assert volumes == pytest.approx([1.01, 0.99, 1 - 0.005**2, 1.0], rel=1e-9)
    moved = np.linalg.norm(structures[3].positions - sw_silicon.positions, axis=1)
    assert sorted(moved) == pytest.approx([0.0, 0.02])


def test_cell_choice_and_orientation_do_not_matter(stillinger_weber, sw_silicon):
    cubic = elasticity.compute(bulk("Si", a=5.430949778, cubic=True), stillinger_weber, SPEC)
    turned = sw_silicon.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    results = [elasticity.compute(a, stillinger_weber, SPEC) for a in (sw_silicon, turned)]
    for result in results:
        assert np.abs(result.stiffness - cubic.stiffness).max() < 0.1


@pytest.mark.parametrize("symbol", ["Cu", "Al"])
def test_metal_without_internal_freedom(emt, symbol):
    atoms = equilibrium(bulk(symbol), emt)
    assert len(elasticity.plan(atoms, SPEC)) == 3
    result = elasticity.compute(atoms, emt, SPEC)
    assert np.array_equal(result.stiffness, result.clamped_stiffness)
    assert np.abs(result.stiffness - stiffness_by_relaxing(atoms, emt)).max() < 0.3
    # Four atoms in the conventional cell have no freedom either.
    conventional = equilibrium(bulk(symbol, cubic=True), emt)
    assert len(elasticity.plan(conventional, SPEC)) == 3
    assert np.abs(elasticity.compute(conventional, emt, SPEC).stiffness - result.stiffness).max() < 0.01


def test_hexagonal_crystal_with_internal_freedom(stillinger_weber):
    a = 5.431 / np.sqrt(2)
    c = a * np.sqrt(8 / 3)
    start = Atoms(
        "Si4",
        scaled_positions=[
            (1 / 3, 2 / 3, 0.0625),
            (2 / 3, 1 / 3, 0.5625),
            (1 / 3, 2 / 3, 0.4375),
            (2 / 3, 1 / 3, 0.9375),
        ],
        cell=[a, a, c, 90, 90, 120],
        pbc=True,
    )
    start.set_cell(start.cell.array * (1, 1, 1.01), scale_atoms=True)
    atoms = relaxed(start, stillinger_weber, cell=True)
    result = elasticity.compute(atoms, stillinger_weber, SPEC)
    assert [constant.name for constant in result.constants] == ["C11", "C33", "C12", "C13", "C44"]
    assert np.abs(result.stiffness - stiffness_by_relaxing(atoms, stillinger_weber)).max() < 0.3
    assert np.abs(result.stiffness - result.clamped_stiffness).max() > 10


def alloy(start, symbols, calculator):
    start.symbols[:] = symbols
    start.rattle(0.05, rng=np.random.default_rng(3))
    return relaxed(start, calculator, cell=True)


def test_triclinic_alloy_with_every_constant_free(emt):
    symbols = ["Cu", "Al", "Ag", "Cu", "Ni", "Cu", "Cu", "Cu", "Pt", "Al", "Cu", "Cu"]
    atoms = alloy(bulk("Cu") * (3, 2, 2), symbols, emt)
    spec = ElasticitySpec(strain=0.005, displacement=0.01)
    # Six strains both ways, three directions both ways for each of twelve atoms.
    assert len(elasticity.plan(atoms, spec)) == 12 + 72
    result = elasticity.compute(atoms, emt, spec)
    assert len(result.constants) == 21
    assert np.abs(result.stiffness - stiffness_by_relaxing(atoms, emt)).max() < 0.2
    assert np.abs(result.stiffness - result.clamped_stiffness).max() > 5


def test_crystal_that_is_symmetric_only_within_the_tolerance(emt):
    """Angles off by 1e-4 degrees must not pass for new directions of strain."""
    atoms = alloy(bulk("Cu", cubic=True) * (2, 1, 1), ["Al", "Cu", "Cu", "Al", "Al", "Cu", "Cu", "Cu"], emt)
    result = elasticity.compute(atoms, emt, ElasticitySpec(strain=0.005, displacement=0.01))
    assert result.space_group == 47
    assert [c.name for c in result.constants] == [
        "C11",
        "C22",
        "C33",
        "C12",
        "C13",
        "C23",
        "C44",
        "C55",
        "C66",
    ]
    assert np.abs(result.stiffness - stiffness_by_relaxing(atoms, emt)).max() < 0.5


def test_polycrystal_bounds_of_a_cubic_crystal(stillinger_weber, sw_silicon):
    """Closed formulas for cubic crystals: Hill, Proc. Phys. Soc. A 65, 349 (1952)."""
    result = elasticity.compute(sw_silicon, stillinger_weber, SPEC)
    c11, c12, c44 = (constant.value for constant in result.constants)
    shear = (c11 - c12) / 2
    assert result.bulk_voigt == pytest.approx((c11 + 2 * c12) / 3)
    assert result.bulk_reuss == pytest.approx((c11 + 2 * c12) / 3)
    assert result.shear_voigt == pytest.approx((2 * shear + 3 * c44) / 5)
    assert result.shear_reuss == pytest.approx(5 * shear * c44 / (3 * shear + 2 * c44))
    assert result.shear_reuss < result.shear_modulus < result.shear_voigt


def test_unstable_crystal_is_named_so(emt):
    atoms = equilibrium(bulk("Cu", "bcc", a=2.87), emt)
    result = elasticity.compute(atoms, emt, SPEC)
    assert result.stiffness[0, 0] < result.stiffness[0, 1]
    assert not result.stable


def test_stiffness_turns_like_a_tensor(stillinger_weber, sw_silicon):
    stiffness = elasticity.compute(sw_silicon, stillinger_weber, SPEC).stiffness
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert np.allclose(rotate_stiffness(stiffness, quarter), stiffness, atol=1e-9)
    third = np.array([[np.cos(0.4), -np.sin(0.4), 0], [np.sin(0.4), np.cos(0.4), 0], [0, 0, 1]])
    from matscipy.elasticity import rotate_elastic_constants

    assert np.allclose(
        rotate_stiffness(stiffness, third), rotate_elastic_constants(stiffness, third), atol=1e-8
    )


def test_elasticity_without_stress_says_so(stillinger_weber, sw_silicon):
    structures = elasticity.plan(sw_silicon, SPEC)
    points = [PointValues(p.energy, p.forces, None) for p in evaluate_points(structures, stillinger_weber)]
    with pytest.raises(ForgefieldError, match="has no stress; choose a calculator or an engine"):
        elasticity.analyse(sw_silicon, SPEC, points)


def test_elasticity_refuses_coinciding_atoms(sw_silicon):
    sw_silicon.positions[1] = sw_silicon.positions[0]
    with pytest.raises(ForgefieldError, match="symmetry of Si2 could not be found"):
        elasticity.plan(sw_silicon, SPEC)
