"""Nosé–Hoover chain dynamics as pure functions over an explicit state: `start_chain` and `nose_hoover_step`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import units

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.potentials.contract import Potential
from forgefield.sampling.langevin import Chain, MotionState, velocity_verlet_step, without_drift

_FOURTH_ORDER = 1.0 / (2.0 - 2.0 ** (1.0 / 3.0))
# Suzuki–Yoshida weights of fourth order: three parts of a step that sum to one.
_WEIGHTS = (_FOURTH_ORDER, 1.0 - 2.0 * _FOURTH_ORDER, _FOURTH_ORDER)


def start_chain(motion: MotionState, length: int = 3) -> MotionState:
    """The motion with a chain at rest, without the drift of the centre of mass, which no chain could thermalise.

    Args:
        motion: at least two atoms.
        length: M, number of thermostats.

    Raises:
        ForgefieldError: fewer than two atoms, or a chain without thermostats.
    """
    if len(motion.masses) < 2:
        raise ForgefieldError(
            f"a Nosé–Hoover chain cannot thermalise {len(motion.masses)} atom, whose momentum it conserves",
            "use the Langevin thermostat",
        )
    if length < 1:
        raise ForgefieldError(
            f"a Nosé–Hoover chain of {length} thermostats was asked for", "use at least one"
        )
    return replace(without_drift(motion), chain=Chain(np.zeros(length), np.zeros(length)))


def nose_hoover_step(
    potential: Potential,
    motion: MotionState,
    temperature: float,
    timestep: float,
    relaxation_time: float,
) -> MotionState:
    """One time step at constant volume and temperature, without random numbers.

    The equations of motion are those of Martyna, Klein & Tuckerman, J. Chem. Phys. 97, 2635 (1992), with
    Q_1 = N_f kT τ² and Q_k = kT τ²; the integrator is the explicit reversible one of Martyna, Tuckerman, Tobias &
    Klein, Mol. Phys. 87, 1117 (1996), eqs. 23–29: half a step of the chain, split after Suzuki and Yoshida, a
    velocity-Verlet step, half a step of the chain. N_f = 3N − 3, since forces conserve the total momentum. It samples
    the canonical ensemble of periodic systems that are ergodic; of an isolated molecule it would keep the direction
    of the angular momentum.

    Args:
        potential: gives the forces.
        motion: is not changed; with a chain and without drift, as `start_chain` gives it.
        temperature: T, K, above zero.
        timestep: ASE time units.
        relaxation_time: τ, ASE time units.

    Returns:
        The next motion; the same state gives the same next state to the last bit.

    Raises:
        ForgefieldError: a temperature that is not above zero, or no chain.
    """
    before = _chain_of(motion)
    targets = _targets(motion, before, temperature)
    masses = targets * relaxation_time**2
    half, factor = _half_step(2.0 * motion.kinetic_energy, before, targets, masses, timestep)
    moved = velocity_verlet_step(potential, replace(motion, momenta=factor * motion.momenta), timestep)
    after, factor = _half_step(2.0 * moved.kinetic_energy, half, targets, masses, timestep)
    return replace(moved, momenta=factor * moved.momenta, chain=after)


def conserved_energy(motion: MotionState, temperature: float, relaxation_time: float) -> float:
    """What the dynamics conserves at constant temperature, eV: H' = K + U + Σ_k (Q_k v_k²/2 + kT_k η_k).

    kT_1 = N_f kT, and kT for the others. Martyna, Klein & Tuckerman (1992), eq. 2.10.
    """
    chain = _chain_of(motion)
    targets = _targets(motion, chain, temperature)
    thermostats = targets @ (0.5 * (relaxation_time * chain.velocities) ** 2 + chain.positions)
    return float(motion.kinetic_energy + motion.energy + thermostats)


def _chain_of(motion: MotionState) -> Chain:
    if motion.chain is None:
        raise ForgefieldError("this motion has no Nosé–Hoover chain", "begin with start_chain")
    return motion.chain


def _targets(motion: MotionState, chain: Chain, temperature: float) -> Array:
    """(M,) what twice the kinetic energy before each thermostat should be: N_f kT for the atoms, kT then."""
    if not temperature > 0.0:
        raise ForgefieldError(
            f"a Nosé–Hoover chain cannot hold {temperature} K", "choose a temperature above 0 K"
        )
    targets = np.full(len(chain.positions), units.kB * temperature)
    targets[0] *= 3 * len(motion.masses) - 3
    return targets


def _half_step(
    twice_kinetic: float, chain: Chain, targets: Array, masses: Array, timestep: float
) -> tuple[Chain, float]:
    """The chain after half a step, and the factor by which it scales the atoms' momenta.

    Every thermostat is driven by the kinetic energy of the one before it, the first by that of the atoms, and slowed
    down by the one behind it.
    """
    positions, velocities = chain.positions.copy(), chain.velocities.copy()
    factor = 1.0

    def pull(k: int, part: float) -> None:
        twice = twice_kinetic * factor**2 if k == 0 else masses[k - 1] * velocities[k - 1] ** 2
        behind = velocities[k + 1] if k + 1 < len(velocities) else 0.0
        friction = np.exp(-0.25 * part * behind)
        velocities[k] = (velocities[k] * friction + 0.5 * part * (twice - targets[k]) / masses[k]) * friction

    for weight in _WEIGHTS:
        part = 0.5 * timestep * weight
        for k in reversed(range(len(velocities))):
            pull(k, part)
        factor *= float(np.exp(-part * velocities[0]))
        positions += part * velocities
        for k in range(len(velocities)):
            pull(k, part)
    return Chain(positions, velocities), factor
