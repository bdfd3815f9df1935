"""Energy of two atoms against their distance: the simplest look at what a potential does where it has no data.

Between the distance of a bond and zero a potential should rise, steeply and smoothly. One that falls again has a hole,
into which atoms drop once something is hot enough to lift them over its rim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.data import atomic_numbers, covalent_radii
from pydantic import Field
from scipy.interpolate import CubicHermiteSpline

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.free_atom import free_atom, has_moments
from forgefield.properties.point import PointValues, evaluate_points
from forgefield.properties.quantities import Planned, Quantity
from forgefield.sampling.calculator_potential import potential_of

_BOND = 0.6
"""Shortest bond between two atoms, that of Cr₂, in sums of their covalent radii."""
_SHALLOW = 0.005
"""Energies are compared to so many eV: less is neither a hole nor a bond."""
_JUMP, _JUMP_SHARE = 0.02, 0.15
"""A step of the energy that the forces beside it do not explain: in eV, and as a share of the step."""
_FREE = 0.1
"""Energy at the largest distance beyond which two atoms are not free, eV."""


class DimerCurveSpec(Spec):
    """Distances of the two atoms."""

    closest: float = Field(default=0.3, gt=0)
    """Smallest distance, in sums of the covalent radii."""
    farthest: float | None = Field(default=None, gt=0)
    """Largest distance, Å; null: the potential's cutoff, or 7 Å where none is known."""
    points: int = Field(default=80, ge=10)
    """Distances of each pair, each longer than the one before by the same factor."""
    vacuum: float = Field(default=12.0, gt=0)
    """Distance to periodic images, Å; made larger where the largest distance is larger."""


