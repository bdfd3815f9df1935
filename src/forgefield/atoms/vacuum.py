"""Where a structure ends: gaps that no bond crosses."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from forgefield.atoms.records import Array

VACUUM = 7.0
"""Å. A gap this wide across a cell boundary holds no electrons to speak of, so nothing disperses."""


def plane_spacings(atoms: Atoms) -> Array:
    """(3,) distances between the opposite faces of the cell, Å; 0 for axes that are not there."""
    reciprocal = np.linalg.norm(atoms.cell.reciprocal(), axis=1)
    return np.divide(1.0, reciprocal, out=np.zeros(3), where=reciprocal > 0.0)


def gaps(atoms: Atoms) -> Array:
    """(3,) widest empty slab along each periodic axis, Å, periodic images included.

    Axes without periodicity have an endless gap.
    """
    spacings = plane_spacings(atoms)
    fractional = atoms.get_scaled_positions(wrap=False)
    widest = np.full(3, np.inf)
    for axis in np.flatnonzero(atoms.pbc):
        heights = np.sort(fractional[:, axis] % 1.0)
        widest[axis] = np.diff(np.append(heights, heights[0] + 1.0)).max() * spacings[axis]
    return widest


def has_density(atoms: Atoms) -> bool:
    """Whether volume per atom means something: periodic in three directions, and no gap of vacuum across.

    A cell without volume has one: zero, which no limit lets pass.
    """
    if not atoms.pbc.all():
        return False
    return not atoms.cell.volume > 0.0 or bool((gaps(atoms) < VACUUM).all())


def is_isolated_atom(atoms: Atoms) -> bool:
    """Whether this is one atom, alone in space or in a box with vacuum all around."""
    return len(atoms) == 1 and bool((gaps(atoms) >= VACUUM).all())
