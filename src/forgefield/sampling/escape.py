"""The way out of a minimum: a direction of low curvature, then molecular dynamics over a barrier along it.

All coordinates share one mass, the mean of the atoms': an escape need not be a physical trajectory, the canonical
distribution does not depend on masses, and light atoms then bear the time step of heavy ones. With a moving cell the
strain moves too, as in Parrinello and Rahman's dynamics (J. Appl. Phys. 52, 7182 (1981)), but in the metric of the cell
at the start, so that velocity Verlet conserves the sum of enthalpy and kinetic energy as it does for atoms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import units

from forgefield.atoms.records import Array
from forgefield.sampling.conditions import Stop
from forgefield.sampling.energy_surface import EnergySurface, Point
from forgefield.sampling.quasi_newton import Watch

_DISPLACEMENT = 0.01
"""Å per root of a coordinate's number; the distance over which curvature is measured."""
_FIRST_TIMESTEP = 0.25
"""In units of the inverse frequency that the mean curvature has."""
_DRIFT = 0.02
"""Share of the kinetic energy up to which the sum of energies may vary for the time step to grow."""
_PACE = 1.05
"""Factor by which the time step grows and shrinks."""
_WILD = 0.5
"""Share from which on it is halved."""
_MOST_STRAINED = 0.4
"""Strain at which an escape ends, before the frozen metric stops to mean anything."""
_LEAP = 1.0
"""Å; an atom that would move farther in one step has gone mad with its potential."""


@dataclass(frozen=True, slots=True)
class Softened:
    """A direction of low curvature.

    Attributes:
        direction: (D,) unit vector.
        curvature: along it, eV/Å².
        stiffness: along the direction that it was made from, eV/Å²: about the mean of all curvatures.
    """

    direction: Array
    curvature: float
    stiffness: float


@dataclass(frozen=True, slots=True)
class Escape:
    """How an escape ended.

    Attributes:
        point: the last minimum along the trajectory, or where it was broken off.
        stop: why it was broken off; None if it was not.
        steps: of molecular dynamics.
        minima: of the potential energy along the trajectory that were passed.
        drift: largest minus smallest sum of kinetic and potential energy, as a share of the first kinetic energy.
        snapshots: (D,) coordinates along the way.
    """

    point: Point
    stop: Stop | None
    steps: int
    minima: int
    drift: float
    snapshots: tuple[Array, ...]


def soften(surface: EnergySurface, minimum: Point, direction: Array, steps: int) -> Softened:
    """Turn a direction towards low curvature, but not so far that only the softest is left.

    The forces at x + d v, less their part along v, turn v (Schönborn, Goedecker, Roy & Oganov, J. Chem. Phys. 130,
    144108 (2009), section II; a dimer's rotation by steepest descent). The step is taken from the mean curvature and
    follows the size of these forces.

    Args:
        surface: on which the minimum lies.
        minimum: where forces nearly vanish.
        direction: (D,) unit vector without rigid motions.
        steps: how often to turn it; each costs one evaluation.
    """
    length = _DISPLACEMENT * np.sqrt(len(direction))
    rigid = surface.rigid_motions(minimum.x)
    turning, torque, gain, stiffness = np.zeros_like(direction), np.inf, 0.0, 0.0
    for step in range(steps + 1):
        bent = (minimum.forces - surface.at(minimum.x + length * direction).forces) / length
        curvature = float(bent @ direction)
        turning = curvature * direction - bent
        size = float(np.linalg.norm(turning))
        if step == 0:
            stiffness = max(abs(curvature), 1e-6)
            gain = 0.25 / stiffness
        else:
            gain *= 1.1 if size < torque else 0.5
        torque = size
        if step < steps:
            direction = surface.without_rigid(direction + gain * turning, rigid)
    return Softened(direction, curvature, stiffness)


def kinetic_energy(temperature: float, degrees_of_freedom: int) -> float:
    """½ N_f kT, eV."""
    return 0.5 * degrees_of_freedom * units.kB * temperature


def first_timestep(stiffness: float, mass: float) -> float:
    """A time step, ASE units, that suits a mean curvature in eV/Å² and a mass in u."""
    return float(_FIRST_TIMESTEP * np.sqrt(mass / stiffness))


def next_timestep(timestep: float, drift: float) -> float:
    """A longer time step where energy was conserved well, else a shorter one."""
    if drift < _DRIFT:
        return timestep * _PACE
    # Written so that a drift that is not a number halves it too.
    return timestep / _PACE if drift < _WILD else 0.5 * timestep


def escape(
    surface: EnergySurface,
    start: Point,
    velocity: Array,
    mass: float,
    timestep: float,
    minima: int,
    max_steps: int,
    watch: Watch,
    snapshot_every: int | None = None,
) -> Escape:
    """Molecular dynamics until so many minima of the potential energy along the trajectory were passed.

    Velocity Verlet at constant energy. Goedecker, J. Chem. Phys. 120, 9911 (2004), section II: mdmin.

    Args:
        surface: on which to move.
        start: usually a minimum; it does not count as one that is passed.
        velocity: (D,) Å per ASE time unit.
        mass: u; of all coordinates.
        timestep: ASE time units.
        minima: how many to pass.
        max_steps: ends there if they do not come.
        watch: looks at each point.
        snapshot_every: steps between two snapshots; None takes none.
    """
    half = 0.5 * timestep / mass
    first = 0.5 * mass * float(velocity @ velocity)
    lowest = highest = start.energy + first
    point, velocity, passed, falling = start, velocity.copy(), 0, False
    snapshots: list[Array] = []

    def ended(where: Point, stop: Stop | None, steps: int) -> Escape:
        drift = (highest - lowest) / first
        return Escape(where, stop, steps, passed, drift, tuple(snapshots))

    for step in range(1, max_steps + 1):
        velocity += half * point.forces
        move = timestep * velocity
        if not (leap := surface.farthest(move)) <= _LEAP:
            highest = np.inf
            return ended(
                point, Stop("overheated", f"a step of dynamics would move an atom by {leap:.1f} Å"), step
            )
        reached = surface.at(point.x + move)
        velocity += half * reached.forces
        total = reached.energy + 0.5 * mass * float(velocity @ velocity)
        lowest, highest = min(lowest, total), max(highest, total)
        if (stop := watch(surface, reached)) is not None:
            return ended(reached, stop, step)
        if snapshot_every is not None and step % snapshot_every == 0:
            snapshots.append(reached.x)
        passed += falling and reached.energy > point.energy
        if passed == minima:
            return ended(point, None, step)
        falling = reached.energy < point.energy
        point = reached
        if surface.strained(point.x) > _MOST_STRAINED:
            return ended(point, None, step)
    return ended(point, None, max_steps)
