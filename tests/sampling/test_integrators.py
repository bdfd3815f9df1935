"""The loop of molecular dynamics against ASE and statistical mechanics, and its pair list."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.md.verlet import VelocityVerlet as AseVelocityVerlet

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.barostat import Barostat
from forgefield.sampling.integrators import Langevin, NoseHooverChain, VelocityVerlet
from forgefield.sampling.langevin import MotionState, start_motion
from forgefield.sampling.simulation import ListedPotential, run_motion
from forgefield.testing.lennard_jones import LennardJones

FS = units.fs
STEP = 0.005
"""Of a Lennard-Jones fluid, ASE units; a fiftieth of a period."""


def crystal(repeats: int = 4) -> Atoms:
    return bulk("H", "fcc", a=1.6, cubic=True) * (repeats, repeats, repeats)


@pytest.fixture(scope="module")
def lennard_jones() -> LennardJones:
    return LennardJones("H", cutoff=2.5)


@pytest.fixture
def hot(lennard_jones) -> MotionState:
    """A crystal on its way to melting: pairs change their neighbours."""
    return start_motion(lennard_jones, crystal(), 15000.0, np.random.default_rng(0))


def same_bits(one: MotionState, other: MotionState) -> bool:
    arrays = ("positions", "momenta", "forces", "stress", "cell")
    return one.energy == other.energy and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in arrays
    )


def test_same_motion_as_ase(lennard_jones, hot):
    start = VelocityVerlet(STEP).start(hot)
    atoms = start.atoms()
    atoms.set_momenta(start.momenta)
    atoms.calc = lennard_jones.calculator()
    AseVelocityVerlet(atoms, STEP).run(200)
    end = run_motion(lennard_jones, hot, VelocityVerlet(STEP), 200)
    np.testing.assert_allclose(end.positions, atoms.positions, rtol=0, atol=1e-10)
    np.testing.assert_allclose(end.momenta, atoms.get_momenta(), rtol=0, atol=1e-10)
    assert np.abs(end.positions - start.positions).max() > 0.2


def test_total_energy_and_momentum_are_conserved(lennard_jones, hot):
    """Shorter steps scatter with their square: the integrator is of second order."""
    scatters = []
    for shortening in (1, 2):
        energies: list[float] = []
        run_motion(
            lennard_jones, hot, VelocityVerlet(STEP / shortening), 400 * shortening, shortening,
            lambda state, energies=energies: energies.append(state.energy + state.kinetic_energy),
        )  # fmt: skip
        scatters.append(np.std(energies[50:]) / len(hot.masses))
    assert scatters[0] < 1e-3
    assert 3.0 < scatters[0] / scatters[1] < 5.0
    end = run_motion(lennard_jones, hot, VelocityVerlet(STEP), 50)
    np.testing.assert_allclose(end.momenta.sum(axis=0), 0.0, atol=1e-9)


def test_motion_can_be_undone(lennard_jones, hot):
    start = VelocityVerlet(STEP).start(hot)
    there = run_motion(lennard_jones, start, VelocityVerlet(STEP), 100)
    back = run_motion(lennard_jones, replace(there, momenta=-there.momenta), VelocityVerlet(STEP), 100)
    np.testing.assert_allclose(back.positions, start.positions, rtol=0, atol=1e-8)
    np.testing.assert_allclose(back.momenta, -start.momenta, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    "integrator",
    [
        VelocityVerlet(STEP),
        Langevin(STEP, 15000.0, 0.5),
        Langevin(STEP, lambda step: 5000.0 + 100.0 * step, 0.5, Barostat(0.5, 30.0, 0.5, isotropic=False)),
        NoseHooverChain(STEP, 15000.0, 0.5),
    ],
    ids=["verlet", "langevin", "constant-pressure", "nose-hoover"],
)
def test_a_run_in_parts_is_the_run_in_a_whole_to_the_bit(integrator, lennard_jones, hot):
    """Though the pair list, whose order decides about the last bits, was made at some other step."""
    seen: list[int] = []
    whole = run_motion(lennard_jones, hot, integrator, 90, 10, lambda state: seen.append(state.step))
    assert seen == list(range(10, 91, 10))
    part = run_motion(lennard_jones, hot, integrator, 37)
    part = run_motion(lennard_jones, pickle.loads(pickle.dumps(part)), integrator, 53)
    assert same_bits(whole, part)
    assert part.step == 90
    assert whole.listed_at.positions.tobytes() == part.listed_at.positions.tobytes()
    assert whole.listed_at.positions.tobytes() != hot.positions.tobytes()


def test_pair_list_is_kept_and_changes_nothing(lennard_jones, hot):
    listed = ListedPotential(lennard_jones)
    state = start_motion(listed, crystal(), 15000.0, np.random.default_rng(0))
    for _ in range(60):
        state = VelocityVerlet(STEP).step(listed, state)
    assert 2 < listed.pairs.builds < 20
    bare = lennard_jones.evaluate(state.atoms())
    assert state.energy == pytest.approx(bare.energy, abs=1e-9)
    np.testing.assert_allclose(state.forces, bare.forces, atol=1e-9)


def test_potentials_that_find_their_own_pairs_get_none(make_springs):
    atoms = crystal(2)
    springs = make_springs(atoms.positions.copy(), 1.0)
    state = start_motion(springs, atoms, 300.0, np.random.default_rng(0))
    assert run_motion(springs, state, VelocityVerlet(FS), 10).listed_at is None
    assert ListedPotential(LennardJones()).pairs is None


def test_kinetic_energy_under_langevin_is_canonical(make_springs):
    """Mean 3N kT/2 and variance 3N (kT)²/2, of harmonic oscillators with a period of 200 fs."""
    atoms = bulk("Cu", cubic=True)
    springs = make_springs(atoms.positions.copy(), 63.546 * (2 * np.pi / (200 * FS)) ** 2)
    state = start_motion(springs, atoms, 300.0, np.random.default_rng(4))
    thermal, energies = units.kB * 300.0, []
    integrator = Langevin(10 * FS, 300.0, 50 * FS)
    run_motion(springs, state, integrator, 24000, 1, lambda each: energies.append(each.kinetic_energy))
    blocks = np.array(energies).reshape(24, -1)
    for values, exact in (
        (blocks.mean(axis=1), 6 * thermal),
        (((blocks - 6 * thermal) ** 2).mean(axis=1), 6 * thermal**2),
    ):
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert error < 0.05 * exact
        # The positions of a harmonic oscillator are exact under this splitting, its momenta to (ω dt)²/4.
        assert values.mean() == pytest.approx(exact, abs=4 * error + 0.05 * exact)


def test_progress_is_told_after_each_step(lennard_jones, hot):
    done: list[int] = []
    run_motion(lennard_jones, hot, VelocityVerlet(STEP), 3, progress=done.append)
    assert done == [1, 2, 3]


def test_motion_that_runs_away_is_reported(make_springs):
    atoms = crystal(1)
    springs = make_springs(atoms.positions.copy(), np.nan)
    state = start_motion(springs, atoms, 300.0, np.random.default_rng(0))
    with pytest.raises(
        ForgefieldError,
        match=r"has run away: the energy is nan eV at step 1; take a time step below 2 fs, or relax",
    ):
        run_motion(springs, state, VelocityVerlet(2 * FS), 10)
