"""Sharing seeds and conditions out over trajectories."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from pydantic import ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Candidate
from forgefield.sampling.plan import plan_trajectories, seeds_within, stable_timestep
from forgefield.sampling.spec import ExplorationSpec


def seeds(count: int) -> list[Candidate]:
    return [Candidate(bulk("Si", a=5.4 + 0.01 * i), "prototype", f"prototype/{i}") for i in range(count)]


def test_everything_is_used_before_anything_is_used_twice():
    spec = ExplorationSpec(temperatures=(300, 900), pressures=(0.0, 5.0), trajectories=12, steps=400)
    plan = plan_trajectories(spec, seeds(5), cycle=2, rng=np.random.default_rng(0))
    assert len(plan) == 12
    starts = Counter(assignment.start.trajectory for assignment in plan)
    assert set(starts.values()) == {2, 3}
    kinds = Counter(
        (a.conditions.ensemble, a.conditions.temperature_end, a.conditions.pressure) for a in plan
    )
    assert len(kinds) == 6
    assert set(kinds.values()) == {2}
    names = [assignment.conditions.name for assignment in plan]
    assert len(set(names)) == 12
    assert names[0].startswith("cycle-02/n")
    assert names[0].endswith("K-01")
    assert {a.conditions.temperature_start for a in plan} == {300.0}
    assert {a.conditions.ramp_steps for a in plan} == {200}


def test_plan_is_reproducible():
    spec = ExplorationSpec()
    one, two, other = (
        [
            (a.start.trajectory, a.conditions)
            for a in plan_trajectories(spec, seeds(7), 1, np.random.default_rng(seed))
        ]
        for seed in (4, 4, 5)
    )
    assert one == two
    assert one != other


def test_molecules_stay_at_constant_volume():
    spec = ExplorationSpec(ensembles=("npt",), trajectories=3)
    water = Candidate(molecule("H2O"), "file", "file/water")
    for assignment in plan_trajectories(spec, [water], 1, np.random.default_rng(0)):
        assert assignment.conditions.ensemble == "nvt"
        assert "/nvt-" in assignment.conditions.name


def test_no_seeds():
    with pytest.raises(ForgefieldError, match="seed_energy_window"):
        plan_trajectories(ExplorationSpec(), [], 1, np.random.default_rng(0))


def test_light_atoms_take_short_steps():
    assert stable_timestep(ExplorationSpec(), bulk("Si")) == 2.0
    assert stable_timestep(ExplorationSpec(), molecule("H2O")) == pytest.approx(0.5, abs=0.01)
    assert stable_timestep(ExplorationSpec(timestep_fs=1.5), molecule("H2O")) == 1.5


def test_energy_window_compares_like_with_like():
    structures = [Atoms("Si2"), Atoms("Si4"), Atoms("Si2"), Atoms("SiO2"), Atoms("Si2O4")]
    energies = np.array([-10.0, -19.7, -9.5, -30.0, -59.0])
    assert seeds_within(structures, energies, 0.1) == [0, 1, 3]
    assert seeds_within(structures, energies, 0.3) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperatures": (300.0, 0.0)}, "above 0 K"),
        ({"timestep_fs": 20.0}, "at most at 10 fs"),
        ({"steps": 5}, "no frame would be seen"),
        ({"temperature": 300.0}, "Extra inputs"),
        ({"ensembles": ("nve",)}, "'nvt' or 'npt'"),
    ],
)
def test_senseless_exploration_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        ExplorationSpec(**change)


def test_every_key_is_described():
    assert all(field.description for field in ExplorationSpec.model_fields.values())
