"""The verdict: what holds, what falls short, what is missing."""

import dataclasses

import numpy as np
import pytest
from ase.build import bulk

from forgefield.properties.elasticity import ElasticConstant, Elasticity
from forgefield.properties.equation_of_state import EquationOfState
from forgefield.properties.errors import prediction_errors
from forgefield.properties.phonons import BandStructure, Phonons
from forgefield.properties.point import PointValues
from forgefield.properties.stored import from_json, to_json
from forgefield.properties.target_set import PropertiesSpec, PropertySet, compute_property_set
from forgefield.properties.verdict import TargetsSpec, Verdict, judge, only_needed


def eos(volume=20.0, modulus=100.0):
    return EquationOfState(np.zeros(0), np.zeros(0), volume, -5.0, modulus, 4.0, 0.0)


def elastic(**values):
    constants = tuple(ElasticConstant(name, value, value) for name, value in values.items())
    return Elasticity(np.eye(6), np.eye(6), constants, 1.0, 1.0, 1.0, 1.0, 227, True)


def modes(shift=0.0):
    frequencies = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]) + shift
    bands = BandStructure(np.zeros((1, 3)), np.zeros(1), frequencies[:1], ())
    cell, mesh, qpoints = np.eye(3, dtype=np.int64), np.array([2, 1, 1]), np.array([[0.0, 0, 0], [0.5, 0, 0]])
    return Phonons(cell, mesh, qpoints, np.array([0.25, 0.75]), frequencies, bands, None, 1.0, False)


def errors(energy, force):
    def one(e, f):
        return [PointValues(e, np.full((1, 3), f), None)]

    return prediction_errors(one(energy, force), one(0.0, 0.0))


REFERENCE = PropertySet(eos(), elastic(C11=160.0, C12=60.0, C44=80.0), modes())


def row(verdict, name):
    (found,) = [r for r in verdict.rows if r.name == name]
    return found


def test_verdict_holds_when_every_target_does():
    good = PropertySet(
        eos(20.1, 97.5), elastic(C11=150.0, C12=62.0, C44=75.0), modes(0.2), errors(0.003, 0.07)
    )
    verdict = judge(good, REFERENCE, TargetsSpec())
    assert verdict.holds
    assert [r.name for r in verdict.rows] == [
        "energy MAE, held out",
        "force MAE, held out",
        "volume",
        "bulk modulus",
        "C11",
        "C12",
        "C44",
        "phonon RMSE",
    ]
    modulus = row(verdict, "bulk modulus")
    assert modulus.deviation == pytest.approx(2.5)
    assert (modulus.target, modulus.value, modulus.reference) == (3.0, 97.5, 100.0)
    assert (modulus.unit, modulus.value_unit) == ("%", "GPa")
    assert row(verdict, "energy MAE, held out").deviation == pytest.approx(3.0)
    assert row(verdict, "phonon RMSE").deviation == pytest.approx(0.2)
    assert from_json(Verdict, to_json(verdict)) == verdict


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"eos": eos(volume=20.3)}, "volume"),
        ({"eos": eos(modulus=96.0)}, "bulk modulus"),
        ({"elasticity": elastic(C11=160.0, C12=60.0, C44=70.0)}, "C44"),
        ({"phonons": modes(0.31)}, "phonon RMSE"),
        ({"errors": errors(0.005, 0.0)}, "energy MAE, held out"),
        ({"errors": errors(0.0, 0.09)}, "force MAE, held out"),
    ],
)
def test_one_miss_fails_the_verdict_and_no_other_row(change, name):
    perfect = dataclasses.replace(REFERENCE, errors=errors(0.0, 0.0))
    verdict = judge(dataclasses.replace(perfect, **change), REFERENCE, TargetsSpec())
    assert not verdict.holds
    assert [r.name for r in verdict.rows if not r.holds] == [name]


def test_not_a_number_never_holds():
    broken = PropertySet(
        eos(float("nan"), float("inf")),
        elastic(C11=float("nan"), C12=60.0, C44=80.0),
        modes(float("nan")),
        errors(float("nan"), float("nan")),
    )
    verdict = judge(broken, REFERENCE, TargetsSpec())
    assert [r.name for r in verdict.rows if r.holds] == ["C12", "C44"]
    assert all(r.deviation is None for r in verdict.rows if not r.holds)
    to_json(verdict)


@pytest.mark.parametrize(("mine", "theirs"), [(PropertySet(), REFERENCE), (REFERENCE, PropertySet())])
def test_missing_properties_fail_by_name(mine, theirs):
    verdict = judge(mine, theirs, TargetsSpec())
    assert not verdict.holds
    assert not any(r.holds for r in verdict.rows)
    assert {"volume", "bulk modulus", "C11", "C12", "C44", "phonon RMSE"} <= {r.name for r in verdict.rows}


def test_both_missing_still_has_a_row_for_each_target():
    names = [r.name for r in judge(PropertySet(), PropertySet(), TargetsSpec()).rows]
    assert "elastic constants" in names
    assert len(names) == 6


def test_targets_set_to_none_are_not_judged():
    none = dict.fromkeys(
        ["energy_mae", "force_mae", "volume", "bulk_modulus", "elastic_constants", "phonon_rmse"]
    )
    assert judge(PropertySet(), PropertySet(), TargetsSpec(**none)) == Verdict((), True)
    only = judge(PropertySet(eos=eos()), REFERENCE, TargetsSpec(**{**none, "volume": 1.0}))
    assert [r.name for r in only.rows] == ["volume"]
    assert only.holds


def test_soft_constants_are_not_judged():
    soft = dataclasses.replace(REFERENCE, elasticity=elastic(C11=160.0, C14=-4.0, C15=-40.0))
    verdict = judge(soft, soft, TargetsSpec())
    assert [r.name for r in verdict.rows if r.name.startswith("C")] == ["C11", "C15"]


def test_only_what_is_judged_is_computed():
    spec = only_needed(PropertiesSpec(), TargetsSpec(phonon_rmse=None))
    assert spec.phonons is None
    assert spec.elasticity is not None
    assert only_needed(PropertiesSpec(), TargetsSpec()) == PropertiesSpec()


def test_a_potential_judged_by_itself_is_perfect(stillinger_weber):
    properties = compute_property_set(bulk("Si"), stillinger_weber, PropertiesSpec())
    verdict = judge(properties, properties, TargetsSpec(energy_mae=None, force_mae=None))
    assert verdict.holds
    assert all(r.deviation == 0 for r in verdict.rows)
