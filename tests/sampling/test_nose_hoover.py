"""Nosé–Hoover chains against statistical mechanics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import find_neighbours
from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Evaluation
from forgefield.potentials.contract import Potential
from forgefield.sampling.langevin import Chain, start_motion
from forgefield.sampling.nose_hoover import conserved_energy, nose_hoover_step, start_chain

FS = units.fs
RELAXATION = 50 * FS


@dataclass
class LennardJones(Potential):
    """Argon (ε = 0.0104 eV, σ = 3.4 Å), brought to zero at the cutoff by (1 − r²/r_c²)³."""

    cutoff: float = 7.0
    species: tuple[str, ...] = ("Ar",)

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        found = find_neighbours(atoms, self.cutoff)
        squares = (found.vectors**2).sum(axis=1)
        sixth = (3.4**2 / squares) ** 3
        bare, away = 4 * 0.0104 * (sixth**2 - sixth), 1.0 - squares / self.cutoff**2
        slope = (
            -12 * 0.0104 * (2 * sixth**2 - sixth) / squares * away**3 - 3 * bare * away**2 / self.cutoff**2
        )
        # d(pair energy)/d(r²) times 2 r; each pair is listed from both sides.
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, found.centres, 2.0 * slope[:, None] * found.vectors)
        energies = np.bincount(found.centres, 0.5 * bare * away**3, minlength=len(atoms))
        return Evaluation(float(energies.sum()), energies, forces, np.zeros(6))

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def argon(temperature: float = 120.0, seed: int = 0):
    """27 atoms of liquid density: a strongly anharmonic system, large enough for the cutoff not to matter."""
    atoms = bulk("Ar", "sc", a=3.7).repeat(3)
    potential = LennardJones()
    return potential, start_chain(start_motion(potential, atoms, temperature, np.random.default_rng(seed)))


def run(potential, motion, temperature, timestep, steps):
    for _ in range(steps):
        motion = nose_hoover_step(potential, motion, temperature, timestep, RELAXATION)
        yield motion


def test_forces_of_the_model_fluid():
    potential, motion = argon()
    atoms = motion.atoms()
    atoms.rattle(0.2, seed=1)
    forces, shift = potential.evaluate(atoms).forces, 1e-5
    for sign in (1, -1):
        atoms.positions[4, 1] += sign * shift
        forces[4, 1] += sign * potential.evaluate(atoms).energy / (2 * shift)
        atoms.positions[4, 1] -= sign * shift
    assert abs(forces[4, 1]) < 1e-7


@pytest.mark.parametrize("length", [1, 3, 5])
def test_conserved_quantity_neither_drifts_nor_depends_on_the_chain(length):
    potential, motion = argon()
    motion = start_chain(motion, length)
    start = conserved_energy(motion, 120.0, RELAXATION)
    values, totals = [], []
    for now in run(potential, motion, 120.0, 4 * FS, 2500):
        values.append(conserved_energy(now, 120.0, RELAXATION))
        totals.append(now.kinetic_energy + now.energy)
    assert np.ptp(totals) > 0.1
    assert np.abs(np.array(values) - start).max() < 2e-3
    drift = np.polyfit(np.arange(2500), values, 1)[0] * 2500
    assert abs(drift) < 5e-4


def test_error_of_the_conserved_quantity_is_of_second_order():
    worst = []
    for timestep in (8 * FS, 4 * FS):
        potential, motion = argon()
        start = conserved_energy(motion, 120.0, RELAXATION)
        steps = int(400 * FS * 8 / timestep)
        worst.append(
            max(
                abs(conserved_energy(state, 120.0, RELAXATION) - start)
                for state in run(potential, motion, 120.0, timestep, steps)
            )
        )
    assert 3.0 < worst[0] / worst[1] < 6.0


def test_kinetic_energy_is_canonical():
    """K follows a gamma distribution: mean N_f kT/2, variance N_f (kT)²/2, N_f = 3N − 3."""
    potential, motion = argon(temperature=60.0)  # half of the target: the chain has to heat
    free, thermal = 3 * len(motion.masses) - 3, units.kB * 120.0
    states = run(potential, motion, 120.0, 8 * FS, 11500)
    energies = np.array([state.kinetic_energy for state in states])[1500:]
    blocks = energies.reshape(20, -1)
    mean = blocks.mean(axis=1) / (free * thermal / 2)
    # About the exact mean, so that blocks are independent estimates.
    variance = ((blocks - free * thermal / 2) ** 2).mean(axis=1) / (free * thermal**2 / 2)
    for values, allowed in ((mean, 0.01), (variance, 0.1)):
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert error < allowed
        assert values.mean() == pytest.approx(1.0, abs=4 * error)


def test_crystal_of_silicon_reaches_the_temperature(committee, silicon):
    motion = start_chain(start_motion(committee, silicon.atoms, 300.0, np.random.default_rng(1)))
    start = conserved_energy(motion, 600.0, RELAXATION)
    temperatures = []
    for _ in range(300):
        motion = nose_hoover_step(committee, motion, 600.0, 2 * FS, RELAXATION)
        temperatures.append(motion.temperature * 24 / 21)
    assert conserved_energy(motion, 600.0, RELAXATION) == pytest.approx(start, abs=0.01)
    assert np.mean(temperatures[100:]) == pytest.approx(600.0, rel=0.25)


def test_centre_of_mass_stays_and_a_step_can_be_undone():
    """The splitting is symmetric: with all velocities reversed it goes back to where it came from."""
    potential, motion = argon()
    first = motion
    for state in run(potential, motion, 120.0, 4 * FS, 50):
        motion = state
    np.testing.assert_allclose(motion.momenta.sum(axis=0), 0.0, atol=1e-10)
    turned = Chain(motion.chain.positions, -motion.chain.velocities)
    motion = replace(motion, momenta=-motion.momenta, chain=turned)
    for state in run(potential, motion, 120.0, 4 * FS, 50):
        motion = state
    np.testing.assert_allclose(motion.positions, first.positions, atol=1e-8)
    np.testing.assert_allclose(motion.chain.positions, 0.0, atol=1e-8)


def test_same_state_same_next_state_to_the_bit():
    ends = []
    for _ in range(2):
        potential, motion = argon()
        ends.extend(run(potential, motion, 120.0, 4 * FS, 20))
    one, two = ends[19], ends[39]
    assert one.step == 20
    for name in ("positions", "momenta", "forces"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
    for name in ("positions", "velocities"):
        assert getattr(one.chain, name).tobytes() == getattr(two.chain, name).tobytes()


def test_what_a_chain_cannot_do_is_refused():
    potential, motion = argon()
    with pytest.raises(ForgefieldError, match=r"chain cannot hold 0.0 K; choose a temperature above 0 K"):
        nose_hoover_step(potential, motion, 0.0, FS, RELAXATION)
    with pytest.raises(ForgefieldError, match=r"has no Nosé–Hoover chain; begin with start_chain"):
        nose_hoover_step(potential, replace(motion, chain=None), 120.0, FS, RELAXATION)
    with pytest.raises(ForgefieldError, match="chain of 0 thermostats was asked for; use at least one"):
        start_chain(motion, 0)
    lonely = start_motion(potential, Atoms("Ar"), 100.0, np.random.default_rng(0))
    with pytest.raises(
        ForgefieldError, match="cannot thermalise 1 atom, whose momentum it conserves; use the Lang"
    ):
        start_chain(lonely)
