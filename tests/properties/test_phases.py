"""Several crystals of one system: each judged, and the energies between them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from forgefield.properties.equation_of_state import EquationOfState
from forgefield.properties.stored import from_dict, from_json, to_dict, to_json
from forgefield.properties.target_set import Phase, PropertiesSpec, PropertySet, compute_phases
from forgefield.properties.verdict import TargetsSpec, judge, names_crystal

ONLY_CURVES = TargetsSpec(energy_mae=None, force_mae=None, elastic_constants=None, phonon_rmse=None)


def curve(energy: float, volume: float = 10.0, modulus: float = 200.0) -> EquationOfState:
    return EquationOfState(np.zeros(0), np.zeros(0), volume, energy, modulus, 4.0, 0.0)


REFERENCE = PropertySet(curve(-8.0), phases=(Phase("anatase", curve(-7.97, 11.0, 180.0)),))


def test_each_crystal_has_rows_of_its_own_and_its_energy_is_a_difference() -> None:
    # All energies are off by 1 eV: only differences between crystals count.
    mine = PropertySet(curve(-9.0, 10.05), phases=(Phase("anatase", curve(-8.974, 11.05, 183.0)),))
    verdict = judge(mine, REFERENCE, ONLY_CURVES)
    assert [row.name for row in verdict.rows] == [
        "volume",
        "bulk modulus",
        "volume, anatase",
        "bulk modulus, anatase",
        "energy, anatase",
    ]
    energy = verdict.rows[-1]
    assert (energy.value, energy.reference) == (pytest.approx(26.0), pytest.approx(30.0))
    assert energy.deviation == pytest.approx(4.0)
    assert energy.unit == energy.value_unit == "meV/atom"
    assert verdict.holds


def test_a_wrong_difference_and_a_missing_curve_never_hold() -> None:
    wrong = PropertySet(curve(-9.0), phases=(Phase("anatase", curve(-9.01, 11.0, 180.0)),))
    assert [row.name for row in judge(wrong, REFERENCE, ONLY_CURVES).rows if not row.holds] == [
        "energy, anatase"
    ]
    for phases in ((), (Phase("anatase", None),)):
        verdict = judge(PropertySet(curve(-9.0), phases=phases), REFERENCE, ONLY_CURVES)
        assert [row.deviation for row in verdict.rows[2:]] == [None, None, None]
        assert not verdict.holds
    no_targets = ONLY_CURVES.model_copy(update={"volume": None, "bulk_modulus": None, "phase_energy": None})
    assert judge(wrong, REFERENCE, no_targets).rows == ()


def test_curves_of_real_crystals_are_those_of_emt() -> None:
    crystals = [("fcc", bulk("Cu")), ("bcc", bulk("Cu", "bcc", a=2.87)), ("sc", bulk("Cu", "sc", a=2.4))]
    phases = compute_phases(crystals, EMT(), PropertiesSpec())
    assert [phase.name for phase in phases] == ["fcc", "bcc", "sc"]
    curves = [phase.eos for phase in phases]
    assert all(each is not None for each in curves)
    energies = [each.energy for each in curves if each is not None]
    assert energies == sorted(energies)
    stored = dataclasses.replace(REFERENCE, phases=phases)
    again = from_json(PropertySet, to_json(stored))
    assert [phase.name for phase in again.phases] == ["fcc", "bcc", "sc"]
    assert again.phases[1].eos is not None
    assert again.phases[1].eos.volume == pytest.approx(curves[1].volume if curves[1] else 0.0)


def test_results_of_runs_without_other_crystals_are_still_read() -> None:
    content = to_dict(PropertySet(curve(-8.0)))
    del content["phases"]
    assert from_dict(PropertySet, content).phases == ()


def test_targets_name_crystals_by_parts_of_their_names() -> None:
    targets = TargetsSpec(structure="rutile", phases=("anatase",))
    assert names_crystal(targets, "Rutile (A2B_tP6_136_f_a) as TiO2, as measured")
    assert names_crystal(targets, "ANATASE")
    assert not names_crystal(targets, "Brookite")
    assert not names_crystal(TargetsSpec(phases=3), "Rutile")
