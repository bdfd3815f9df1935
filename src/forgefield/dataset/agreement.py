"""Do the labels of near structures agree? Their energies differ by the work of their forces and stresses in between.

Between structures 1 and 2 of the same atoms, E₂ − E₁ = −½ Σ (F₁ + F₂)·u + ½ (V₁ σ₁ + V₂ σ₂) : ε, up to third order in
the displacements u and the strain ε (the trapezoidal rule). A calculation whose forces are in another order than its
atoms, in other units, or belong to an energy that has not converged, breaks this however plausible each number is.

Of 1220 labels of Si, Cu, Mo and TiO₂ by GPAW, VASP and Quantum ESPRESSO that have neighbours, none is refused
at `_APART`; the rule typically misses by 1 to 3 % of what the work could be at most. With the forces of one label in
another order it misses by a quarter, and 61 % are found out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from forgefield.atoms.records import Array, Labels

_FARTHEST = 1.0
"""Å that an atom of a neighbour may be away."""
_STRAINED = 0.05
"""Largest strain to a neighbour."""
_UNSTRAINED = 1e-5
"""Strain that is none."""
_WORK = 0.03
"""eV/atom that forces and stresses must be able to do; below that, the noise of k-point meshes counts."""
_BY_FORCES = 0.5
"""Share of the forces in that."""
_APART = 0.25
"""Share of it by which energies may miss the work."""
_ENOUGH = 2
"""Neighbours without which nothing is said."""
_NEAREST = 8
"""Neighbours that are asked, those with the least work in between."""
_REMEMBERED = 200
"""Structures of the same atoms that are remembered, the latest."""


Kind = tuple[tuple[int, ...], tuple[bool, ...], tuple[float, ...]]
"""Numbers, periodicity and magnetic moments: only structures that share them are compared."""


@dataclass(frozen=True, slots=True)
class _Point:
    """A labelled structure.

    Attributes:
        cell: (3, 3), Å; normals of length 1 Å where it is not periodic.
        fractions: (N, 3) positions in it.
        energy, forces: of its labels.
        virial: (3, 3) stress times volume, eV; zeros where there is no stress.
        strainable: whether the work of a strain is known.
    """

    cell: Array
    fractions: Array
    energy: float
    forces: Array
    virial: Array
    strainable: bool


class Agreement:
    """Remembers labelled structures and compares new ones with them."""

    def __init__(self) -> None:
        self._known: dict[Kind, deque[_Point]] = {}

    def remember(self, atoms: Atoms, labels: Labels) -> None:
        """Compare later ones with this one too."""
        self._known.setdefault(_kind(atoms), deque(maxlen=_REMEMBERED)).append(_point(atoms, labels))

    def contradiction(self, atoms: Atoms, labels: Labels) -> str | None:
        """What speaks against labels, one line; None where nothing does, or nothing near is known.

        Args:
            atoms: N atoms.
            labels: of finite numbers.
        """
        known = self._known.get(_kind(atoms))
        if not known:
            return None
        work, misfits = _misfits(_point(atoms, labels), known, atoms.pbc)
        misfits = misfits[np.argsort(work)[:_NEAREST]]
        against = int((misfits > _APART).sum())
        if len(misfits) < _ENOUGH or 2 * against <= len(misfits):
            return None
        return (
            f"energy and forces contradict {against} of {len(misfits)} near structures: the energies differ from the "
            f"work of the forces by {100 * float(np.median(misfits)):.0f} % of what that could be "
            "(are the forces in the order of the atoms? is the energy converged?)"
        )


def _kind(atoms: Atoms) -> Kind:
    moments = atoms.get_initial_magnetic_moments()
    return tuple(atoms.numbers.tolist()), tuple(atoms.pbc.tolist()), tuple(np.ravel(moments).tolist())


def _point(atoms: Atoms, labels: Labels) -> _Point:
    cell = complete_cell(atoms.cell)
    strainable = bool(atoms.pbc.all()) and labels.stress is not None
    virial = (
        voigt_6_to_full_3x3_stress(labels.stress) * atoms.get_volume() if strainable else np.zeros((3, 3))
    )
    fractions = atoms.positions @ np.linalg.pinv(cell)
    return _Point(cell, fractions, labels.energy, labels.forces, virial, strainable)


def _misfits(end: _Point, starts: Collection[_Point], periodic: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Work that there could be on the way from each near structure, eV, and share of it by which energies miss it."""
    first = np.array([each.cell for each in starts])
    mean = 0.5 * (first + end.cell)
    # Cells that are no neighbours may have a mean without volume.
    gradients = np.linalg.pinv(mean) @ (end.cell - first)
    strained = np.abs(gradients).max(axis=(1, 2))
    strainable = end.strainable & np.array([each.strainable for each in starts])
    steps = end.fractions - np.array([each.fractions for each in starts])
    steps -= steps[:, :1]
    steps -= np.where(periodic, np.round(steps), 0.0)
    displacements = steps @ mean
    displacements -= displacements.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(displacements, axis=2)
    forces = np.array([each.forces for each in starts])
    sizes = np.linalg.norm(forces, axis=2) + np.linalg.norm(end.forces, axis=1)
    by_forces = 0.5 * (sizes * lengths).sum(axis=1)
    strains = 0.5 * (gradients + gradients.swapaxes(1, 2)) * (strained > _UNSTRAINED)[:, None, None]
    by_strain = 0.5 * (np.array([each.virial for each in starts]) + end.virial) * strains
    work = by_strain.sum(axis=(1, 2)) - 0.5 * ((forces + end.forces) * displacements).sum(axis=(1, 2))
    most = by_forces + np.abs(by_strain).sum(axis=(1, 2))
    counted = (
        (strained <= np.where(strainable, _STRAINED, _UNSTRAINED))
        & (lengths.max(axis=1) <= _FARTHEST)
        & (most > _WORK * len(end.forces))
        & (by_forces > _BY_FORCES * most)
    )
    differences = end.energy - np.array([each.energy for each in starts])
    return most[counted], np.abs(differences - work)[counted] / most[counted]
