"""Numerical derivatives and continuity, with errors that are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from forgefield.atoms.records import Array


def slope(function: Callable[[float], float | Array], step: float) -> Array:
    """Derivative at 0 from central differences at h and 2h, freed of their error in h² (Richardson)."""
    near = (np.asarray(function(step)) - np.asarray(function(-step))) / (2 * step)
    far = (np.asarray(function(2 * step)) - np.asarray(function(-2 * step))) / (4 * step)
    return np.asarray((4 * near - far) / 3)


def numerical_forces(energy: Callable[[Atoms], float], atoms: Atoms, step: float = 1e-4) -> Array:
    """(N, 3) minus the derivative of an energy with respect to positions."""

    def displaced(atom: int, axis: int, by: float) -> float:
        moved = atoms.copy()
        moved.positions[atom, axis] += by
        return energy(moved)

    forces = np.empty((len(atoms), 3))
    for atom, axis in np.ndindex(len(atoms), 3):
        forces[atom, axis] = -slope(lambda by, atom=atom, axis=axis: displaced(atom, axis, by), step)  # type: ignore[misc]
    return forces


def numerical_stress(energy: Callable[[Atoms], float], atoms: Atoms, step: float = 3e-5) -> Array:
    """(6,) derivative of an energy with respect to strain, over the volume."""

    def strained(row: int, column: int, by: float) -> float:
        deformation = np.eye(3)
        deformation[row, column] += by / 2
        deformation[column, row] += by / 2
        moved = atoms.copy()
        moved.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
        return energy(moved)

    stress = np.empty((3, 3))
    for row, column in np.ndindex(3, 3):
        stress[row, column] = slope(lambda by, r=row, c=column: strained(r, c, by), step)  # type: ignore[misc]
    voigt: Array = full_3x3_to_voigt_6_stress(stress / atoms.get_volume())
    return voigt


def jumps(function: Callable[[float], Array], order: int, step: float) -> float:
    """How much a derivative of this order seems to jump at 0, from values at ±h, ±2h, … on either side."""
    sides = []
    for sign in (-1.0, 1.0):
        values = np.array([function(sign * (k + 1) * step) for k in range(order + 1)])
        sides.append(np.diff(values, n=order, axis=0)[0] / (sign * step) ** order)
    return float(np.abs(sides[1] - sides[0]).max())


def assert_continuous(function: Callable[[float], Array], order: int, step: float = 4e-3) -> None:
    """A derivative that is continuous at 0 closes its gap in proportion to the step; one that jumps does not."""
    wide, narrow = jumps(function, order, step), jumps(function, order, step / 4)
    scale = float(np.abs(function(-step)).max()) / step**order
    assert narrow <= 0.4 * wide + 1e-11 * scale, (
        f"derivative {order} jumps by {narrow:.3g} between ∓{step / 4:g} Å, by {wide:.3g} between ∓{step:g} Å"
    )
