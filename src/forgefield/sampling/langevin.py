"""A motion of atoms as an explicit state, and its steps as pure functions: velocity Verlet and Langevin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.potentials.contract import Potential
from forgefield.sampling.barostat import Barostat, internal_pressure, strain_step


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of Nosé–Hoover thermostats.

    Its momenta are p_k = Q_k v_k; the velocities are kept, so that a programme may change the temperature, and with
    it the masses Q_k, without a jump in the friction.

    Attributes:
        positions: (M,) η_k, without unit.
        velocities: (M,) v_k = dη_k/dt, in inverse ASE time units.
    """

    positions: Array
    velocities: Array


@dataclass(frozen=True, slots=True)
class ListedAt:
    """Where the atoms were when the pair list in use was made: sums over pairs depend on its order in their last bits.

    Attributes:
        positions: (N, 3) Å.
        cell: (3, 3) Å.
    """

    positions: Array
    cell: Array


@dataclass(frozen=True, slots=True)
class MotionState:
    """Everything that decides how a trajectory goes on; ASE units.

    Attributes:
        numbers: (N,) atomic numbers.
        masses: (N,) u.
        pbc: (3,) periodicity.
        cell: (3, 3) Å, rows are cell vectors.
        positions: (N, 3) Å, not wrapped into the cell.
        momenta: (N, 3).
        energy: potential energy at these positions, eV.
        forces: (N, 3) at these positions, eV/Å.
        stress: (6,) at these positions, eV/Å³.
        generator: state of the random bit generator, as NumPy gives it.
        step: steps done.
        chain: of thermostats, where one is at work.
        strain_rate: of a cell that moves by inertia, in inverse ASE time units.
        listed_at: of the pair list that a run of many steps keeps.
    """

    numbers: NDArray[np.int64]
    masses: Array
    pbc: NDArray[np.bool_]
    cell: Array
    positions: Array
    momenta: Array
    energy: float
    forces: Array
    stress: Array
    generator: Mapping[str, Any]
    step: int = 0
    chain: Chain | None = None
    strain_rate: float = 0.0
    listed_at: ListedAt | None = None

    def atoms(self) -> Atoms:
        """The structure, without momenta and calculator."""
        return Atoms(numbers=self.numbers, positions=self.positions, cell=self.cell, pbc=self.pbc)

    @property
    def kinetic_energy(self) -> float:
        """Of all atoms, eV."""
        return 0.5 * float(np.einsum("ij,ij,i->", self.momenta, self.momenta, 1.0 / self.masses))

    @property
    def temperature(self) -> float:
        """Instantaneous temperature in K over all 3N momenta, as the Langevin thermostat moves them."""
        return 2.0 * self.kinetic_energy / (3.0 * len(self.masses) * units.kB)

    @property
    def volume(self) -> float:
        """Of the cell, Å³; 0 where it spans none."""
        return abs(float(np.linalg.det(self.cell)))


State = TypeVar("State", bound=MotionState)


def start_motion(
    potential: Potential | None, atoms: Atoms, temperature: float, rng: np.random.Generator
) -> MotionState:
    """State at step 0 with momenta from the Maxwell–Boltzmann distribution.

    Args:
        potential: gives the forces; None leaves them at zero, for `evaluated` to bring them later.
        atoms: start structure; its momenta and constraints do not count.
        temperature: K.
        rng: moves on; the trajectory then has a generator of its own that was seeded from it.

    Raises:
        ForgefieldError: the structure is empty.
    """
    if len(atoms) == 0:
        raise ForgefieldError(
            "molecular dynamics was asked for a structure without atoms", "give a structure"
        )
    own = np.random.default_rng(rng.integers(2**32, size=8))
    masses = atoms.get_masses()
    state = MotionState(
        numbers=atoms.numbers.astype(np.int64),
        masses=masses,
        pbc=np.array(atoms.pbc),
        cell=atoms.cell.array.copy(),
        positions=atoms.positions.copy(),
        momenta=thermal_momenta(masses, temperature, own),
        energy=0.0,
        forces=np.zeros((len(atoms), 3)),
        stress=np.zeros(6),
        generator=own.bit_generator.state,
    )
    return state if potential is None else evaluated(potential, state)


