"""Relaxation of a few atoms in as little time as their forces take: L-BFGS over flat coordinates.

Chosen by measurement: from rattled crystals with moving cells it needs two thirds of the evaluations of a stabilised
quasi-Newton method (Schaefer, Ghasemi, Roy & Goedecker, J. Chem. Phys. 142, 034112 (2015)) and a quarter of FIRE's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit

from forgefield.atoms.records import Array
from forgefield.sampling.conditions import Stop
from forgefield.sampling.energy_surface import EnergySurface, Point

Watch = Callable[[EnergySurface, Point], Stop | None]
"""Looks at a point of a surface and says whether to stop there."""

_MEMORY = 40
"""Steps whose changes of force make the curvature."""
_LONGEST = 0.2
"""Å; longest move of an atom in one step."""
_STIFFNESS = 70.0
"""eV/Å²; curvature of the first step where none is known."""
_STRAINED = 0.2
"""Strain at which coordinates are laid anew, lest they be far from those in which steps are equal in all directions."""
_NOISE = 1e-9
"""eV per atom; rises of energy below it are rounding."""
_HALVINGS = 5


@dataclass(frozen=True, slots=True)
class Minimised:
    """How a relaxation ended.

    Attributes:
        surface: on which the point lies; a new one if the cell was strained much.
        point: the last one.
        converged: whether the tolerance was met.
        stop: why it was broken off; None if it was not.
        evaluations: of the potential.
    """

    surface: EnergySurface
    point: Point
    converged: bool
    stop: Stop | None
    evaluations: int


def minimise(
    surface: EnergySurface,
    start: Point,
    tolerance: float,
    max_evaluations: int,
    watch: Watch,
    stiffness: float | None = None,
) -> Minimised:
    """Go downhill to a nearby minimum.

    Limited-memory BFGS (Nocedal, Math. Comput. 35, 773 (1980)) without a line search: a step is as long as the
    curvature says, but no atom moves farther than 0.2 Å, and one that raises the energy is shortened.

    Args:
        surface: what to go down on.
        start: where to begin.
        tolerance: eV/Å, as `EnergySurface.largest_force` measures.
        max_evaluations: gives up after about so many.
        watch: looks at each point that is gone to.
        stiffness: eV/Å², mean curvature, if one is known: decides about the first step.
    """
    before = surface.evaluations
    history = _History.empty(len(start.x), 1.0 / (stiffness or _STIFFNESS))
    point = start
    while True:
        spent = surface.evaluations - before
        if (stop := watch(surface, point)) is not None:
            return Minimised(surface, point, False, stop, spent)
        if surface.largest_force(point) <= tolerance:
            return Minimised(surface, point, True, None, spent)
        if spent >= max_evaluations:
            return Minimised(surface, point, False, None, spent)
        if surface.strained(point.x) > _STRAINED:
            surface = surface.laid_anew(surface.structure(point.x))
            point = surface.at(surface.origin)
            history = _History.empty(len(point.x), history.scale)
        point = _step(surface, point, history)


def _step(surface: EnergySurface, point: Point, history: _History) -> Point:
    """The next point; the history learns from it."""
    direction = history.direction(point.forces)
    if not float(direction @ point.forces) > 0.0:
        history.forget()
        direction = history.direction(point.forces)
    direction *= min(1.0, _LONGEST / surface.farthest(direction))
    highest = point.energy + _NOISE * surface.n_atoms
    reached = surface.at(point.x + direction)
    for _ in range(_HALVINGS):
        if reached.energy <= highest or not np.isfinite(reached.energy):
            break
        # The minimum of the parabola through both energies and the first slope.
        slope = float(direction @ point.forces)
        share = 0.5 * slope / (reached.energy - point.energy + slope)
        direction = direction * min(max(share, 0.1), 0.5)
        reached = surface.at(point.x + direction)
    history.learn(reached.x - point.x, point.forces - reached.forces)
    return reached


@dataclass(slots=True)
class _History:
    """The last moves (M, D) and changes of gradient (M, D), in a ring; `count` of them in all, `scale` in Å²/eV."""

    moves: Array
    changes: Array
    inverse: Array
    scale: float
    count: int = 0

    @classmethod
    def empty(cls, size: int, scale: float) -> _History:
        return cls(np.empty((_MEMORY, size)), np.empty((_MEMORY, size)), np.empty(_MEMORY), scale)

    def forget(self) -> None:
        self.count = 0

    def direction(self, forces: Array) -> Array:
        return np.asarray(_two_loops(self.moves, self.changes, self.inverse, self.count, self.scale, forces))

    def learn(self, move: Array, change: Array) -> None:
        curvature, square = float(move @ change), float(change @ change)
        # Along directions of negative curvature a step says nothing about the minimum.
        if not curvature > 1e-8 * np.sqrt(square * float(move @ move)):
            return
        row = self.count % _MEMORY
        self.moves[row], self.changes[row], self.inverse[row] = move, change, 1.0 / curvature
        self.scale = curvature / square
        self.count += 1


@njit(cache=True)
def _two_loops(moves, changes, inverse, count, scale, forces):  # type: ignore[no-untyped-def]
    """(D,) inverse Hessian times forces."""
    memory, size = moves.shape
    kept = min(count, memory)
    shares = np.empty(kept)
    step = forces.copy()
    for back in range(1, kept + 1):
        row = (count - back) % memory
        share = 0.0
        for k in range(size):
            share += moves[row, k] * step[k]
        share *= inverse[row]
        shares[back - 1] = share
        for k in range(size):
            step[k] -= share * changes[row, k]
    for k in range(size):
        step[k] *= scale
    for back in range(kept, 0, -1):
        row = (count - back) % memory
        share = 0.0
        for k in range(size):
            share += changes[row, k] * step[k]
        share = shares[back - 1] - share * inverse[row]
        for k in range(size):
            step[k] += share * moves[row, k]
    return step
