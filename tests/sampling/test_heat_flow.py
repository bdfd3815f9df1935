"""Two reservoirs: what they give is what the atoms gain, and where they are the temperature is theirs."""

from __future__ import annotations

import numpy as np
import pytest
from ase import units
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.heat_flow import HeatedState, HeatFlowRecorder, HeatReservoirs, places
from forgefield.sampling.langevin import start_motion
from forgefield.sampling.simulation import run_motion
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

BAR = bulk("Si", cubic=True).repeat((1, 1, 8))
STEP = 0.5 * units.fs


def reservoirs(hot=600.0, cold=200.0, timestep=STEP):
    return HeatReservoirs(timestep, hot, cold, 50 * units.fs, axis=2, share=0.2)


def start(temperature=800.0):
    return start_motion(StillingerWeberSilicon(), BAR, temperature, np.random.default_rng(0))


def test_what_reservoirs_give_atoms_gain():
    potential, integrator, totals, given = StillingerWeberSilicon(), reservoirs(), [], []

    def observe(state):
        totals.append(state.energy + state.kinetic_energy)
        given.append(sum(state.given))
        assert np.abs(state.momenta.sum(axis=0)).max() < 1e-9

    end = run_motion(potential, start(), integrator, 2000, 10, observe)
    gained, supplied = np.array(totals) - totals[0], np.array(given) - given[0]
    assert np.ptp(gained) > 1.0
    np.testing.assert_allclose(gained, supplied, atol=0.01 * np.ptp(gained))
    assert end.given[0] > end.given[1]


def test_equal_reservoirs_keep_the_temperature():
    potential, integrator = StillingerWeberSilicon(), reservoirs(500.0, 500.0, 2 * units.fs)
    state = run_motion(potential, start(1000.0), integrator, 1500)
    recorder = HeatFlowRecorder(state, integrator, layers=8, per_block=100, interval=4.0)
    run_motion(potential, state, integrator, 6000, 15, recorder)
    flow = recorder.heat_flow()
    temperature = flow.kinetic.sum() / (3 * units.kB * flow.counts.sum()) * 64 / 63
    assert temperature == pytest.approx(500.0, rel=0.06)
    assert flow.counts.sum() == 400 * len(BAR)
    assert (flow.length, flow.area, flow.n_atoms) == (pytest.approx(8 * 5.43), pytest.approx(5.43**2), 64)


def test_a_run_in_two_parts_is_the_run():
    potential, integrator = StillingerWeberSilicon(), reservoirs()
    whole = run_motion(potential, start(), integrator, 40)
    parts = run_motion(potential, run_motion(potential, start(), integrator, 15), integrator, 25)
    np.testing.assert_array_equal(parts.positions, whole.positions)
    assert isinstance(parts, HeatedState)
    assert parts.given == whole.given


def test_layers_are_counted_from_the_hot_reservoir_both_ways():
    integrator = reservoirs()
    state = integrator.start(start())
    place = places(state.positions, state.cell, 2)
    recorder = HeatFlowRecorder(state, integrator, layers=4, per_block=1, interval=1.0)
    for _ in range(4):
        recorder(state)
    flow = recorder.heat_flow()
    distance = np.minimum(place, 1 - place)
    inside = (distance >= 0.125) & (distance < 0.25)
    assert flow.counts[0, 1] == inside.sum()
    own = (state.momenta**2).sum(axis=1) / state.masses
    assert flow.kinetic[0, 1] == pytest.approx(own[inside].sum())
    np.testing.assert_array_equal(flow.given, 0.0)


def test_too_short_a_run_and_empty_layers_are_refused():
    integrator = reservoirs()
    state = integrator.start(start())
    recorder = HeatFlowRecorder(state, integrator, layers=40, per_block=1, interval=1.0)
    for count in (3, 5):
        for _ in range(count):
            recorder(state)
        with pytest.raises(
            ForgefieldError, match=r"blocks of 40 layers do not show .*; run longer, or choose fewer"
        ):
            recorder.heat_flow()
