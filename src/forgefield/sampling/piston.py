"""Constant enthalpy and pressure: a cell that moves by its own inertia, without a thermostat.

Two phases that meet in such a cell find their melting temperature by themselves: what freezes sets heat free.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase import units

from forgefield.atoms.records import Array
from forgefield.potentials.contract import Potential
from forgefield.sampling.barostat import internal_pressure
from forgefield.sampling.langevin import MotionState, evaluated, without_drift


@dataclass(frozen=True, slots=True)
class ConstantEnthalpy:
    """Velocity Verlet with a piston on some axes, whose strain ε is common to them.

    The equations of motion are those of Martyna, Tobias & Klein, J. Chem. Phys. 101, 4177 (1994), section II, with
    the thermostats left out and the isotropic strain applied to the d axes of the piston alone. With v = dε/dt

      dr_a/dt = p_a/m + v r_a,   dp_a/dt = f_a − (1 + 1/N) v p_a   (a: an axis of the piston)
      W dv/dt = Σ_a [V (P_aa − P0) + (1/N) Σ_i p_ia²/m_i]

    conserve H' = K + U + P0 V + W v²/2. The splitting is symmetric, so a step can be undone.

    Attributes:
        timestep: ASE time units.
        pressure: P0, eV/Å³.
        piston_mass: W, eV times the square of an ASE time unit.
        axes: Cartesian axes of the piston; the cell vectors along others, and only they, keep their components.
    """

    timestep: float
    pressure: float
    piston_mass: float
    axes: tuple[int, ...] = (0, 1, 2)
    conserves_momentum = True

    def start(self, state: MotionState) -> MotionState:
        """Takes out the drift of the centre of mass."""
        return without_drift(state)

    def step(self, potential: Potential, state: MotionState) -> MotionState:
        """The next state."""
        half, chosen = 0.5 * self.timestep, list(self.axes)
        rate = state.strain_rate + half * self._push(state) / self.piston_mass
        momenta = self._kick(state.momenta, state.forces, rate)
        growth, middle = np.ones(3), np.ones(3)
        growth[chosen] = np.exp(rate * self.timestep)
        # ∫ exp(v s) ds over the step is dt exp(v dt/2) sinh(v dt/2)/(v dt/2); the last factor is 1 to (v dt)²/24.
        middle[chosen] = np.exp(rate * half) * (1.0 + (rate * half) ** 2 / 6.0)
        velocities = momenta / state.masses[:, None]
        positions = growth * state.positions + self.timestep * middle * velocities
        moved = evaluated(potential, replace(state, positions=positions, cell=state.cell * growth))
        moved = replace(moved, momenta=self._kick(momenta, moved.forces, rate), step=state.step + 1)
        return replace(moved, strain_rate=rate + half * self._push(moved) / self.piston_mass)

    def conserved_energy(self, state: MotionState) -> float:
        """H', eV."""
        piston = 0.5 * self.piston_mass * state.strain_rate**2
        return state.kinetic_energy + state.energy + self.pressure * state.volume + piston

    def _push(self, state: MotionState) -> float:
        """W dv/dt, eV."""
        volume, n_atoms, chosen = state.volume, len(state.masses), list(self.axes)
        along = np.diag(internal_pressure(state.momenta, state.masses, state.stress, volume))[chosen]
        twice_kinetic = float((state.momenta[:, chosen] ** 2 / state.masses[:, None]).sum())
        return float(volume * (along - self.pressure).sum()) + twice_kinetic / n_atoms

    def _kick(self, momenta: Array, forces: Array, rate: float) -> Array:
        """Half a step of the momenta: the piston's drag, the forces, the drag again."""
        drag = np.ones(3)
        drag[list(self.axes)] = np.exp(-0.25 * self.timestep * (1.0 + 1.0 / len(momenta)) * rate)
        return (momenta * drag + 0.5 * self.timestep * forces) * drag


def piston_mass(n_atoms: int, temperature: float, relaxation_time: float, axes: int = 3) -> float:
    """W = d (N + 1) kT τ² of a piston on d axes that answers within τ.

    Args:
        n_atoms: N.
        temperature: K.
        relaxation_time: τ, ASE time units.
        axes: d.
    """
    return axes * (n_atoms + 1) * units.kB * temperature * relaxation_time**2
