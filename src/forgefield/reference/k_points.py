"""K-point meshes of one density for all cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from forgefield.reference.vacuum import VACUUM, gaps

_ANGLE, _LENGTH = 10.0, 0.1
"""How far, in degrees and relative length, a strained cell may be from a hexagonal one and count as such."""


@dataclass(frozen=True, slots=True)
class KPointMesh:
    """A mesh over the Brillouin zone.

    Attributes:
        size: number of points along each reciprocal axis.
        centred: whether it is centred on Γ; else it is Monkhorst and Pack's (PRB 13, 5188 (1976)), in which
            an even number of points along an axis avoids Γ.
    """

    size: tuple[int, int, int]
    centred: bool


def k_point_mesh(atoms: Atoms, k_spacing: float) -> KPointMesh:
    """The mesh of a cell.

    n_i = 2π |b_i| / k_spacing to the nearest integer, b_i without 2π, so that the meshes of cells of
    different size and strain are as equally dense as can be; 1 along axes that are not periodic, or that cross
    a gap of at least 7 Å: there the bands are flat, and an isolated atom or molecule gets Γ alone.

    Monkhorst–Pack meshes need fewer points for the same accuracy: the 4 × 4 × 4 mesh of primitive silicon gives
    the energy of the Γ-centred 9 × 9 × 9 mesh to 0.5 meV/atom, the Γ-centred 6 × 6 × 6 one to 11 meV/atom
    (GPAW-PBE). Hexagonal cells, whose symmetry a shifted mesh breaks, get centred ones.

    Args:
        atoms: the structure.
        k_spacing: distance between k-points, 1/Å, 2π included.
    """
    lengths = 2.0 * np.pi * np.linalg.norm(atoms.cell.reciprocal(), axis=1)
    # Half-way cases go up; the tiny amount makes them so whatever the last digit of the cell.
    counts = np.maximum(np.floor(lengths / k_spacing + 0.5 + 1e-6), 1.0).astype(int)
    counts[gaps(atoms) >= VACUUM] = 1
    return KPointMesh((int(counts[0]), int(counts[1]), int(counts[2])), _is_hexagonal(atoms))


def _is_hexagonal(atoms: Atoms) -> bool:
    """Whether two axes of about equal length enclose about 60° or 120° and the third stands upright on them."""
    lengths, angles = atoms.cell.lengths(), atoms.cell.angles()
    for upright in range(3):
        one, other = (upright + 1) % 3, (upright + 2) % 3
        equal = abs(lengths[one] - lengths[other]) < _LENGTH * lengths[one]
        turned = min(abs(angles[upright] - 60.0), abs(angles[upright] - 120.0)) < _ANGLE
        if equal and turned and np.all(np.abs(angles[[one, other]] - 90.0) < _ANGLE):
            return True
    return False
