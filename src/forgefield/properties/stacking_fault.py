"""The generalised stacking fault energy along a line of a lattice plane, the γ-line.

Vítek, Phil. Mag. 18, 773 (1968). The crystal above a cut slips against the crystal below by a share of the lattice
vector along the line. The cell is periodic: its third vector is tilted by the slip, so there is one fault per cell and
no surface. Atoms and the height of the cell relax across the plane only, which keeps the slip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.constraints import FixedLine
from ase.filters import FrechetCellFilter
from ase.optimize import LBFGS
from ase.units import J, m
from pydantic import Field
from scipy.interpolate import Akima1DInterpolator

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.crystal import RELAXED_TOLERANCE, bare_crystal, conventional_cell, find_symmetry
from forgefield.properties.oriented_crystal import Cut, Indices, OrientedCrystal, begun_at, oriented
from forgefield.properties.point import evaluate_points, require_points
from forgefield.properties.quantities import Planned, Quantity

_TO_SI = m**2 / J
_USUAL: dict[int, tuple[Indices, Indices]] = {
    225: ((1, 1, 1), (1, 1, -2)),
    216: ((1, 1, 1), (1, 1, -2)),
    227: ((1, 1, 1), (1, 1, -2)),
    229: ((1, 1, 0), (-1, 1, 1)),
    194: ((0, 0, 1), (1, -1, 0)),
}
"""Slip system, plane and direction, of simple crystals by their space group."""
_SHALLOW = 1e-3
"""Smallest depth of a minimum on the line, J/m²."""


class StackingFaultSpec(Spec):
    """Where the crystal slips, and how finely the line is computed."""

    plane: Indices | None = None
    """Miller indices of the conventional cell; null: the usual slip system of simple crystals."""
    direction: Indices | None = None
    """Direction of the slip, in the plane; null: the usual one."""
    points: int = Field(default=12, ge=4)
    """Slips computed, evenly spaced over one period of the lattice."""
    cuts: int = Field(default=2, ge=1)
    """Places between planes of atoms that are slipped along, the widest first (diamond: shuffle, glide)."""
    thickness: float = Field(default=18.0, gt=0)
    """Smallest distance between the fault and its periodic image, Å."""
    max_atoms: int = Field(default=120, ge=1)
    """Largest cell allowed."""
    relax: bool = True
    """Relax atoms and height across the plane."""
    force_tolerance: float = Field(default=0.01, gt=0)
    """Largest force at the end of a relaxation, eV/Å."""
    max_steps: int = Field(default=200, ge=1)
    """Steps after which a relaxation gives up."""


@dataclass(frozen=True, slots=True)
class GammaLine:
    """Energy of the fault along one line.

    Attributes:
        name: such as ``(111)[11-2]``, with a number where there are several cuts.
        width: distance between the planes that slip, Å.
        period: length of the line, a lattice vector, Å.
        slips: (n,) shares of the period, from 0 to 1.
        ideal: (n,) without relaxation, J/m².
        relaxed: (n,) with relaxation across the plane, J/m²; empty where not relaxed.
    """

    name: str
    width: float
    period: float
    slips: Array
    ideal: Array
    relaxed: Array

    @property
    def energies(self) -> Array:
        """(n,) relaxed if there are, else ideal, J/m²."""
        return self.relaxed if len(self.relaxed) else self.ideal

    @property
    def stable(self) -> tuple[float, float] | None:
        """Slip (share of the period) and energy (J/m²) of the lowest minimum within the line; None if there is none."""
        values = self.energies
        lower = values[1:-1] < np.minimum(values[:-2], values[2:]) - _SHALLOW
        if not lower.any():
            return None
        place = 1 + int(np.where(lower, values[1:-1], np.inf).argmin())
        return float(self.slips[place]), float(values[place])

    @property
    def unstable(self) -> float:
        """Highest energy on the easier way from the perfect crystal to the stable fault, or over the line, J/m²."""
        grid = np.linspace(0, 1, 601)
        values = self.energy_at(grid)
        if self.stable is None:
            return float(values.max())
        before = grid <= self.stable[0]
        return float(min(values[before].max(), values[~before].max()))

    def energy_at(self, slips: Array) -> Array:
        """Energy of a smooth curve through the points, J/m².

        Args:
            slips: any shape, shares of the period from 0 to 1.
        """
        # Akima's curve does not overshoot beside the steep rise to atoms on top of each other.
        around = slice(-4, -1), slice(1, 4)
        places = np.concatenate([self.slips[around[0]] - 1, self.slips, self.slips[around[1]] + 1])
        values = np.concatenate([self.energies[around[0]], self.energies, self.energies[around[1]]])
        return np.asarray(Akima1DInterpolator(places, values, method="makima")(slips))


@dataclass(frozen=True, slots=True)
class StackingFaults:
    """γ-lines of a crystal.

    Attributes:
        lines: one for each cut.
        warnings: relaxations that did not end, and faults that cost nothing.
    """

    lines: tuple[GammaLine, ...]
    warnings: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Energy of the stable fault and the barrier before it."""
        found = []
        for line in self.lines:
            if line.stable is not None:
                found.append(Quantity(f"stacking fault {line.name}, stable", line.stable[1], "J/m²"))
            found.append(Quantity(f"stacking fault {line.name}, unstable", line.unstable, "J/m²"))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Slip:
    """A crystal on its plane and the lattice vector along which it slips."""

    crystal: OrientedCrystal
    vector: Array
    label: str


