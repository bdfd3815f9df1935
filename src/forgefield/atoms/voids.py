"""Room between the atoms of a crystal."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from scipy.spatial import Voronoi

from forgefield.atoms.records import Array
from forgefield.atoms.site_symmetry import symmetry_operations

# Voronoi vertices closer than this are one void, Å.
_SAME = 0.3


def voids(primitive: Atoms, tolerance: float) -> tuple[Array, Array]:
    """Largest first, (V, 3) positions of the voids of a crystal, Å, and (V,) distances to their nearest atoms, Å.

    They are vertices of the Voronoi polyhedra; those that a symmetry operation takes into each other are given once.

    Args:
        primitive: a crystal.
        tolerance: how far an atom may be from where symmetry puts it, Å.
    """
    corners = _voronoi_vertices(primitive)
    scaled = corners @ np.linalg.inv(primitive.cell.array)
    radii = np.array([distances_to_atoms(primitive, corner).min() for corner in corners])
    order = np.argsort(-np.round(radii, 3), kind="stable")
    rotations, translations = symmetry_operations(primitive, tolerance)
    chosen: list[int] = []
    for index in order:
        images = rotations @ scaled[index] + translations
        away = images[:, None] - scaled[chosen][None]
        away -= np.round(away)
        if not len(chosen) or np.linalg.norm(away @ primitive.cell.array, axis=2).min() > _SAME:
            chosen.append(int(index))
    return corners[chosen], radii[chosen]


def _voronoi_vertices(atoms: Atoms) -> Array:
    """(V, 3) vertices within the cell, Å; vertices that are close to each other count once."""
    widths = 1.0 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    reach = np.ceil(1.5 * widths.max() / widths).astype(int)
    shifts = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    positions = (atoms.positions[None] + (shifts @ atoms.cell.array)[:, None]).reshape(-1, 3)
    scaled = Voronoi(positions).vertices @ np.linalg.inv(atoms.cell.array)
    inside = scaled[((scaled > -1e-6) & (scaled < 1.0 - 1e-6)).all(axis=1)]
    kept: list[Array] = []
    for vertex in inside:
        away = np.array(kept).reshape(-1, 3) - vertex
        away -= np.round(away)
        if not kept or np.linalg.norm(away @ atoms.cell.array, axis=1).min() > _SAME:
            kept.append(vertex)
    return np.array(kept).reshape(-1, 3) @ atoms.cell.array


def distances_to_atoms(atoms: Atoms, position: Array) -> Array:
    """(N,) distance of a point to the nearest image of each atom, Å."""
    probe = atoms + Atoms("X", positions=[position])
    return np.asarray(probe.get_distances(len(atoms), np.arange(len(atoms)), mic=True))
