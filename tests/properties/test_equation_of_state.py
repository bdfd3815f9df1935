"""The energy–volume curve against ASE's own fit, the closed formula and the stress."""

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.eos import EquationOfState as AseEquationOfState

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import equation_of_state
from forgefield.properties.equation_of_state import EquationOfState, EquationOfStateSpec
from forgefield.properties.point import PointValues, evaluate_points

SPEC = EquationOfStateSpec()


def exact_curve(volume=20.0, energy=-5.0, modulus=90.0, derivative=4.5):
    return EquationOfState(np.zeros(0), np.zeros(0), volume, energy, modulus, derivative, 0.0)


def points_on(curve, structures):
    return [
        PointValues(
            float(curve.energy_at(s.cell.volume / len(s))) * len(s), np.zeros((len(s), 3)), np.zeros(6)
        )
        for s in structures
    ]


def test_eos_recovers_the_parameters_of_its_own_formula():
    atoms, curve = bulk("Si", a=5.5), exact_curve()
    structures = equation_of_state.plan(atoms, SPEC)
    fitted = equation_of_state.analyse(atoms, SPEC, points_on(curve, structures))
    assert fitted.volume == pytest.approx(20.0, rel=1e-9)
    assert fitted.energy == pytest.approx(-5.0, rel=1e-12)
    assert fitted.bulk_modulus == pytest.approx(90.0, rel=1e-7)
    assert fitted.bulk_modulus_derivative == pytest.approx(4.5, rel=1e-6)
    assert fitted.fit_error < 1e-12


@pytest.mark.parametrize(("symbol", "cubic"), [("Cu", False), ("Al", True)])
def test_eos_agrees_with_ase_fit(emt, symbol, cubic):
    atoms = bulk(symbol, cubic=cubic)
    eos = equation_of_state.compute(atoms, emt, SPEC)
    ase_volume, ase_energy, ase_modulus = AseEquationOfState(
        eos.volumes, eos.energies, "birchmurnaghan"
    ).fit()
    assert eos.volume == pytest.approx(ase_volume, rel=1e-6)
    assert eos.energy == pytest.approx(ase_energy, abs=1e-7)
    assert eos.bulk_modulus == pytest.approx(ase_modulus / units.GPa, rel=1e-4)


def test_eos_minimum_has_no_stress_and_modulus_follows_from_it(emt):
    atoms = bulk("Cu")
    eos = equation_of_state.compute(atoms, emt, EquationOfStateSpec(volume_range=0.03))
    equilibrium = equation_of_state.equilibrium_structure(atoms, eos)
    (point,) = evaluate_points([equilibrium], emt)
    assert np.abs(point.stress).max() / units.GPa < 0.01
    step = 1e-3
    scaled = [
        equation_of_state.equilibrium_structure(atoms, exact_curve(volume=eos.volume * (1 + change)))
        for change in (step, -step)
    ]
    pressures = [-p.stress[:3].mean() / units.GPa for p in evaluate_points(scaled, emt)]
    assert eos.bulk_modulus == pytest.approx((pressures[1] - pressures[0]) / (2 * step), rel=0.005)


def test_eos_is_per_atom_for_any_cell(stillinger_weber):
    small = equation_of_state.compute(bulk("Si"), stillinger_weber, SPEC)
    large = equation_of_state.compute(bulk("Si", cubic=True), stillinger_weber, SPEC)
    assert small.volume == pytest.approx(large.volume, rel=1e-9)
    assert small.bulk_modulus == pytest.approx(large.bulk_modulus, rel=1e-7)


def test_eos_plan_scales_isotropically_and_drops_constraints():
    from ase.constraints import FixAtoms

    atoms = bulk("Si")
    atoms.set_constraint(FixAtoms([0]))
    structures = equation_of_state.plan(atoms, SPEC)
    assert len(structures) == 7
    assert structures[3].cell.volume == pytest.approx(atoms.cell.volume, rel=1e-12)
    assert structures[0].cell.volume == pytest.approx(0.94 * atoms.cell.volume, rel=1e-12)
    for structure in structures:
        assert not structure.constraints
        assert np.allclose(structure.get_scaled_positions(), atoms.get_scaled_positions(), atol=1e-12)
        assert np.allclose(structure.cell.angles(), atoms.cell.angles())


@pytest.mark.parametrize("factor", [0.7, 0.9, 1.12, 1.6])
def test_eos_finds_a_minimum_far_from_the_start(emt, factor):
    near = equation_of_state.compute(bulk("Cu"), emt, SPEC)
    start = equation_of_state.equilibrium_structure(bulk("Cu"), exact_curve(volume=factor * near.volume))
    far = equation_of_state.compute(start, emt, SPEC)
    assert far.volume == pytest.approx(near.volume, rel=5e-4)
    assert far.bulk_modulus == pytest.approx(near.bulk_modulus, rel=0.02)


def test_eos_recentre_is_none_when_the_minimum_is_inside(emt):
    atoms = bulk("Cu")
    assert (
        equation_of_state.recentre(atoms, SPEC, evaluate_points(equation_of_state.plan(atoms, SPEC), emt))
        is None
    )


def test_eos_without_minimum_says_so():
    atoms = bulk("Si", a=5.43)
    structures = equation_of_state.plan(atoms, SPEC)
    with pytest.raises(ForgefieldError, match=r"enclose no single minimum .* start from a volume nearer"):
        equation_of_state.analyse(atoms, SPEC, points_on(exact_curve(volume=30.0), structures))


def test_eos_refuses_wrong_evaluations():
    atoms = bulk("Si", a=5.43)
    points = points_on(exact_curve(), equation_of_state.plan(atoms, SPEC))
    with pytest.raises(ForgefieldError, match="needs 7 evaluations, but got 6"):
        equation_of_state.analyse(atoms, SPEC, points[:6])
    points[2] = PointValues(float("nan"), points[2].forces, None)
    with pytest.raises(ForgefieldError, match=r"structure 2 .* not finite"):
        equation_of_state.analyse(atoms, SPEC, points)


def test_eos_refuses_a_molecule():
    from ase.build import molecule

    with pytest.raises(ForgefieldError, match="is not a crystal; give a structure that is periodic"):
        equation_of_state.plan(molecule("H2O"), SPEC)
