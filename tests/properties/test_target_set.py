"""The staged plan gives what direct computing gives, at the fewest single points, and outlives failures."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.properties import equation_of_state
from forgefield.properties.point import evaluate_points
from forgefield.properties.stored import from_dict, from_json, to_dict, to_json
from forgefield.properties.target_set import (
    PropertiesSpec,
    PropertySet,
    analyse_at_equilibrium,
    compute_property_set,
    plan_at_equilibrium,
    plan_equation_of_state,
    resolve,
)
from forgefield.properties.verdict import TargetsSpec, judge

pytestmark = pytest.mark.filterwarnings("ignore:'where' used without 'out':UserWarning")


class Forceful(Calculator):
    """Energy that falls with volume for ever, and no stress."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": -atoms.cell.volume, "forces": np.zeros((len(atoms), 3))}


def test_staged_plan_equals_direct_computing_with_twelve_points(stillinger_weber):
    atoms = bulk("Si")
    spec = resolve(atoms, PropertiesSpec())
    first = plan_equation_of_state(atoms, spec)
    eos = equation_of_state.analyse(atoms, spec.equation_of_state, evaluate_points(first, stillinger_weber))
    plan = plan_at_equilibrium(equation_of_state.equilibrium_structure(atoms, eos), spec)
    assert (len(first), len(plan.strained), len(plan.displaced)) == (7, 4, 1)
    assert sorted({len(s) for s in plan.structures}) == [2, 16]
    staged = analyse_at_equilibrium(plan, spec, evaluate_points(plan.structures, stillinger_weber), eos)
    assert staged.problems == ()
    assert to_json(staged) == to_json(compute_property_set(atoms, stillinger_weber, PropertiesSpec()))


def test_planning_twice_gives_the_same_structures(stillinger_weber):
    atoms = bulk("Si")
    spec = resolve(atoms, PropertiesSpec())
    assert resolve(atoms, spec) == spec
    keys = [[structure_key(s) for s in plan_at_equilibrium(atoms, spec).structures] for _ in range(2)]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 5


def test_each_method_relaxes_to_its_own_volume(stillinger_weber, tersoff):
    atoms = bulk("Si")
    spec = resolve(atoms, PropertiesSpec())
    one, two = (compute_property_set(atoms, c, spec) for c in (tersoff, stillinger_weber))
    verdict = judge(two, one, TargetsSpec(energy_mae=None, force_mae=None))
    deviations = {row.name: row.deviation for row in verdict.rows}
    # Published: Tersoff 142, 75, 69 and Stillinger–Weber 151, 76, 56 GPa.
    assert deviations["C44"] == pytest.approx(18, abs=1)
    assert deviations["C11"] == pytest.approx(6, abs=1)
    assert not verdict.holds


def test_property_set_survives_json(emt):
    properties = compute_property_set(bulk("Al"), emt, PropertiesSpec())
    text = to_json(properties)
    again = from_json(PropertySet, text)
    assert to_json(again) == text
    assert again.eos.volume == properties.eos.volume
    assert np.array_equal(again.elasticity.stiffness, properties.elasticity.stiffness)
    assert again.errors is None


def test_stored_result_of_another_version_says_so():
    data = to_dict(PropertySet())
    del data["errors"]
    with pytest.raises(
        ForgefieldError, match=r"stored PropertySet has fields .* compute this property again"
    ):
        from_dict(PropertySet, data)
    with pytest.raises(ForgefieldError, match="stored PropertySet is not JSON"):
        from_json(PropertySet, '{"eos": nul')
    with pytest.raises(ForgefieldError, match="dict is not a result record"):
        to_dict({})


def test_calculator_without_equilibrium_is_a_problem_not_a_crash():
    properties = compute_property_set(bulk("Cu"), Forceful(), PropertiesSpec())
    assert properties.eos is None
    (problem,) = properties.problems
    assert problem.startswith("equation of state: energies of Cu between")


def test_failed_calculation_costs_only_its_own_property(emt):
    atoms = bulk("Cu", a=3.59)
    spec = resolve(atoms, PropertiesSpec())
    plan = plan_at_equilibrium(atoms, spec)
    evaluations = [None, *evaluate_points(plan.structures[1:], emt)]
    properties = analyse_at_equilibrium(plan, spec, evaluations)
    assert properties.elasticity is None
    assert properties.phonons is not None
    assert properties.problems == ("elasticity: 1 of 3 calculations failed; see the ledger for the reasons",)
    with pytest.raises(ForgefieldError, match="plan has 4 structures, but there are 3 evaluations"):
        analyse_at_equilibrium(plan, spec, evaluations[:3])


def test_calculator_without_stress_still_gives_the_rest():
    class NoStress(LennardJones):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012

    spec = PropertiesSpec()
    properties = compute_property_set(
        bulk("Ar", a=5.3), NoStress(sigma=3.4, epsilon=0.0104, rc=8.0, smooth=True), spec
    )
    assert properties.eos is not None
    assert properties.phonons is not None
    assert properties.elasticity is None
    assert "has no stress" in properties.problems[0]


def test_what_is_not_wanted_is_not_planned(emt):
    spec = PropertiesSpec(elasticity=None, phonons=None)
    assert resolve(bulk("Cu"), spec) == spec
    assert plan_at_equilibrium(bulk("Cu"), spec).structures == ()
    properties = compute_property_set(bulk("Cu"), emt, spec)
    assert properties.elasticity is None
    assert properties.problems == ()
