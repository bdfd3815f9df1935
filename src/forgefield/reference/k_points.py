"""k-point meshes of one density for all cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms
from pydantic import JsonValue

from forgefield.atoms.vacuum import VACUUM, gaps

MeshKind = Literal["gamma", "monkhorst-pack"]
"""Centred on Γ, or shifted off it along axes of even division (Monkhorst & Pack, Phys. Rev. B 13, 5188 (1976))."""


@dataclass(frozen=True, slots=True)
class KPointMesh:
    """An even mesh over the reciprocal cell.

    Attributes:
        size: numbers of points along the reciprocal axes.
        kind: where its points lie.
    """

    size: tuple[int, int, int]
    kind: MeshKind = "gamma"

    @property
    def shifts(self) -> tuple[float, float, float]:
        """How far the mesh lies off Γ, in its own steps: 0 or one half along each axis."""
        first, second, third = (
            0.5 if self.kind == "monkhorst-pack" and count % 2 == 0 else 0.0 for count in self.size
        )
        return first, second, third


def k_points(atoms: Atoms, parameters: Mapping[str, JsonValue]) -> KPointMesh:
    """The mesh of a structure.

    Args:
        atoms: the structure.
        parameters: of a recipe: ``k_spacing`` and, where it is not that around Γ, ``k_mesh``.
    """
    size = k_point_mesh(atoms, float(str(parameters["k_spacing"])))
    return KPointMesh(size, "monkhorst-pack" if parameters.get("k_mesh") == "monkhorst-pack" else "gamma")


def k_point_mesh(atoms: Atoms, k_spacing: float) -> tuple[int, int, int]:
    """Numbers of k-points along the reciprocal axes.

    n_i = 2π |b_i| / k_spacing to the nearest integer, b_i without 2π, so that the meshes of cells of
    different size and strain are as equally dense as can be; 1 along axes that are not periodic, or that cross
    a gap of at least 7 Å: there the bands are flat, and an isolated atom or molecule gets Γ alone.

    By default centred on Γ: a shifted mesh may break the crystal's symmetry, also where that is not obvious. The
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
