"""Frames of a motion, whoever made it: the project's own molecular dynamics, or any list of ``ase.Atoms``."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms, units
from ase.data import chemical_symbols
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.sampling.langevin import MotionState

PICOSECOND = 1000.0 * units.fs


@dataclass(frozen=True, slots=True)
class RecordedTrajectory:
    """Frames of one motion; ASE units.

    Attributes:
        numbers: (N,) atomic numbers.
        masses: (N,) u.
        pbc: (3,) periodicity.
        times: (T,) ASE time units.
        cells: (T, 3, 3) Å, rows are cell vectors.
        positions: (T, N, 3) Å, unwrapped.
        velocities: (T, N, 3) Å per ASE time unit, or None.
        energies: (T,) potential energy, eV, or None.
        unwrapping_sure: whether atoms moved little enough between frames to follow them across the cell's borders.
    """

    numbers: NDArray[np.int64]
    masses: Array
    pbc: NDArray[np.bool_]
    times: Array
    cells: Array
    positions: Array
    velocities: Array | None
    energies: Array | None
    unwrapping_sure: bool = True

    def __len__(self) -> int:
        return len(self.times)

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols, each once, in alphabetical order."""
        return tuple(sorted({chemical_symbols[number] for number in self.numbers}))

    @property
    def kinds(self) -> NDArray[np.int64]:
        """(N,) place of each atom's element in `species`."""
        return np.array([self.species.index(chemical_symbols[n]) for n in self.numbers], dtype=np.int64)

    @property
    def interval(self) -> float:
        """Time between frames, ASE units.

        Raises:
            ForgefieldError: a single frame, or frames that are not evenly spaced.
        """
        steps = np.diff(self.times)
        if len(steps) == 0 or not steps[0] > 0 or not np.allclose(steps, steps[0], rtol=1e-6, atol=0.0):
            raise ForgefieldError(
                f"the {len(self)} frames of the trajectory are not evenly spaced in time",
                "give frames at equal intervals, from a single run",
            )
        return float(steps.mean())

    @property
    def volumes(self) -> Array:
        """(T,) Å³."""
        return np.asarray(np.abs(np.linalg.det(self.cells)))

    @property
    def constant_cell(self) -> bool:
        """Whether all frames have the same cell."""
        return bool(np.abs(self.cells - self.cells[0]).max() < 1e-6)

    @property
    def temperatures(self) -> Array | None:
        """(T,) K, of the motion relative to the centre of mass; None without velocities."""
        if self.velocities is None or len(self.masses) < 2:
            return None
        velocities = self.velocities - drift(self.velocities, self.masses)
        kinetic = 0.5 * np.einsum("i,tix,tix->t", self.masses, velocities, velocities)
        return np.asarray(2.0 * kinetic / (3.0 * (len(self.masses) - 1) * units.kB))

    def atoms(self, frame: int) -> Atoms:
        """The structure of one frame."""
        return Atoms(
            numbers=self.numbers, positions=self.positions[frame], cell=self.cells[frame], pbc=self.pbc
        )

    def frames(self, part: slice) -> RecordedTrajectory:
        """Some of the frames."""
        return replace(
            self,
            times=self.times[part],
            cells=self.cells[part],
            positions=self.positions[part],
            velocities=None if self.velocities is None else self.velocities[part],
            energies=None if self.energies is None else self.energies[part],
        )


class MotionRecorder:
    """Keeps what a trajectory needs of the states of a motion of our own, as `run_motion` shows them."""

    def __init__(self) -> None:
        self._states: list[tuple[int, Array, Array, Array, float]] = []
        self._first: MotionState | None = None

    def __call__(self, state: MotionState) -> None:
        """Record one more state of the same run."""
        self._first = self._first or state
        self._states.append((state.step, state.cell, state.positions, state.momenta, state.energy))

    def trajectory(self, timestep: float) -> RecordedTrajectory:
        """All that was recorded.

        Args:
            timestep: ASE time units.

        Raises:
            ForgefieldError: nothing was recorded.
        """
        if self._first is None:
            raise without_frames()
        steps, cells, positions, momenta, energies = zip(*self._states, strict=True)
        return RecordedTrajectory(
            numbers=self._first.numbers,
            masses=self._first.masses,
            pbc=self._first.pbc,
            times=np.array(steps) * timestep,
            cells=np.array(cells),
            positions=np.array(positions),
            velocities=np.array(momenta) / self._first.masses[:, None],
            energies=np.array(energies),
        )


def drift(vectors: Array, masses: Array) -> Array:
    """(T, 1, 3) position or velocity of the centre of mass in vectors (T, N, 3) of all atoms."""
    return np.asarray(np.einsum("i,tix->tx", masses, vectors)[:, None, :] / masses.sum())


def without_frames() -> ForgefieldError:
    """The refusal of an empty trajectory."""
    return ForgefieldError("a trajectory without frames was given", "give at least one frame")
