"""A crystal beside its own melt: preparation, and free motion at constant enthalpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import shortest_distance
from forgefield.atoms.records import Array
from forgefield.potentials.contract import Potential
from forgefield.properties.two_phases import LayerOrder, stacked
from forgefield.sampling.barostat import Barostat
from forgefield.sampling.integrators import Langevin
from forgefield.sampling.langevin import MotionState, start_motion
from forgefield.sampling.observables import observed
from forgefield.sampling.piston import ConstantEnthalpy, piston_mass
from forgefield.sampling.simulation import run_motion

_MOLTEN = 0.4
"""Of the crystal's order: half way between a melt's, which is that of chance, and the crystal's."""
_HOTTEST = 6.0
"""Times the temperature of the start, up to which a crystal is heated to melt it."""
_NORMAL = 2
"""Axis along which the phases lie on each other."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds throughout, in ASE units.

    Attributes:
        potential: drives the motion.
        pressure: eV/Å³.
        bulk_modulus: rough value, eV/Å³.
        timestep: ASE time units.
        relaxation_time: of thermostat and barostat, ASE time units.
        settling: steps in which a phase comes to its own.
        rng: of velocities and noise.
        progress: called with the number of steps done after each step of a run.
    """

    potential: Potential
    pressure: float
    bulk_modulus: float
    timestep: float
    relaxation_time: float
    settling: int
    rng: np.random.Generator
    progress: Callable[[int], None] | None = None

    def hold(
        self, state: MotionState, temperature: float, shape: str, steps: int
    ) -> tuple[MotionState, Array]:
        """Constant temperature and pressure.

        Args:
            state: to start from.
            temperature: K.
            shape: of the cell's motion: ``volume``, ``free`` or ``normal``, the height alone.
            steps: how many.

        Returns:
            The last state, and cells (S, 3, 3) on the way.
        """
        axis = _NORMAL if shape == "normal" else None
        barostat = Barostat(self.pressure, self.bulk_modulus, self.relaxation_time, shape == "volume", axis)
        integrator = Langevin(self.timestep, temperature, self.relaxation_time, barostat)
        cells: list[Array] = []
        end = run_motion(
            self.potential, state, integrator, steps, 10, lambda each: cells.append(each.cell), self.progress
        )
        return end, np.array(cells)


@dataclass(frozen=True, slots=True)
class TwoPhases:
    """A cell with both phases, settled at a temperature.

    Attributes:
        state: the motion.
        order: tells layers apart.
        crystal_order: of the crystal alone at this temperature.
    """

    state: MotionState
    order: LayerOrder
    crystal_order: float

    def crystalline_share(self, state: MotionState) -> float:
        """Of the layers of a later state."""
        return self.order.crystalline_share(state.positions, state.cell, self.crystal_order)


def two_phases(block: Atoms, cubic: bool, temperature: float, around: Surroundings) -> TwoPhases:
    """Settle the crystal, melt a copy in a cell of the same width, put one on the other, and let them settle.

    Args:
        block: of the crystal, upright.
        cubic: whether its vectors stay equally long.
        temperature: K.
        around: what holds throughout.

    Raises:
        ForgefieldError: the crystal melts at this temperature by itself, or does not even when heated far above it.
    """
    order = LayerOrder.of(block)
    lengths = block.cell.lengths()
    state = start_motion(around.potential, block, 2.0 * temperature, around.rng)
    state, cells = around.hold(state, temperature, "volume" if cubic else "free", around.settling)
    crystal = block.copy()
    crystal.set_scaled_positions(np.linalg.solve(state.cell.T, state.positions.T).T)
    scales = np.linalg.norm(cells[len(cells) // 2 :], axis=2).mean(axis=0) / lengths
    crystal.set_cell(block.cell.array * scales, scale_atoms=True)
    crystal_order = float(order.layers(crystal.positions, crystal.cell.array).mean())
    perfect = float(order.layers(block.positions, block.cell.array).mean())
    if crystal_order < _MOLTEN * perfect:
        raise ForgefieldError(
            f"{block.get_chemical_formula(empirical=True)} melts by itself at {temperature:.0f} K",
            "begin at a lower temperature: guess",
        )
    melt = _melted(crystal, order, crystal_order, temperature, around)
    closest = 0.85 * shortest_distance(block, search=6.0)
    together = start_motion(around.potential, stacked(crystal, melt, closest), temperature, around.rng)
    # Where the blocks meet, atoms stand too near: short steps and much friction take the heat away.
    gentle = Langevin(around.timestep / 4.0, temperature, 10.0 * around.timestep)
    together = run_motion(around.potential, together, gentle, 400, progress=around.progress)
    together, _ = around.hold(together, temperature, "normal", around.settling // 2)
    return TwoPhases(together, order, crystal_order)


@dataclass(frozen=True, slots=True)
class FreeCoexistence:
    """Both phases at constant enthalpy.

    Attributes:
        times: (S,) ASE time units.
        temperatures: (S,) K.
        shares: (S,) of layers that are crystalline.
        enthalpy_drift: of the conserved quantity over the run, eV/atom.
    """

    times: Array
    temperatures: Array
    shares: Array
    enthalpy_drift: float


def coexist(
    phases: TwoPhases, temperature: float, around: Surroundings, steps: int, every: int
) -> FreeCoexistence:
    """Bring both phases to a temperature, then leave them alone.

    Args:
        phases: both in one cell.
        temperature: of the start, K.
        around: what holds throughout.
        steps: of the free motion.
        every: steps between two samples.
    """
    state, _ = around.hold(phases.state, temperature, "normal", around.settling // 4)
    mass = piston_mass(len(state.masses), temperature, around.relaxation_time, axes=1)
    free = ConstantEnthalpy(around.timestep, around.pressure, mass, axes=(_NORMAL,))
    rows: list[tuple[float, float, float, float]] = []

    def note(now: MotionState) -> None:
        time = (now.step - state.step) * around.timestep
        kelvin = observed(now, free).temperature
        rows.append((time, kelvin, phases.crystalline_share(now), free.conserved_energy(now)))

    run_motion(around.potential, state, free, steps, every, note, around.progress)
    times, temperatures, shares, enthalpies = np.array(rows).T
    drift = float(np.polyfit(times, enthalpies, 1)[0]) * steps * around.timestep / len(state.masses)
    return FreeCoexistence(times, temperatures, shares, drift)


def _melted(
    crystal: Atoms, order: LayerOrder, crystal_order: float, temperature: float, around: Surroundings
) -> Atoms:
    """A melt of the same width at this temperature."""
    state, hot = start_motion(around.potential, crystal, temperature, around.rng), 2.0 * temperature
    while order.layers(state.positions, state.cell).mean() > _MOLTEN * crystal_order:
        if hot > _HOTTEST * temperature:
            raise ForgefieldError(
                f"{crystal.get_chemical_formula(empirical=True)} is still crystalline after heating to "
                f"{hot / 1.3:.0f} K",
                "begin at a higher temperature (guess), or settle longer",
            )
        state, _ = around.hold(state, hot, "normal", around.settling)
        hot *= 1.3
    state, _ = around.hold(state, temperature, "normal", around.settling)
    return state.atoms()
