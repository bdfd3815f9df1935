"""A cell that moves by its own inertia: what it conserves, and what it samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk

from forgefield.sampling.langevin import MotionState, start_motion
from forgefield.sampling.observables import pressure
from forgefield.sampling.piston import ConstantEnthalpy, piston_mass
from forgefield.sampling.simulation import run_motion
from forgefield.testing.lennard_jones import LennardJones

POTENTIAL = LennardJones("H", cutoff=2.5)
STEP, TEMPERATURE, PRESSURE = 0.004, 4000.0, 2.0


def crystal() -> MotionState:
    atoms = bulk("H", "fcc", a=1.55, cubic=True) * (3, 3, 3)
    return start_motion(POTENTIAL, atoms, TEMPERATURE, np.random.default_rng(0))


def piston(axes: tuple[int, ...] = (0, 1, 2), step: float = STEP) -> ConstantEnthalpy:
    return ConstantEnthalpy(step, PRESSURE, piston_mass(108, TEMPERATURE, 0.5, len(axes)), axes)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2,)])
def test_enthalpy_is_conserved_to_second_order(axes):
    scatters = []
    for shortening in (1, 2):
        integrator, values, energies = piston(axes, STEP / shortening), [], []

        def note(state, integrator=integrator, values=values, energies=energies):
            values.append(integrator.conserved_energy(state))
            energies.append(state.energy + state.kinetic_energy)

        run_motion(POTENTIAL, crystal(), integrator, 500 * shortening, shortening, note)
        assert np.std(energies) > 30 * np.std(values)
        scatters.append(np.std(values[50:]))
        assert abs(np.polyfit(np.arange(500), values, 1)[0]) * 500 < 0.05
    assert 3.0 < scatters[0] / scatters[1] < 5.0


def test_axes_without_a_piston_keep_their_length():
    start = crystal()
    end = run_motion(POTENTIAL, start, piston((2,)), 200)
    np.testing.assert_array_equal(end.cell[:2], start.cell[:2])
    assert abs(end.cell[2, 2] / start.cell[2, 2] - 1) > 1e-3


def test_pressure_settles_at_the_one_wanted():
    pressures: list[float] = []
    state = run_motion(POTENTIAL, crystal(), piston(), 2000)
    run_motion(POTENTIAL, state, piston(), 4000, 10, lambda each: pressures.append(pressure(each)))
    blocks = np.array(pressures).reshape(10, -1).mean(axis=1)
    error = blocks.std(ddof=1) / np.sqrt(10)
    assert error < 0.05
    assert blocks.mean() == pytest.approx(PRESSURE, abs=4 * error)


def test_a_step_can_be_undone():
    start = piston().start(crystal())
    there = run_motion(POTENTIAL, start, piston(), 60)
    turned = replace(there, momenta=-there.momenta, strain_rate=-there.strain_rate)
    back = run_motion(POTENTIAL, turned, piston(), 60)
    # The third power of v dt is left out of the positions' growth.
    np.testing.assert_allclose(back.positions, start.positions, rtol=0, atol=1e-7)
    np.testing.assert_allclose(back.cell, start.cell, rtol=0, atol=1e-9)