@dataclass(frozen=True, slots=True)
class DimerCurve:
    """Energy of one pair of elements.

    Attributes:
        first, second: chemical symbols.
        distances: (n,) Å, growing.
        energies: (n,) above the free atoms, eV; not finite where the calculator has no answer.
        forces: (n,) along the line, positive where the atoms repel each other, eV/Å.
    """

    first: str
    second: str
    distances: Array
    energies: Array
    forces: Array

    @property
    def name(self) -> str:
        """Such as ``Cu–O``."""
        return f"{self.first}–{self.second}"

    @property
    def bond(self) -> tuple[float, float] | None:
        """Distance, Å, and depth, eV, of the lowest minimum at distances of bonds; None if the atoms only repel."""
        kept = np.isfinite(self.energies)
        distances, energies, forces = self.distances[kept], self.energies[kept], self.forces[kept]
        lower = (energies[1:-1] < energies[:-2]) & (energies[1:-1] < energies[2:])
        lower &= (distances[1:-1] >= _BOND * _radii(self.first, self.second)) & (
            energies[1:-1] < energies[-1] - _SHALLOW
        )
        if not lower.any():
            return None
        lowest = 1 + int(np.where(lower, energies[1:-1], np.inf).argmin())
        here = slice(lowest - 1, lowest + 2)
        curve = CubicHermiteSpline(distances[here], energies[here], -forces[here])
        places = [float(distances[lowest]), *curve.derivative().roots(extrapolate=False)]
        place = min(places, key=lambda place: float(curve(place)))
        return float(place), -float(curve(place))

    @property
    def hole(self) -> tuple[float, float] | None:
        """Distance, Å, below which the energy falls again, and the energy there, eV; None if it rises all the way."""
        start = self.bond[0] if self.bond else float(self.distances[-1])
        kept = np.isfinite(self.energies) & (self.distances <= start)
        distances, energies = self.distances[kept][::-1], self.energies[kept][::-1]
        highest = np.maximum.accumulate(energies) if len(energies) else energies
        fallen = np.flatnonzero(energies < highest - _SHALLOW)
        if not len(fallen):
            return None
        rim = int(energies[: fallen[0] + 1].argmax())
        return float(distances[rim]), float(energies[rim])

    @property
    def jump(self) -> tuple[float, float] | None:
        """Distance, Å, and height, eV, of the largest step that the forces do not explain; None if there is none."""
        steps = np.diff(self.energies)
        explained = -(self.forces[1:] + self.forces[:-1]) / 2 * np.diff(self.distances)
        size = np.maximum(np.abs(steps), np.abs(explained))
        rest = np.nan_to_num(np.abs(steps - explained) - _JUMP_SHARE * size, posinf=0.0)
        worst = int(np.argmax(rest))
        if not rest[worst] > _JUMP:
            return None
        return float(self.distances[worst : worst + 2].mean()), float((steps - explained)[worst])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Holes, steps, energies that are not finite, atoms that are not free at the largest distance."""
        found = []
        broken = ~np.isfinite(self.energies)
        if broken.any():
            largest = self.distances[broken].max()
            found.append(f"{self.name}: energies are not finite at distances up to {largest:.2f} Å")
        if self.hole is not None:
            place, height = self.hole
            inside = self.energies[np.isfinite(self.energies) & (self.distances < place)].min()
            found.append(
                f"{self.name}: the energy falls again below {place:.2f} Å, from {height:.3g} to {inside:.3g} eV above "
                "the free atoms: atoms that come so close collapse into each other"
            )
        if self.jump is not None:
            found.append(
                f"{self.name}: the energy at {self.jump[0]:.2f} Å makes a step of {self.jump[1]:.2g} eV that "
                "its forces do not explain"
            )
        if abs(self.energies[-1]) > _FREE:
            found.append(
                f"{self.name}: at {self.distances[-1]:.1f} Å the energy is {self.energies[-1]:.3g} eV off that of "
                "free atoms"
            )
        return tuple(found)


@dataclass(frozen=True, slots=True)
class DimerCurves:
    """Curves of every pair of elements.

    Attributes:
        curves: in alphabetic order.
    """

    curves: tuple[DimerCurve, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Distance and depth of each bond."""
        found = []
        for curve in self.curves:
            if curve.bond is not None:
                found.append(Quantity(f"dimer {curve.name}, distance", curve.bond[0], "Å"))
                found.append(Quantity(f"dimer {curve.name}, depth", curve.bond[1], "eV"))
        return tuple(found)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of all curves."""
        return tuple(warning for curve in self.curves for warning in curve.warnings)


def plan(atoms: Atoms, spec: DimerCurveSpec, cutoff: float = 0.0, moments: bool = False) -> list[Atoms]:
    """Free atoms of each element, then the dimers of each pair, in a box that is periodic in all directions.

    Args:
        atoms: any structure of the elements.
        spec: distances.
        cutoff: of the potential, Å; 0 if it is not known.
        moments: give the atoms their moments by Hund's rule.

    Raises:
        ForgefieldError: the largest distance is not larger than the smallest one.
    """
    species = sorted(set(atoms.get_chemical_symbols()))
    farthest = _farthest(spec, cutoff)
    box = max(spec.vacuum, farthest + 0.1)
    structures = [_dimer(symbol, None, 0.0, farthest, box, moments) for symbol in species]
    for first, second in combinations_with_replacement(species, 2):
        for distance in _distances(first, second, spec, farthest):
            structures.append(_dimer(first, second, float(distance), farthest, box, moments))
    return structures


def analyse(
    atoms: Atoms, spec: DimerCurveSpec, evaluations: Sequence[PointValues], cutoff: float = 0.0
) -> DimerCurves:
    """Curves from the evaluations of :func:`plan`.

    Raises:
        ForgefieldError: the number of evaluations is not that of the plan.
    """
    species = sorted(set(atoms.get_chemical_symbols()))
    pairs = list(combinations_with_replacement(species, 2))
    if len(evaluations) != len(species) + len(pairs) * spec.points:
        raise ForgefieldError(
            f"dimer curves need {len(species) + len(pairs) * spec.points} evaluations, but got {len(evaluations)}",
            "give one evaluation for each structure of its plan, in the same order",
        )
    free = {symbol: point.energy for symbol, point in zip(species, evaluations, strict=False)}
    curves = []
    for number, (first, second) in enumerate(pairs):
        begin = len(species) + number * spec.points
        points = evaluations[begin : begin + spec.points]
        energies = np.array([point.energy for point in points]) - free[first] - free[second]
        forces = np.array([(point.forces[1, 0] - point.forces[0, 0]) / 2 for point in points])
        distances = _distances(first, second, spec, _farthest(spec, cutoff))
        curves.append(DimerCurve(first, second, distances, energies, forces))
    return DimerCurves(tuple(curves))


def compute(atoms: Atoms, calculator: Calculator, spec: DimerCurveSpec) -> DimerCurves:
    """Dimer curves of the elements of a structure with any ASE calculator."""
    cutoff = potential_of(calculator, atoms).cutoff
    structures = plan(atoms, spec, cutoff, has_moments(calculator))
    return analyse(atoms, spec, evaluate_points(structures, calculator), cutoff)


def planned(atoms: Atoms, spec: DimerCurveSpec) -> tuple[Planned, ...]:
    """Every distance of every pair, and the free atoms."""
    structures = plan(atoms, spec)
    return (Planned(structures[-1], len(structures)),)


def _farthest(spec: DimerCurveSpec, cutoff: float) -> float:
    return spec.farthest or cutoff or 7.0


def _distances(first: str, second: str, spec: DimerCurveSpec, farthest: float) -> Array:
    closest = spec.closest * _radii(first, second)
    if farthest <= closest:
        raise ForgefieldError(
            f"the largest distance of {first}–{second}, {farthest:g} Å, is not larger than the smallest, "
            f"{closest:.2f} Å",
            "raise farthest or lower closest",
        )
    return np.asarray(np.geomspace(closest, farthest, spec.points))


def _radii(first: str, second: str) -> float:
    return float(covalent_radii[atomic_numbers[first]] + covalent_radii[atomic_numbers[second]])


def _dimer(
    first: str, second: str | None, distance: float, farthest: float, box: float, moments: bool
) -> Atoms:
    """Along x; all in one box, so that errors of a box cancel."""
    atoms = free_atom(first, box, moments)
    if second is not None:
        atoms += free_atom(second, box, moments)
        atoms.positions[:, 0] = box / 2 + np.array([0.0, distance])
    atoms.set_cell([farthest + box, box, box])
    return atoms