def thermal_momenta(masses: Array, temperature: float, rng: np.random.Generator) -> Array:
    """(N, 3) momenta drawn from the Maxwell–Boltzmann distribution.

    Args:
        masses: (N,) u.
        temperature: K.
        rng: source of randomness.
    """
    return np.sqrt(masses * units.kB * temperature)[:, None] * rng.standard_normal((len(masses), 3))


def evaluated(potential: Potential, state: State) -> State:
    """The same state with energy, forces and stress of this potential."""
    evaluation = potential.evaluate(state.atoms())
    return replace(state, energy=evaluation.energy, forces=evaluation.forces, stress=evaluation.stress)


def without_drift(state: State) -> State:
    """The same state with the centre of mass at rest.

    A drift that is a rounding error stays, so that a motion which is stopped and taken up again changes no bit.
    """
    total = state.momenta.sum(axis=0)
    if np.linalg.norm(total) <= 1e-8 * np.linalg.norm(state.momenta):
        return state
    return replace(state, momenta=state.momenta - state.masses[:, None] * (total / state.masses.sum()))


def velocity_verlet_step(potential: Potential, state: MotionState, timestep: float) -> MotionState:
    """One time step at constant energy and volume: half a kick, a drift, half a kick.

    Swope, Andersen, Berens & Wilson, J. Chem. Phys. 76, 637 (1982), eqs. 19–20.

    Args:
        potential: gives the forces.
        state: is not changed.
        timestep: ASE time units.
    """
    momenta = state.momenta + 0.5 * timestep * state.forces
    positions = state.positions + timestep * momenta / state.masses[:, None]
    moved = evaluated(potential, replace(state, positions=positions))
    return replace(moved, momenta=momenta + 0.5 * timestep * moved.forces, step=state.step + 1)


def langevin_step(
    potential: Potential,
    state: MotionState,
    temperature: float,
    timestep: float,
    damping_time: float,
    barostat: Barostat | None = None,
) -> MotionState:
    """One time step of Langevin dynamics (BAOAB), at constant volume or constant pressure.

    Leimkuhler & Matthews, J. Chem. Phys. 138, 174102 (2013), eq. 7, γ = 1/damping_time:

      B  p ← p + (dt/2) f
      A  q ← q + (dt/2) p/m
      O  p ← c p + √(kT m (1 − c²)) R,   c = exp(−γ dt)
      A, then forces at the new positions, then B

    With a barostat the cell is deformed after the first B, by the internal pressure at that moment, so a
    step still costs one evaluation.

    Args:
        potential: gives forces and stress.
        state: is not changed.
        temperature: K.
        timestep: dt, ASE time units.
        damping_time: ASE time units.
        barostat: None keeps the cell.

    Returns:
        The next state; the same state gives the same next state to the last bit.
    """
    rng = restored_generator(state.generator)
    thermal_energy = units.kB * temperature
    masses = state.masses[:, None]
    momenta = state.momenta + 0.5 * timestep * state.forces
    positions, cell = state.positions, state.cell
    if barostat is not None:
        volume = state.volume
        pressure = internal_pressure(momenta, state.masses, state.stress, volume)
        noise = rng.standard_normal((3, 3))
        deformation = strain_step(barostat, pressure, volume, thermal_energy, timestep, noise)
        cell, positions = cell @ deformation.T, positions @ deformation.T
        momenta = momenta @ np.linalg.inv(deformation)
    positions = positions + 0.5 * timestep * momenta / masses
    kept = np.exp(-timestep / damping_time)
    kick = np.sqrt(thermal_energy * masses * (1.0 - kept**2))
    momenta = kept * momenta + kick * rng.standard_normal(momenta.shape)
    positions = positions + 0.5 * timestep * momenta / masses
    moved = replace(state, positions=positions, cell=cell)
    moved = evaluated(potential, moved)
    return replace(
        moved,
        momenta=momenta + 0.5 * timestep * moved.forces,
        generator=rng.bit_generator.state,
        step=state.step + 1,
    )


def restored_generator(state: Mapping[str, Any]) -> np.random.Generator:
    """Random generator that goes on from a bit generator's state."""
    bits = getattr(np.random, state["bit_generator"])(0)
    bits.state = state
    return np.random.Generator(bits)
