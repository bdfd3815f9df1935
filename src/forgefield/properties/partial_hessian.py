"""Second derivatives of the energy for all atoms of a structure, or for those near one place, and their vibrations.

The crystal has lost its translations here and often most of its symmetry; what is left still spares calculations: of
atoms that an operation carries into each other, one is displaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.properties.crystal import find_symmetry
from forgefield.properties.point import PointValues, require_points

_FREE = 1e-3
"""Curvature along a rigid translation, as a share of the mean curvature, below which it counts as none."""
_TO_TERAHERTZ = units.second * 1e-12 / (2 * np.pi)
"""THz in units of ASE's angular frequency, √(eV/(amu Å²))."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """Atoms to displace, and for each atom wanted, the operation that makes its rows.

    Attributes:
        displaced: atoms that are displaced.
        source: (n,) for each wanted atom, the displaced atom that its rows come from.
        rotations: (n, 3, 3) that carry the one's surroundings onto the other's.
        permutations: (n, N) where that operation carries each atom.
    """

    displaced: tuple[int, ...]
    source: NDArray[np.int64]
    rotations: Array
    permutations: NDArray[np.int64]


def atoms_near(atoms: Atoms, centre: Array, radius: float | None) -> NDArray[np.int64]:
    """Indices of the atoms within a radius (Å) of a place (3,), periodic images included; all where it is None.

    Raises:
        ForgefieldError: there are none.
    """
    if radius is None:
        return np.arange(len(atoms))
    probe = atoms + Atoms("X", positions=[centre])
    found = np.flatnonzero(
        probe.get_distances(len(atoms), np.arange(len(atoms)), mic=bool(atoms.pbc.any())) <= radius
    )
    if len(found) == 0:
        raise ForgefieldError(f"no atom lies within {radius:g} Å of the hop", "raise the radius")
    return np.asarray(found, dtype=np.int64)


def plan(atoms: Atoms, moving: NDArray[np.int64], displacement: float) -> list[Atoms]:
    """Structures with one coordinate displaced, both ways, as few as symmetry allows.

    Args:
        atoms: at a stationary point.
        moving: (n,) atoms whose second derivatives are wanted; all others stay clamped.
        displacement: Å.
    """
    structures = []
    for atom in _measured(atoms, moving).displaced:
        for axis in range(3):
            for sign in (1.0, -1.0):
                displaced = atoms.copy()
                displaced.positions[atom, axis] += sign * displacement
                structures.append(displaced)
    return structures


def analyse(
    atoms: Atoms, moving: NDArray[np.int64], displacement: float, evaluations: Sequence[PointValues]
) -> Array:
    """Hessian (3n, 3n) from the evaluations of :func:`plan`, eV/Å²."""
    require_points(evaluations, plan(atoms, moving, displacement), "the Hessian")
    measured = _measured(atoms, moving)
    forces = np.array([point.forces for point in evaluations]).reshape(len(measured.displaced), 3, 2, -1, 3)
    # One row of blocks per displaced atom: (atom, axis displaced, atom that feels it, axis of the force).
    rows = -(forces[:, :, 0] - forces[:, :, 1]) / (2 * displacement)
    place = {atom: k for k, atom in enumerate(measured.displaced)}
    hessian = np.empty((len(moving), 3, len(moving), 3))
    for k, (source, rotation, permutation) in enumerate(
        zip(measured.source, measured.rotations, measured.permutations, strict=True)
    ):
        turned = np.empty((3, len(atoms), 3))
        turned[:, permutation] = np.einsum("ab,bjd,cd->ajc", rotation, rows[place[int(source)]], rotation)
        hessian[k] = turned[:, moving]
    matrix = hessian.reshape(3 * len(moving), 3 * len(moving))
    return np.asarray((matrix + matrix.T) / 2)


def frequencies(hessian: Array, masses: Array) -> Array:
    """Frequencies in growing order, THz; unstable modes are negative.

    Rigid translations are left out where they cost no energy, as in a periodic cell with no atom clamped.

    Args:
        hessian: (3n, 3n), eV/Å².
        masses: (n,), amu.
    """
    roots = np.sqrt(np.repeat(masses, 3))
    dynamical = hessian / np.outer(roots, roots)
    translations = np.tile(np.eye(3), (len(masses), 1)) / np.sqrt(len(masses))
    curvatures = np.abs(translations.T @ hessian @ translations)
    if curvatures.max() < _FREE * np.abs(np.diag(hessian)).mean():
        rigid, _ = np.linalg.qr(roots[:, None] * translations, mode="complete")
        inner = rigid[:, 3:]
        dynamical = inner.T @ dynamical @ inner
    squared = np.linalg.eigvalsh(dynamical)
    return np.asarray(np.sign(squared) * np.sqrt(np.abs(squared)) * _TO_TERAHERTZ)


def _measured(atoms: Atoms, moving: NDArray[np.int64]) -> _Measured:
    rotations, permutations = np.eye(3)[None], np.arange(len(atoms))[None]
    if atoms.pbc.all() and len(atoms) > 1:
        symmetry = find_symmetry(atoms)
        rotations = np.concatenate([rotations, symmetry.rotations])
        permutations = np.concatenate([permutations, symmetry.permutations])
    displaced: list[int] = []
    source, operations = [], []
    for atom in moving:
        # Operation g carries displaced atom s onto this one.
        found = [(s, g) for s in displaced for g in np.flatnonzero(permutations[:, s] == atom)[:1]]
        if not found:
            displaced.append(int(atom))
            found = [(int(atom), 0)]
        source.append(found[0][0])
        operations.append(int(found[0][1]))
    return _Measured(
        tuple(displaced), np.array(source, dtype=np.int64), rotations[operations], permutations[operations]
    )
