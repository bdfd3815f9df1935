"""Γ-centred k-point meshes of one density for all cells."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from forgefield.atoms.vacuum import VACUUM, gaps


def k_point_mesh(atoms: Atoms, k_spacing: float) -> tuple[int, int, int]:
    """Numbers of k-points along the reciprocal axes.

    n_i = 2π |b_i| / k_spacing to the nearest integer, b_i without 2π, so that the meshes of cells of
    different size and strain are as equally dense as can be; 1 along axes that are not periodic, or that cross
    a gap of at least 7 Å: there the bands are flat, and an isolated atom or molecule gets Γ alone.

    Always centred on Γ: a shifted mesh may break the crystal's symmetry, also where that is not obvious. The
    Monkhorst–Pack 4 × 4 × 4 mesh of primitive silicon has an excellent energy, but gives a cell sheared in yz a
    stress of 1 GPa in xz and xy as well once symmetry is switched off (GPAW-PBE).

    Args:
        atoms: the structure.
        k_spacing: distance between k-points, 1/Å, 2π included.
    """
    lengths = 2.0 * np.pi * np.linalg.norm(atoms.cell.reciprocal(), axis=1)
    # Half-way cases go up; the tiny amount makes them so whatever the last digit of the cell.
    counts = np.maximum(np.floor(lengths / k_spacing + 0.5 + 1e-6), 1.0).astype(int)
    counts[gaps(atoms) >= VACUUM] = 1
    return int(counts[0]), int(counts[1]), int(counts[2])