def plan(atoms: Atoms, spec: StackingFaultSpec) -> tuple[tuple[Atoms, ...], ...]:
    """For each cut the slipped crystals, the perfect one first.

    Raises:
        ForgefieldError: plane or direction are missing or do not fit each other, or the cells are too large.
    """
    slip = _slip(atoms, spec)
    shares = np.arange(spec.points) / spec.points
    return tuple(
        tuple(_slipped(slip, cut, share, _repeats(slip.crystal, spec)) for share in shares)
        for cut in slip.crystal.cuts[: spec.cuts]
    )


def compute(atoms: Atoms, calculator: Calculator, spec: StackingFaultSpec) -> StackingFaults:
    """γ-lines of a crystal at rest with any ASE calculator; relaxation needs its stress.

    Raises:
        ForgefieldError: as in :func:`plan`, or energies that are not finite.
    """
    slip, plans = _slip(atoms, spec), plan(atoms, spec)
    structures = [each for line in plans for each in line]
    points = evaluate_points(structures, calculator)
    require_points(points, structures, "the stacking fault", stress=spec.relax)
    area, lines, warnings = slip.crystal.area, [], []
    for number, (cut, line) in enumerate(zip(slip.crystal.cuts, plans, strict=False)):
        name = slip.label if len(plans) == 1 else f"{slip.label} {number + 1}"
        ideal = np.array(
            [point.energy for point in points[number * spec.points : (number + 1) * spec.points]]
        )
        relaxed = np.zeros(0)
        if spec.relax:
            ended = [_relaxed_across(each, calculator, spec) for each in line]
            relaxed = np.array([energy for energy, _ in ended])
            open_ = [f"{place / spec.points:.3g}" for place, (_, done) in enumerate(ended) if not done]
            if open_:
                warnings.append(
                    f"stacking fault {name}: relaxations at slips of {', '.join(open_)} did not converge"
                )
        gamma = GammaLine(
            name,
            cut.width,
            float(np.linalg.norm(slip.vector)),
            np.arange(spec.points + 1) / spec.points,
            _line(ideal, area),
            _line(relaxed, area),
        )
        lines.append(gamma)
        if gamma.energies.min() < -_SHALLOW:
            place = float(gamma.slips[gamma.energies.argmin()])
            warnings.append(
                f"stacking fault {name}: the crystal gains {-gamma.energies.min():.3g} J/m² by a slip of {place:.3g} "
                "periods, so it is not stable"
            )
    return StackingFaults(tuple(lines), tuple(warnings))


def planned(atoms: Atoms, spec: StackingFaultSpec) -> tuple[Planned, ...]:
    """Every slip once, and some fifteen steps of each where they relax."""
    steps = 15 if spec.relax else 0
    return tuple(Planned(line[0], spec.points * (1 + steps)) for line in plan(atoms, spec))


def _slip(atoms: Atoms, spec: StackingFaultSpec) -> _Slip:
    crystal = bare_crystal(atoms)
    plane, direction = spec.plane, spec.direction
    if plane is None or direction is None:
        group = find_symmetry(crystal, RELAXED_TOLERANCE).space_group
        if (plane, direction) != (None, None) or group not in _USUAL:
            raise ForgefieldError(
                f"the slip system of {crystal.get_chemical_formula()}, space group {group}, is not known",
                "give plane and direction of the stacking fault",
            )
        plane, direction = _USUAL[group]
    if not any(direction) or np.dot(plane, direction):
        raise ForgefieldError(
            f"the direction {direction} does not lie in the plane {plane}",
            "choose a direction whose product with the indices of the plane is zero",
        )
    flat = oriented(crystal, plane)
    along = np.array(direction) @ conventional_cell(crystal, RELAXED_TOLERANCE) @ np.linalg.inv(flat.lattice)
    whole = np.rint(along).astype(int)
    shortest = whole / np.gcd.reduce(whole)
    label = "({})[{}]".format(*("".join(map(str, indices)) for indices in (plane, direction)))
    return _Slip(flat, shortest @ flat.atoms.cell.array, label)


def _repeats(crystal: OrientedCrystal, spec: StackingFaultSpec) -> int:
    repeats = math.ceil(spec.thickness / crystal.repeat - 1e-6)
    if repeats * len(crystal.atoms) > spec.max_atoms:
        raise ForgefieldError(
            f"the stacking fault needs {repeats * len(crystal.atoms)} atoms, more than max_atoms ({spec.max_atoms})",
            "raise max_atoms or lower thickness",
        )
    return repeats


def _slipped(slip: _Slip, cut: Cut, share: float, repeats: int) -> Atoms:
    atoms = begun_at(slip.crystal, cut).repeat((1, 1, repeats))
    cell = atoms.cell.array
    cell[2] += share * slip.vector
    atoms.set_cell(cell)
    return atoms


def _line(energies: Array, area: float) -> Array:
    """Over the area and above the perfect crystal, the period closed, J/m²."""
    above = (energies - energies[:1]) / area * _TO_SI
    return np.concatenate([above, above[:1]])


def _relaxed_across(atoms: Atoms, calculator: Calculator, spec: StackingFaultSpec) -> tuple[float, bool]:
    """Energy with atoms and height of the cell relaxed along z, eV, and whether that came to its end."""
    moving = atoms.copy()
    moving.calc = calculator
    moving.set_constraint(FixedLine(range(len(moving)), (0, 0, 1)))
    height = FrechetCellFilter(moving, mask=[False, False, True, False, False, False])
    with LBFGS(height, logfile=None, maxstep=0.1) as optimiser:
        converged = bool(optimiser.run(fmax=spec.force_tolerance, steps=spec.max_steps))
    return float(moving.get_potential_energy()), converged
