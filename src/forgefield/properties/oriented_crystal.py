"""A crystal with a lattice plane laid flat, and the places between its planes of atoms where it can be cut.

Surfaces and stacking faults share this: a slab begins and ends at a cut, a fault slips along one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import gcd

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.geometry import minkowski_reduce
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.primitive_cell import primitive_cell
from forgefield.atoms.records import Array
from forgefield.atoms.site_symmetry import symmetry_operations
from forgefield.properties.crystal import RELAXED_TOLERANCE, bare_crystal, conventional_cell, find_symmetry

Indices = tuple[int, int, int]
"""Miller indices of a plane, or a direction, both of the conventional cell."""

_FLAT = 0.1
"""Atoms whose heights differ by less are of one plane, Å."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A place between two planes of atoms.

    Attributes:
        height: of its middle, in repeats of the crystal.
        width: distance between the planes, Å.
        equal_faces: whether a symmetry operation turns the face below into the face above.
    """

    height: float
    width: float
    equal_faces: bool


@dataclass(frozen=True, slots=True)
class OrientedCrystal:
    """One repeat of a crystal above a lattice plane.

    Attributes:
        atoms: first cell vector along x, second in the plane xy, third out of it.
        plane: Miller indices of the plane xy.
        lattice: (3, 3) the same cell vectors in the axes of the crystal given, Å.
        cuts: those that symmetry does not take into each other; those of equal faces first, of these the widest.
    """

    atoms: Atoms
    plane: Indices
    lattice: Array
    cuts: tuple[Cut, ...]

    @property
    def area(self) -> float:
        """Of the plane's cell, Å²."""
        return float(np.linalg.norm(np.cross(*self.lattice[:2])))

    @property
    def repeat(self) -> float:
        """Height of one repeat, Å."""
        return float(self.atoms.cell.volume / self.area)


def oriented(atoms: Atoms, plane: Indices) -> OrientedCrystal:
    """The primitive cell of a crystal with a plane of its conventional cell laid flat.

    Args:
        atoms: the crystal; one with magnetic moments keeps its own cell, because its primitive cell could lose them.
        plane: Miller indices.

    Raises:
        ForgefieldError: the indices are all zero.
    """
    crystal = bare_crystal(atoms)
    if not any(plane):
        raise ForgefieldError(
            "the plane (0, 0, 0) does not exist", "give three indices that are not all zero"
        )
    magnetic = crystal.get_initial_magnetic_moments().any()
    smallest = crystal.copy() if magnetic else primitive_cell(crystal, RELAXED_TOLERANCE)
    smallest.set_cell(minkowski_reduce(smallest.cell.array)[0])
    normal = np.linalg.solve(conventional_cell(crystal, RELAXED_TOLERANCE), np.array(plane, dtype=np.float64))
    basis = _plane_basis(smallest.cell.array, _lattice_indices(smallest.cell.array @ normal))
    turned = make_supercell(smallest, basis)
    lattice = turned.cell.array.copy()
    turned.set_cell(turned.cell.standard_form()[0], scale_atoms=True)
    turned.wrap()
    return OrientedCrystal(turned, plane, lattice, _cuts(turned))


def distinct_planes(atoms: Atoms, max_index: int) -> tuple[Indices, ...]:
    """Low-index planes that symmetry does not take into each other, those with small indices first.

    Args:
        atoms: the crystal.
        max_index: largest Miller index, of the conventional cell.
    """
    crystal = bare_crystal(atoms)
    conventional = conventional_cell(crystal, RELAXED_TOLERANCE)
    rotations = find_symmetry(crystal, RELAXED_TOLERANCE).rotations
    # Indices of a turned plane: h = A G with G turned, so h′ = A R A⁻¹ h.
    turns = np.rint(conventional @ rotations @ np.linalg.inv(conventional))
    found: list[Indices] = []
    span = range(-max_index, max_index + 1)
    indices = [(h, k, l_) for h, k, l_ in product(span, repeat=3) if gcd(h, k, l_) == 1]
    for plane in sorted(indices, key=lambda i: (sum(map(abs, i)), *(-index for index in i))):
        images = turns @ np.array(plane)
        if not {tuple(image) for image in np.concatenate([images, -images]).tolist()} & set(found):
            found.append(plane)
    return tuple(found)


def begun_at(crystal: OrientedCrystal, cut: Cut) -> Atoms:
    """One repeat whose lowest atoms are those above a cut, half its width above the plane xy."""
    atoms = crystal.atoms.copy()
    scaled = atoms.get_scaled_positions(wrap=False)
    scaled[:, 2] -= cut.height
    atoms.set_scaled_positions(scaled)
    atoms.wrap()
    return atoms


def _lattice_indices(values: Array) -> NDArray[np.int64]:
    """The smallest whole numbers in the ratios of ``values``, which are fractions with small denominators."""
    whole = np.rint(values * 12).astype(np.int64)
    return whole // np.gcd.reduce(whole)


def _plane_basis(cell: Array, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """(3, 3) rows in units of the cell's vectors: two shortest ones in the plane, one to the next lattice plane."""
    reach = int(np.abs(indices).max()) + 1
    vectors = np.array(list(product(range(-reach, reach + 1), repeat=3)), dtype=np.int64)
    vectors = vectors[np.argsort(np.round(np.linalg.norm(vectors @ cell, axis=1), 6), kind="stable")]
    heights = vectors @ indices
    flat = vectors[heights == 0][1:]
    first = flat[0]
    areas = np.linalg.norm(np.cross(first @ cell, flat @ cell), axis=1)
    # The smallest area is the lattice plane's own; of the vectors that make it the first is the shortest.
    second = flat[np.argmax(np.isclose(areas, areas[areas > 1e-6].min(), rtol=1e-6))]
    basis = np.array([first, second, vectors[heights == 1][0]])
    return basis if np.linalg.det(basis @ cell) > 0 else np.array([second, first, basis[2]])


def _cuts(atoms: Atoms) -> tuple[Cut, ...]:
    """Cuts that no symmetry operation of the lattice plane takes into each other."""
    rise = atoms.cell.array[2, 2]
    heights = np.sort(atoms.get_scaled_positions()[:, 2])
    gaps = np.diff(heights, append=heights[0] + 1)
    open_ = gaps * rise > _FLAT
    middles, widths = (heights + gaps / 2)[open_] % 1, (gaps * rise)[open_]
    rotations, translations = symmetry_operations(atoms, RELAXED_TOLERANCE)
    flat = (rotations[:, 2, :2] == 0).all(axis=1)
    signs, shifts = rotations[flat, 2, 2], translations[flat, 2]
    cuts: list[Cut] = []
    for place in np.argsort(-np.round(widths, 3), kind="stable"):
        images = signs * middles[place] + shifts
        if any(_same(images, cut.height, rise).any() for cut in cuts):
            continue
        equal = bool((_same(images, middles[place], rise) & (signs < 0)).any())
        cuts.append(Cut(float(middles[place]), float(widths[place]), equal))
    return tuple(sorted(cuts, key=lambda cut: not cut.equal_faces))


def _same(heights: Array, height: float, rise: float) -> NDArray[np.bool_]:
    away = heights - height
    return np.asarray(np.abs(away - np.round(away)) * rise < _FLAT / 2)
