"""Trajectories on disk, in the format that the file's name asks for; all are appended to and gone on with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import ase.io
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.trajectory import Trajectory

from forgefield.atoms.errors import ForgefieldError
from forgefield.sampling.h5md import H5mdFile
from forgefield.sampling.langevin import MotionState
from forgefield.sampling.observables import keep_whole_lines


class TrajectoryFile(ABC):
    """A file of frames with positions (not wrapped), velocities, forces and energy.

    Args:
        path: its folder exists.
        timestep: ASE time units.
    """

    def __init__(self, path: Path, timestep: float) -> None:
        self.path, self.timestep = path, timestep

    @abstractmethod
    def frames(self, n_atoms: int) -> int:
        """Number of whole frames in the file; what a killed writer left unfinished is cut off."""

    @abstractmethod
    def append(self, states: Sequence[MotionState]) -> None:
        """Write frames at the end."""


class AseTrajectoryFile(TrajectoryFile):
    """ASE's ``.traj``."""

    def frames(self, n_atoms: int) -> int:
        """Those that the file's header counts."""
        with Trajectory(self.path) as opened:
            return len(opened)

    def append(self, states: Sequence[MotionState]) -> None:
        """As ``Atoms`` with results."""
        with Trajectory(self.path, "a") as opened:
            for state in states:
                opened.write(frame_of(state))


class ExtendedXyzFile(TrajectoryFile):
    """Extended XYZ."""

    def frames(self, n_atoms: int) -> int:
        """Blocks of N + 2 lines."""
        return keep_whole_lines(self.path, 0, n_atoms + 2)

    def append(self, states: Sequence[MotionState]) -> None:
        """With momenta and results; time in fs and the step in the comment line."""
        frames = [frame_of(state) for state in states]
        for frame, state in zip(frames, states, strict=True):
            frame.info = {"step": state.step}
        ase.io.write(self.path, frames, format="extxyz", append=True)


class NetcdfFile(TrajectoryFile):
    """AMBER's netCDF."""

    def frames(self, n_atoms: int) -> int:
        """Length of the frames' dimension."""
        from ase.io.netcdftrajectory import NetCDFTrajectory

        with NetCDFTrajectory(str(self.path), "r") as opened:
            return len(opened)

    def append(self, states: Sequence[MotionState]) -> None:
        """Positions, velocities, forces and cell; AMBER's convention has no energies."""
        from ase.io.netcdftrajectory import NetCDFTrajectory

        with NetCDFTrajectory(str(self.path), "a" if self.path.exists() else "w") as opened:
            for state in states:
                opened.write(frame_of(state))


class H5mdTrajectoryFile(TrajectoryFile):
    """H5MD."""

    def frames(self, n_atoms: int) -> int:
        """Length of the frames' dimension."""
        return H5mdFile(self.path).frames()

    def append(self, states: Sequence[MotionState]) -> None:
        """Everything, in double precision."""
        H5mdFile(self.path).append(states, self.timestep)


_KINDS: dict[str, Callable[[Path, float], TrajectoryFile]] = {
    ".traj": AseTrajectoryFile,
    ".xyz": ExtendedXyzFile,
    ".extxyz": ExtendedXyzFile,
    ".nc": NetcdfFile,
    ".h5": H5mdTrajectoryFile,
}


def trajectory_file(path: Path, timestep: float) -> TrajectoryFile:
    """The writer for a file's suffix: ASE's ``.traj``, ``.xyz`` and ``.extxyz``, AMBER's ``.nc``, H5MD's ``.h5``.

    Args:
        path: of the trajectory.
        timestep: ASE time units.

    Raises:
        ForgefieldError: a suffix that is none of these, or netCDF where its Python package is not installed.
    """
    if path.suffix not in _KINDS:
        raise ForgefieldError(
            f"{path.name} does not say in which format to write the trajectory",
            f"end it in one of {', '.join(_KINDS)}",
        )
    if path.suffix == ".nc" and find_spec("netCDF4") is None:
        raise ForgefieldError(
            "the Python package netCDF4 is not installed, so no .nc file can be written",
            "pip install netCDF4, or end the file in .h5",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    return _KINDS[path.suffix](path, timestep)


def frame_of(state: MotionState) -> Atoms:
    """A state as ``Atoms`` with momenta, energy, forces and, in a periodic cell, stress."""
    atoms = state.atoms()
    atoms.set_momenta(state.momenta)
    stress = {"stress": state.stress} if state.pbc.all() else {}
    atoms.calc = SinglePointCalculator(atoms, energy=state.energy, forces=state.forces, **stress)
    return atoms
