"""Sites moved, groups turned, cells sheared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from forgefield.atoms.records import Array


def translated_sites(atoms: Atoms, indices: Sequence[int], vector: ArrayLike) -> Atoms:
    """Copy with some sites moved along a vector.

    Args:
        atoms: a structure.
        indices: of the sites.
        vector: (3,) Å.
    """
    copy = atoms.copy()
    copy.positions[list(indices)] += np.asarray(vector, dtype=np.float64)
    return copy


def rotated_sites(
    atoms: Atoms, indices: Sequence[int], axis: ArrayLike, angle: float, centre: ArrayLike | None = None
) -> Atoms:
    """Copy with some sites turned about an axis, as a rigid group.

    Of each site the periodic image nearest to the first one is taken, so that a group is not torn by the cell's faces.

    Args:
        atoms: a structure.
        indices: of the sites.
        axis: (3,) direction of the axis.
        angle: degrees, counter-clockwise when the axis points to the eye.
        centre: (3,) a point of the axis, Å; the centre of the group without it.
    """
    copy = atoms.copy()
    group = _whole(atoms, list(indices))
    middle = group.mean(axis=0) if centre is None else np.asarray(centre, dtype=np.float64)
    direction = np.asarray(axis, dtype=np.float64)
    turn = Rotation.from_rotvec(np.deg2rad(angle) * direction / np.linalg.norm(direction))
    copy.positions[list(indices)] += turn.apply(group - middle) + middle - group
    return copy


def sheared(atoms: Atoms, direction: int, normal: int, amount: float) -> Atoms:
    """Copy whose planes slide over each other: r → r + γ r_n e_d, at constant volume.

    Args:
        atoms: a periodic structure.
        direction: axis d along which the planes slide, 0 to 2.
        normal: axis n to which they are normal, another one.
        amount: γ, without unit.
    """
    copy = atoms.copy()
    slide = np.eye(3)
    slide[direction, normal] += amount
    copy.set_cell(copy.cell.array @ slide.T, scale_atoms=True)
    return copy


def _whole(atoms: Atoms, indices: list[int]) -> Array:
    """(n, 3) positions of the images nearest to the first site."""
    first = atoms.positions[indices[0]]
    vectors, _ = find_mic(atoms.positions[indices] - first, atoms.cell, atoms.pbc)
    return np.asarray(first + vectors)
