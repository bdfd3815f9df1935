"""Relaxation of a dear calculator along a cheap one that resembles it.

The cheap one's forces, corrected by the difference between both at the best dear point, are followed to their minimum,
and there the dear one is asked again: space mapping with additive corrections (Bandler et al., IEEE Trans. Microwave
Theory Tech. 52, 337 (2004)). Each dear calculation then counts as a Newton step with the cheap one's Hessian; what the
points so far say about the error of this Hessian is put right by symmetric rank-one updates (Conn, Gould & Toint, Math.
Program. 50, 177 (1991)), where the cell stands still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.filters import FrechetCellFilter
from ase.optimize import LBFGS

from forgefield.atoms.records import Array

_TRUST, _FARTHEST = 0.25, 0.5
"""Å; how far an atom may move before the dear calculator is asked again, at first and at most."""
_SHORTEST = 0.01
"""Å; where even such a step leads uphill the guide is of no use any more."""
_REMEMBERED = 6
"""Dear points that the Hessian is corrected by, at most."""
_STIFFEST = 50.0
"""eV/Å²; curvature beyond which an update is none that bonds could need."""
_TIGHTER = 0.3
"""Share of the tolerance to which the corrected guide is relaxed."""
_BETTER, _LEVEL = 0.8, 0.002
"""Factor by which forces have to fall where the energy does not, and by how much, in eV, this may even rise."""


class _Corrected(Calculator):
    """A guide whose forces and stress are corrected. Its energy, which L-BFGS does not look at, is not.

    Args:
        guide: cheap.
        best: the dear point at which both then agree.
        others: further dear points, from which the error of the guide's Hessian is learned.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def __init__(self, guide: Calculator, best: _Point, others: Sequence[_Point]) -> None:
        super().__init__()
        self.guide, self.origin = guide, best.atoms.positions.copy()
        self.shift = _lack(guide, best)
        self.stress_shift = None if best.stress is None else best.stress - guide.get_stress(best.atoms)
        self._updates: list[tuple[Array, float]] = []
        for other in others:
            move = (other.atoms.positions - self.origin).ravel()
            rest = (_lack(guide, other) - self.shift).ravel() - self._bent(move)
            along = float(rest @ move)
            if abs(along) * _STIFFEST > float(rest @ rest):
                self._updates.append((rest, 1.0 / along))

    def _bent(self, move: Array) -> Array:
        """Change of the difference of forces with the positions."""
        bent = np.zeros_like(move)
        for rest, scale in self._updates:
            bent += scale * float(rest @ move) * rest
        return bent

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results: dict[str, Any] = {
            "energy": self.guide.get_potential_energy(self.atoms),
            "forces": self.guide.get_forces(self.atoms)
            + self.shift
            + self._bent((self.atoms.positions - self.origin).ravel()).reshape(-1, 3),
        }
        if self.stress_shift is not None:
            self.results["stress"] = self.guide.get_stress(self.atoms) + self.stress_shift


@dataclass(frozen=True, slots=True)
class _Point:
    """A structure and what the dear calculator says about it."""

    atoms: Atoms
    energy: float
    forces: Array
    stress: Array | None
    residual: float

    def improves(self, other: _Point) -> bool:
        level = self.energy < other.energy + _LEVEL and self.residual < _BETTER * other.residual
        return self.energy < other.energy or level


def follow_guide(
    start: Atoms,
    calculator: Calculator,
    guide: Calculator,
    force_tolerance: float,
    cell: bool,
    max_steps: int,
) -> Atoms:
    """The best structure that the guide leads to, at the dear calculator's minimum if all goes well.

    Args:
        start: N atoms; is not changed.
        calculator: the dear one, asked about twice, and once for each Newton step.
        guide: the cheap one.
        force_tolerance: eV/Å; for the cell, on the virial per atom.
        cell: let the cell move.
        max_steps: of L-BFGS on the guide between two dear calculations, and dear calculations at most.
    """
    asked = [
        _ask(atoms, calculator, cell)
        for atoms in (start, _relaxed(start, guide, force_tolerance, cell, max_steps, np.inf))
    ]
    best = min(asked, key=lambda point: point.energy)
    trust = _TRUST
    for _ in range(max_steps):
        if best.residual <= force_tolerance or trust < _SHORTEST:
            break
        others = [] if cell else [point for point in asked[-_REMEMBERED:] if point is not best]
        corrected = _Corrected(guide, best, others)
        trial = _relaxed(best.atoms, corrected, _TIGHTER * force_tolerance, cell, max_steps, trust)
        if np.abs(trial.positions - best.atoms.positions).max() < 1e-6 and not cell:
            break
        found = _ask(trial, calculator, cell)
        asked.append(found)
        if found.improves(best):
            best, trust = found, min(2.0 * trust, _FARTHEST)
        else:
            trust *= 0.25
    return best.atoms


def _lack(guide: Calculator, point: _Point) -> Array:
    """What the guide's forces lack at a dear point, (N, 3)."""
    return point.forces - np.asarray(guide.get_forces(point.atoms))


def _ask(atoms: Atoms, calculator: Calculator, cell: bool) -> _Point:
    trial = atoms.copy()
    trial.calc = calculator
    energy = float(trial.get_potential_energy())
    forces = np.asarray(trial.get_forces())
    stress = np.asarray(trial.get_stress()) if cell else None
    target = FrechetCellFilter(trial) if cell else trial
    residual = float(np.linalg.norm(target.get_forces(), axis=1).max())
    return _Point(atoms.copy(), energy, forces, stress, residual)


def _relaxed(
    start: Atoms, calculator: Calculator, tolerance: float, cell: bool, max_steps: int, trust: float
) -> Atoms:
    """The calculator's minimum, or where an atom is about to leave the trusted neighbourhood of the start."""
    moving = start.copy()
    moving.calc = calculator
    target = FrechetCellFilter(moving) if cell else moving
    last = start.copy()
    with LBFGS(target, logfile=None, maxstep=min(0.1, 0.5 * trust)) as optimiser:
        for _ in optimiser.irun(fmax=tolerance, steps=max_steps):
            if np.linalg.norm(moving.positions - start.positions, axis=1).max() > trust:
                break
            last = moving.copy()
    last.calc = None
    return last
