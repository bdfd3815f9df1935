"""The heat current of a motion: energy that atoms carry along, and energy that flows between them.

J = Σ_i (m_i v_i²/2 + U_i − ē) v_i + Σ_i W_i·v_i with the virials W_i of `Potential.virials` (Fan, Pereira, Wang, Zheng,
Donadio & Harju, Phys. Rev. B 92, 094301 (2015)). ē is the mean energy of the atom's element: where no element
diffuses it changes nothing in the conductivity, but takes away noise (Ercole, Marcolongo, Umari & Baroni, J. Low Temp.
Phys. 185, 79 (2016)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import units

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.potentials.contract import Potential
from forgefield.sampling.barostat import internal_pressure
from forgefield.sampling.langevin import MotionState
from forgefield.sampling.simulation import ListedPotential


@dataclass(frozen=True, slots=True)
class HeatCurrent:
    """The heat current along a motion at constant energy.

    Attributes:
        values: (T, 3) eV Å per ASE time unit, evenly spaced in time.
        interval: between two of them, ASE time units.
        n_atoms: N.
        volume: Å³.
        temperature: mean, K, over 3N − 3 degrees of freedom.
        pressure: mean, eV/Å³.
        drift: total energy of the last tenth minus that of the first, eV per atom.
        diffusing: whether several elements carry it and atoms have left their places, so that ē does matter.
    """

    values: Array
    interval: float
    n_atoms: int
    volume: float
    temperature: float
    pressure: float
    drift: float
    diffusing: bool


class HeatCurrentRecorder:
    """Observer of `run_motion` that takes the heat current.

    Args:
        potential: that drives the motion, and gives virials of atoms.
        interval: between two observations, ASE time units.
    """

    def __init__(self, potential: Potential, interval: float) -> None:
        self._listed, self._interval = ListedPotential(potential), interval
        self._currents: list[Array] = []
        self._velocities: list[Array] = []
        self._element_energies: list[Array] = []
        self._totals: list[tuple[float, float, float]] = []
        self._first: MotionState | None = None
        self._last: MotionState | None = None

    def __call__(self, state: MotionState) -> None:
        """Take the current of a state.

        Raises:
            ForgefieldError: the potential gives no virials of atoms.
        """
        atoms = state.atoms()
        velocities = state.momenta / state.masses[:, None]
        energies = (
            0.5 * np.einsum("ia,ia->i", state.momenta, velocities) + self._listed.evaluate(atoms).energies
        )
        virials = self._listed.virials(atoms)
        self._currents.append(energies @ velocities + np.einsum("iab,ib->a", virials, velocities))
        kinds = [state.numbers == number for number in np.unique(state.numbers)]
        self._velocities.append(np.array([velocities[kind].sum(axis=0) for kind in kinds]))
        self._element_energies.append(np.array([energies[kind].mean() for kind in kinds]))
        pressure = internal_pressure(state.momenta, state.masses, state.stress, state.volume)
        self._totals.append(
            (state.energy + state.kinetic_energy, state.kinetic_energy, np.trace(pressure) / 3)
        )
        self._first, self._last = self._first or state, state

    def heat_current(self) -> HeatCurrent:
        """What was recorded.

        Raises:
            ForgefieldError: fewer than ten observations.
        """
        if self._first is None or self._last is None or len(self._currents) < 10:
            raise ForgefieldError(
                f"{len(self._currents)} samples of the heat current say nothing",
                "run longer or sample more often",
            )
        means = np.mean(self._element_energies, axis=0)
        values = np.array(self._currents) - np.einsum("s,tsa->ta", means, np.array(self._velocities))
        total, kinetic, pressure = np.array(self._totals).T
        n_atoms, tenth = len(self._first.numbers), max(1, len(total) // 10)
        moved = np.linalg.norm(self._last.positions - self._first.positions, axis=1).max()
        return HeatCurrent(
            values=values,
            interval=self._interval,
            n_atoms=n_atoms,
            volume=self._first.volume,
            temperature=float(2 * kinetic.mean() / (3 * (n_atoms - 1) * units.kB)),
            pressure=float(pressure.mean()),
            drift=float(total[-tenth:].mean() - total[:tenth].mean()) / n_atoms,
            diffusing=len(means) > 1 and bool(moved > (self._first.volume / n_atoms) ** (1 / 3)),
        )
