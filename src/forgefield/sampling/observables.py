"""What can be read off a motion at one moment, and a table of it on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from ase import units

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.barostat import internal_pressure
from forgefield.sampling.integrators import Integrator
from forgefield.sampling.langevin import MotionState

_HEADER = "step,time_ps,potential_energy_eV,kinetic_energy_eV,temperature_K,pressure_GPa,volume_A3\n"


@dataclass(frozen=True, slots=True)
class Observation:
    """Numbers of one moment.

    Attributes:
        step: steps done.
        time: ps.
        potential_energy: eV.
        kinetic_energy: eV.
        temperature: K, over the momenta that are free under the integrator.
        pressure: GPa, kinetic part included; not a number where the cell is not periodic in three directions.
        volume: Å³.
    """

    step: int
    time: float
    potential_energy: float
    kinetic_energy: float
    temperature: float
    pressure: float
    volume: float

    @property
    def total_energy(self) -> float:
        """Potential and kinetic energy, eV."""
        return self.potential_energy + self.kinetic_energy


def observed(state: MotionState, integrator: Integrator) -> Observation:
    """The numbers of a state under an integrator."""
    free = degrees_of_freedom(len(state.masses), integrator)
    return Observation(
        step=state.step,
        time=picoseconds(state, integrator),
        potential_energy=state.energy,
        kinetic_energy=state.kinetic_energy,
        temperature=2.0 * state.kinetic_energy / (max(free, 1) * units.kB),
        pressure=pressure(state) / units.GPa,
        volume=state.volume,
    )


def degrees_of_freedom(n_atoms: int, integrator: Integrator) -> int:
    """Momenta that are free: all 3N, or without those of the centre of mass where an integrator conserves them."""
    return 3 * n_atoms - 3 if integrator.conserves_momentum else 3 * n_atoms


def picoseconds(state: MotionState, integrator: Integrator) -> float:
    """Time since step 0 if the integrator has done all of it."""
    return state.step * integrator.timestep / (1000.0 * units.fs)


def pressure(state: MotionState) -> float:
    """A third of the trace of the internal pressure tensor, eV/Å³; not a number without a three-dimensional cell."""
    if not (state.pbc.all() and state.volume > 0.0):
        return float("nan")
    return float(np.trace(internal_pressure(state.momenta, state.masses, state.stress, state.volume))) / 3.0


class ObservationLog:
    """A table of observations as comma-separated values, with all digits.

    Args:
        path: a file that is there is gone on with; its last row is dropped if it is not whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_HEADER)
        self.rows = keep_whole_lines(path, 1, 1)

    def append(self, observations: Sequence[Observation]) -> None:
        """Write rows at the end."""
        with self.path.open("a") as file:
            file.writelines(",".join(repr(value) for value in astuple(each)) + "\n" for each in observations)
        self.rows += len(observations)


def read_log(path: Path) -> tuple[Observation, ...]:
    """Read what an `ObservationLog` wrote.

    Raises:
        ForgefieldError: the file is no such table.
    """
    with path.open() as file:
        if file.readline() != _HEADER:
            raise ForgefieldError(
                f"{path} is no table of observations", "name the .csv file beside a trajectory"
            )
        rows = [line.split(",") for line in file if line.endswith("\n")]
    return tuple(Observation(int(row[0]), *(float(value) for value in row[1:])) for row in rows)


def keep_whole_lines(path: Path, header: int, block: int) -> int:
    """Cut off what a killed writer left unfinished at the end of a text file.

    Args:
        path: the file.
        header: lines before the first block.
        block: lines of a block.

    Returns:
        Number of whole blocks.
    """
    lines, end, kept = 0, 0, 0
    with path.open("rb+") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            lines, end = lines + 1, end + len(line)
            if lines >= header and (lines - header) % block == 0:
                kept = end
        file.truncate(kept)
    return max(lines - header, 0) // block
