"""Trajectories of other programs, as lists of ``ase.Atoms``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import PropertyNotImplementedError
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.properties.trajectory import RecordedTrajectory, without_frames

_AMBIGUOUS_MOVE = 0.4
"""Of a lattice vector between two frames: beyond, an atom may have gone the other way around."""


def from_frames(frames: Sequence[Atoms], interval_fs: float) -> RecordedTrajectory:
    """The record of somebody's trajectory, such as ``ase.io.read("trajectory.extxyz", ":")``.

    Velocities and energies are taken where all frames have them. Positions may be wrapped into the cell or not.

    Args:
        frames: of one run, at equal intervals; the same atoms in the same order.
        interval_fs: time between them, fs.

    Raises:
        ForgefieldError: no frames, frames of unlike atoms or periodicity, or an interval that is not above zero.
    """
    if len(frames) == 0:
        raise without_frames()
    if not interval_fs > 0:
        raise ForgefieldError(
            f"frames cannot follow each other every {interval_fs} fs", "give the interval of the frames"
        )
    first = frames[0]
    for index, frame in enumerate(frames):
        if not np.array_equal(frame.numbers, first.numbers) or not np.array_equal(frame.pbc, first.pbc):
            raise ForgefieldError(
                f"frame {index} ({frame.get_chemical_formula()}) is not of the same atoms as the first "
                f"({first.get_chemical_formula()})",
                "give frames of one run, with atoms in the same order",
            )
    cells = np.array([frame.cell.array for frame in frames])
    positions, sure = _unwrapped(np.array([frame.positions for frame in frames]), cells, first.pbc)
    velocities = None
    if all(frame.has("momenta") for frame in frames):
        velocities = np.array([frame.get_velocities() for frame in frames])
    return RecordedTrajectory(
        numbers=first.numbers.astype(np.int64),
        masses=first.get_masses(),
        pbc=np.array(first.pbc),
        times=np.arange(len(frames)) * interval_fs * units.fs,
        cells=cells,
        positions=positions,
        velocities=velocities,
        energies=_energies(frames),
        unwrapping_sure=sure,
    )


def _energies(frames: Sequence[Atoms]) -> Array | None:
    try:
        return np.array([frame.get_potential_energy() for frame in frames])
    except (RuntimeError, PropertyNotImplementedError):
        return None


def _unwrapped(positions: Array, cells: Array, pbc: NDArray[np.bool_]) -> tuple[Array, bool]:
    """Positions without jumps across borders, and whether no move was too long to tell."""
    if not pbc.any() or len(positions) < 2:
        return positions, True
    cells = np.array([Atoms(cell=cell, pbc=pbc).cell.complete().array for cell in cells])
    fractions = np.einsum("tix,txy->tiy", positions, np.linalg.inv(cells))
    moves = np.diff(fractions, axis=0)
    jumps = np.rint(moves) * pbc
    sure = bool((np.abs(moves - jumps) * pbc).max() < _AMBIGUOUS_MOVE)
    fractions[1:] -= np.cumsum(jumps, axis=0)
    return np.einsum("tix,txy->tiy", fractions, cells), sure
