"""A motion through which heat flows: one part of the cell is kept hot, another cold, and what they give is counted.

Along one cell vector, which is periodic, the hot reservoir lies around 0 and the cold one around 1/2, so that heat
takes two ways. Thermostats are Langevin's, which disturb phonons least (Li, Xiong, Sievers, Hu, Fan, Wei, Bao, Chen,
Donadio & Ala-Nissila, J. Chem. Phys. 151, 234105 (2019)), without a net push on their reservoir.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from ase import units
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.potentials.contract import Potential
from forgefield.sampling.langevin import MotionState, evaluated, restored_generator, without_drift


@dataclass(frozen=True, slots=True)
class HeatedState(MotionState):
    """A motion between two reservoirs.

    Attributes:
        given: energy that the hot and the cold reservoir have given so far, eV; the latter is negative.
    """

    given: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class HeatReservoirs:
    """Integrator: BAOAB (see `langevin_step`) whose O acts in the reservoirs only.

    Attributes:
        timestep: ASE time units.
        hot: K.
        cold: K.
        damping_time: ASE time units.
        axis: cell vector along which heat flows, 0 to 2.
        share: of the cell's length that each reservoir takes.
    """

    timestep: float
    hot: float
    cold: float
    damping_time: float
    axis: int
    share: float
    conserves_momentum = True

    def start(self, state: MotionState) -> HeatedState:
        """Takes out the drift of the centre of mass; counts from zero unless the state has been heated before."""
        rested = without_drift(state)
        if isinstance(rested, HeatedState):
            return rested
        return HeatedState(**{field.name: getattr(rested, field.name) for field in fields(rested)})

    def step(self, potential: Potential, state: MotionState) -> HeatedState:
        """The next state."""
        if not isinstance(state, HeatedState):
            state = self.start(state)
        half, masses = 0.5 * self.timestep, state.masses[:, None]
        momenta = state.momenta + half * state.forces
        positions = state.positions + half * momenta / masses
        rng = restored_generator(state.generator)
        place = places(positions, state.cell, self.axis)
        hot = self._heat(momenta, masses, np.abs(place - 0.5) > 0.5 - 0.5 * self.share, self.hot, rng)
        cold = self._heat(momenta, masses, np.abs(place - 0.5) < 0.5 * self.share, self.cold, rng)
        positions = positions + half * momenta / masses
        moved = evaluated(potential, replace(state, positions=positions))
        return replace(
            moved,
            momenta=momenta + half * moved.forces,
            generator=rng.bit_generator.state,
            step=state.step + 1,
            given=(state.given[0] + hot, state.given[1] + cold),
        )

    def _heat(
        self,
        momenta: Array,
        masses: Array,
        inside: NDArray[np.bool_],
        temperature: float,
        rng: np.random.Generator,
    ) -> float:
        """Change the momenta of a reservoir's atoms, in place; returns the energy that they gained, eV."""
        old, own = momenta[inside], masses[inside]
        kept = np.exp(-self.timestep / self.damping_time)
        noise = np.sqrt(units.kB * temperature * own * (1.0 - kept**2)) * rng.standard_normal(old.shape)
        new = kept * old + noise
        if len(old):
            new -= own * ((new - old).sum(axis=0) / own.sum())
        momenta[inside] = new
        return 0.5 * float(((new**2 - old**2) / own).sum())


def places(positions: Array, cell: Array, axis: int) -> Array:
    """(N,) where atoms are along a cell vector, from 0 to 1."""
    place: Array = np.linalg.solve(cell.T, positions.T)[axis] % 1.0
    return place


@dataclass(frozen=True, slots=True)
class HeatFlow:
    """What was seen of a heat flow, in consecutive blocks of time.

    Attributes:
        kinetic: (B, L) sum of m v² over atoms and samples in layers from the hot reservoir's middle to the cold one's,
            both ways together, eV.
        counts: (B, L) how many atoms were seen in them.
        given: (B, 2) energy that the hot and the cold reservoir gave, eV.
        block_time: of a block, ASE time units.
        length: of the cell along the flow, Å.
        area: across it, Å².
        n_atoms: N.
    """

    kinetic: Array
    counts: Array
    given: Array
    block_time: float
    length: float
    area: float
    n_atoms: int


class HeatFlowRecorder:
    """Observer of `run_motion` with `HeatReservoirs` that sees layers and reservoirs.

    Args:
        start: the state before the first step that counts.
        integrator: its axis.
        layers: L, how many from one reservoir's middle to the other's.
        per_block: observations in a block.
        interval: between two observations, ASE time units.
    """

    def __init__(
        self, start: HeatedState, integrator: HeatReservoirs, layers: int, per_block: int, interval: float
    ) -> None:
        self._axis, self._layers, self._per_block, self._interval = (
            integrator.axis,
            layers,
            per_block,
            interval,
        )
        self._start, self._given = start, [start.given]
        self._kinetic, self._counts = [np.zeros(layers)], [np.zeros(layers)]
        self._seen = 0

    def __call__(self, state: MotionState) -> None:
        """Take in a state."""
        place = places(state.positions, state.cell, self._axis)
        layer = np.minimum(
            (2.0 * np.minimum(place, 1.0 - place) * self._layers).astype(int), self._layers - 1
        )
        squares = np.einsum("ia,ia->i", state.momenta, state.momenta) / state.masses
        self._kinetic[-1] += np.bincount(layer, squares, self._layers)
        self._counts[-1] += np.bincount(layer, minlength=self._layers)
        self._seen += 1
        if self._seen % self._per_block == 0:
            assert isinstance(state, HeatedState)
            self._given.append(state.given)
            self._kinetic.append(np.zeros(self._layers))
            self._counts.append(np.zeros(self._layers))

    def heat_flow(self) -> HeatFlow:
        """What was recorded in whole blocks.

        Raises:
            ForgefieldError: fewer than four blocks, or a layer without atoms.
        """
        blocks = len(self._given) - 1
        counts = np.array(self._counts[:blocks])
        if blocks < 4 or not counts.all():
            raise ForgefieldError(
                f"{blocks} blocks of {self._layers} layers do not show how the temperature falls",
                "run longer, or choose fewer layers so that none is ever empty",
            )
        cell = self._start.cell
        return HeatFlow(
            kinetic=np.array(self._kinetic[:blocks]),
            counts=counts,
            given=np.diff(self._given, axis=0),
            block_time=self._per_block * self._interval,
            length=float(np.linalg.norm(cell[self._axis])),
            area=self._start.volume / float(np.linalg.norm(cell[self._axis])),
            n_atoms=len(self._start.numbers),
        )
