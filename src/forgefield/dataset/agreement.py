"""Do the labels of near structures agree? Their energies differ by the work of their forces and stresses in between.

Between structures 1 and 2 of the same atoms, E₂ − E₁ = −½ Σ (F₁ + F₂)·u + ½ (V₁ σ₁ + V₂ σ₂) : ε, up to third order in
the displacements u and the strain ε (the trapezoidal rule). A calculation whose forces are in another order than its
atoms, in other units, or belong to an energy that has not converged, breaks this however plausible each number is.

Of 1220 labels of Si, Cu, Mo and TiO₂ by GPAW, VASP and Quantum ESPRESSO that have neighbours, none is refused
at `_APART`; the rule fails by 1 to 3 % of what the work could be at most. With the forces of one label in another order
it fails by a quarter, and 61 % are found out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell
from ase.stress import voigt_6_to_full_3x3_stress

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


class Agreement:
    """Remembers labelled structures and compares new ones with them."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], deque[tuple[Atoms, Labels]]] = {}

    def remember(self, atoms: Atoms, labels: Labels) -> None:
        """Compare later ones with this one too."""
        known = self._known.setdefault(tuple(atoms.numbers), deque(maxlen=_REMEMBERED))
        known.append((atoms, labels))

    def contradiction(self, atoms: Atoms, labels: Labels) -> str | None:
        """What speaks against labels, one line; None where nothing does, or nothing near is known.

        Args:
            atoms: N atoms.
            labels: of finite numbers.
        """
        near = sorted(self._misfits(atoms, labels))[:_NEAREST]
        misfits = [misfit for _, misfit in near]
        against = sum(misfit > _APART for misfit in misfits)
        if len(misfits) < _ENOUGH or 2 * against <= len(misfits):
            return None
        return (
            f"energy and forces contradict {against} of {len(misfits)} near structures: the energies differ from the "
            f"work of the forces by {100 * float(np.median(misfits)):.0f} % of what that could be "
            "(are the forces in the order of the atoms? is the energy converged?)"
        )

    def _misfits(self, atoms: Atoms, labels: Labels) -> Iterator[tuple[float, float]]:
        """Work that there could be, eV, and share of it by which the energy misses it, for each neighbour."""
        for other, known in self._known.get(tuple(atoms.numbers), ()):
            path = _path(other, atoms, known.stress is not None and labels.stress is not None)
            if path is None:
                continue
            displacements, strain = path
            lengths = np.linalg.norm(displacements, axis=1)
            by_forces = 0.5 * sum(np.linalg.norm(each.forces, axis=1) @ lengths for each in (known, labels))
            work = -0.5 * float(np.sum((known.forces + labels.forces) * displacements))
            most = by_forces
            if strain.any():
                virial = 0.5 * (_virial(other, known) + _virial(atoms, labels))
                work += float(np.sum(virial * strain))
                most += float(np.abs(virial * strain).sum())
            if most > _WORK * len(atoms) and by_forces > _BY_FORCES * most:
                yield most, abs(labels.energy - known.energy - work) / most


def _virial(atoms: Atoms, labels: Labels) -> Array:
    """(3, 3) stress times volume, eV."""
    virial: Array = voigt_6_to_full_3x3_stress(labels.stress) * atoms.get_volume()
    return virial


def _path(start: Atoms, end: Atoms, strainable: bool) -> tuple[Array, Array] | None:
    """(N, 3) displacements, Å, and (3, 3) strain from one structure to another; None if they are too far apart."""
    if (start.pbc != end.pbc).any() or not np.array_equal(_moments(start), _moments(end)):
        return None
    first, second = complete_cell(start.cell), complete_cell(end.cell)
    mean = 0.5 * (first + second)
    if abs(np.linalg.det(mean)) < 1e-9:
        return None
    gradient = np.linalg.solve(mean, second - first)
    strained = float(np.abs(gradient).max())
    if strained > (_STRAINED if strainable and start.pbc.all() else _UNSTRAINED):
        return None
    steps = np.linalg.solve(second.T, end.positions.T).T - np.linalg.solve(first.T, start.positions.T).T
    steps -= steps[:1]
    steps -= np.where(start.pbc, np.round(steps), 0.0)
    displacements = steps @ mean
    displacements -= displacements.mean(axis=0)
    if np.linalg.norm(displacements, axis=1).max(initial=0.0) > _FARTHEST:
        return None
    strain = 0.5 * (gradient + gradient.T) if strained > _UNSTRAINED else np.zeros((3, 3))
    return displacements, strain


def _moments(atoms: Atoms) -> Array:
    moments: Array = atoms.get_initial_magnetic_moments()
    return moments
