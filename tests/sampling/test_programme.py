"""Programmes of temperature and pressure."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from ase import units
from ase.build import bulk, molecule
from pydantic import ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.langevin import langevin_step, start_motion
from forgefield.sampling.programme import ProgrammeSpec, plan_programme, programme_step

ANNEAL = """
programme:
  - {from: 300, to: 900, steps: 20, ensemble: nvt}
  - {from: 900, steps: 10, thermostat: nose-hoover}
  - {from: 900, to: 300, steps: 20, ensemble: npt, pressure: 2, end_pressure: 0, cell_shape: isotropic}
"""


def spec(text: str = ANNEAL) -> ProgrammeSpec:
    return ProgrammeSpec.model_validate(yaml.safe_load(text))


def test_temperature_and_pressure_follow_the_segments():
    programme = plan_programme(spec(), bulk("Si", cubic=True), "anneal")
    assert programme.steps == 50
    steps = [0, 10, 20, 29, 30, 40, 50, 70]
    assert [programme.temperature_at(step) for step in steps] == [300, 600, 900, 900, 900, 600, 300, 300]
    segment, within = programme.segment_at(40)
    assert (segment.conditions.ensemble, within) == ("npt", 10)
    assert segment.barostat_at(10).pressure == pytest.approx(1.0 * units.GPa)
    assert segment.barostat_at(10).isotropic
    assert programme.segment_at(25)[0].barostat_at(5) is None
    assert {each.conditions.timestep for each in programme.segments} == {2.0}


def test_automatic_time_step_is_short_for_hydrogen():
    programme = plan_programme(spec("programme: [{from: 300, steps: 5}]"), molecule("H2O"), "water")
    assert programme.segments[0].conditions.timestep == pytest.approx(0.5, abs=0.01)


def test_settings_survive_json():
    assert ProgrammeSpec.model_validate_json(spec().model_dump_json()) == spec()
    assert ProgrammeSpec.model_validate_json(spec().model_dump_json(by_alias=True)) == spec()


def test_steps_are_those_of_the_segment_at_work(committee, silicon):
    programme = plan_programme(spec(), silicon.atoms, "anneal")
    state = start_motion(committee, silicon.atoms, 300.0, np.random.default_rng(0))
    expected = langevin_step(committee, state, 300.0, 2 * units.fs, 100 * units.fs)
    chains, volumes = [], []
    for step in range(50):
        state = programme_step(committee, state, programme)
        if step == 0:
            assert state.positions.tobytes() == expected.positions.tobytes()
        chains.append(state.chain is not None)
        volumes.append(np.linalg.det(state.cell))
    assert state.step == 50
    assert chains == [20 <= step < 30 for step in range(50)]
    assert np.ptp(volumes[:30]) == 0.0
    assert np.ptp(volumes[30:]) > 0.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("programme: []", "at least 1 item"),
        ("programme: [{from: -3, steps: 5}]", "greater than 0"),
        (
            "programme: [{from: 300, steps: 5, ensemble: npt, thermostat: nose-hoover}]",
            "choose ensemble nvt, or",
        ),
        ("programme: [{from: 300, steps: 5, pressure: 3}]", "a pressure of 3.0 GPa needs ensemble npt"),
        ("programme: [{from: 300, steps: 5, end_pressure: 1}]", "a pressure of 1.0 GPa needs ensemble npt"),
        ("{programme: [{from: 300, steps: 5}], timestep_fs: 20}", "timestep_fs 20.0 must lie above 0"),
        ("programme: [{from: 300, steps: 5, until: 3}]", "Extra inputs"),
    ],
)
def test_senseless_programmes_are_refused(text, message):
    with pytest.raises(ValidationError, match=message):
        spec(text)


def test_constant_pressure_needs_a_crystal():
    with pytest.raises(
        ForgefieldError, match=r"anneal: constant pressure needs a structure.*use the nvt ensemble"
    ):
        plan_programme(spec(), molecule("H2O", vacuum=4.0), "anneal")
