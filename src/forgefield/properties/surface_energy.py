"""Energies of low-index surfaces from slabs of growing thickness.

The energy of a slab grows linearly with its atoms, E(N) = 2 γ A + N ε, so the line through several thicknesses gives
the surface energy γ with the bulk's energy ε as the slabs themselves have it (Fiorentini and Methfessel, J. Phys.:
Condens. Matter 8, 6525 (1996)); with ε of a separate calculation γ would drift with the thickness. The residuals give
its standard error. Slabs have the plane's smallest cell, so relaxations that need a larger one, such as the dimers of
silicon (100), do not happen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.units import J, m
from pydantic import Field

from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.crystal import bare_crystal
from forgefield.properties.oriented_crystal import (
    Cut,
    Indices,
    OrientedCrystal,
    begun_at,
    distinct_planes,
    oriented,
)
from forgefield.properties.point import evaluate_points, require_points
from forgefield.properties.quantities import Planned, Quantity
from forgefield.properties.rearrangement import relaxation_warnings
from forgefield.sampling.relaxation import relax

_TO_SI = m**2 / J
_UNCERTAIN = 0.03
"""Share of a surface energy that its standard error may reach before it counts as not converged."""
_OPENED = 1.0
"""Widening of a gap between planes by which a slab has come apart, Å."""


class SurfaceEnergySpec(Spec):
    """Which surfaces are cut, and how they are computed."""

    max_index: int = Field(default=1, ge=1, le=3)
    """Largest Miller index of the conventional cell."""
    planes: tuple[Indices, ...] = ()
    """Miller indices of the planes wanted; empty: all up to `max_index`."""
    terminations: int = Field(default=2, ge=1)
    """Cuts of each plane that are computed, those with two equal faces first, of these the widest gaps."""
    thickness: float = Field(default=8.0, gt=0)
    """Thickness of the thinnest slab, Å."""
    slabs: int = Field(default=4, ge=3)
    """Thicknesses of each surface, one repeat of the crystal apart."""
    vacuum: float = Field(default=12.0, ge=4)
    """Distance between the slab and its periodic image, Å."""
    max_atoms: int = Field(default=120, ge=1)
    """Surfaces whose thickest slab has more atoms are left out."""
    relax: bool = True
    """Relax the atoms of every slab; without it only the ideal surfaces are computed."""
    force_tolerance: float = Field(default=0.01, gt=0)
    """Largest force at the end of a relaxation, eV/Å."""
    max_steps: int = Field(default=300, ge=1)
    """Steps after which a relaxation gives up."""


@dataclass(frozen=True, slots=True)
class Surface:
    """One surface of a crystal.

    Attributes:
        name: plane and, where there are several, number of the termination: ``(111)``, ``(111) 2``.
        plane: Miller indices.
        equal_faces: whether both faces of the slabs are the same; else energies are means of two different faces.
        area: of one face, Å².
        n_atoms: (n,) of each slab.
        ideal_energies: (n,) of the slabs as they are cut, eV.
        relaxed_energies: (n,) after relaxation, eV; empty where they were not relaxed.
        ideal: surface energy as cut, J/m².
        ideal_error: its standard error, J/m².
        relaxed: surface energy after relaxation, J/m²; None where not relaxed.
        relaxed_error: its standard error, J/m².
    """

    name: str
    plane: Indices
    equal_faces: bool
    area: float
    n_atoms: Array
    ideal_energies: Array
    relaxed_energies: Array
    ideal: float
    ideal_error: float
    relaxed: float | None
    relaxed_error: float | None


@dataclass(frozen=True, slots=True)
class SurfaceEnergies:
    """Surfaces of a crystal.

    Attributes:
        surfaces: in the order of their planes.
        warnings: relaxations that ended elsewhere, energies that are not converged, surfaces left out.
    """

    surfaces: tuple[Surface, ...]
    warnings: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Relaxed and ideal energy of each surface."""
        found = []
        for surface in self.surfaces:
            name = f"surface {surface.name}"
            if surface.relaxed is not None:
                found.append(Quantity(f"{name}, energy", surface.relaxed, "J/m²", surface.relaxed_error))
            found.append(Quantity(f"{name}, energy unrelaxed", surface.ideal, "J/m²", surface.ideal_error))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class SurfacePlan:
    """Slabs of one surface.

    Attributes:
        name: of the surface.
        crystal: laid on its plane.
        cut: where the slabs begin and end.
        slabs: in growing thickness.
    """

    name: str
    crystal: OrientedCrystal
    cut: Cut
    slabs: tuple[Atoms, ...]


def plan(atoms: Atoms, spec: SurfaceEnergySpec) -> tuple[tuple[SurfacePlan, ...], tuple[str, ...]]:
    """Slabs of every surface, and a line for each surface left out.

    Args:
        atoms: the crystal at rest.
        spec: planes, thicknesses, limits.
    """
    plans, left_out = [], []
    for plane in spec.planes or distinct_planes(bare_crystal(atoms), spec.max_index):
        crystal = oriented(atoms, plane)
        label = _label(plane)
        for number, cut in enumerate(crystal.cuts, start=1):
            name = label if number == 1 else f"{label} {number}"
            first = max(1, math.ceil((spec.thickness + cut.width) / crystal.repeat - 1e-6))
            most = (first + spec.slabs - 1) * len(crystal.atoms)
            if number > spec.terminations:
                left_out.append(f"surface {name} left out: more cuts than terminations ({spec.terminations})")
            elif most > spec.max_atoms:
                left_out.append(
                    f"surface {name} left out: {most} atoms, more than max_atoms ({spec.max_atoms})"
                )
            else:
                counts = range(first, first + spec.slabs)
                slabs = tuple(slab(crystal, cut, count, spec.vacuum) for count in counts)
                plans.append(SurfacePlan(name, crystal, cut, slabs))
    return tuple(plans), tuple(left_out)


def slab(crystal: OrientedCrystal, cut: Cut, repeats: int, vacuum: float) -> Atoms:
    """A slab in a cell that is periodic in all directions, as plane-wave engines need it, vacuum along z.

    Args:
        crystal: laid on the plane of the surface.
        cut: where the slab begins and ends.
        repeats: of the crystal.
        vacuum: between the outermost planes of the slab and of its image, Å.
    """
    atoms = begun_at(crystal, cut).repeat((1, 1, repeats))
    cell = atoms.cell.array
    cell[2] = (0.0, 0.0, repeats * crystal.repeat - cut.width + vacuum)
    atoms.set_cell(cell)
    atoms.positions[:, 2] += (vacuum - cut.width) / 2
    atoms.wrap()
    return atoms


def compute(atoms: Atoms, calculator: Calculator, spec: SurfaceEnergySpec) -> SurfaceEnergies:
    """Surface energies of a crystal at rest with any ASE calculator.

    Raises:
        ForgefieldError: the structure is no crystal, or energies are not finite.
    """
    plans, left_out = plan(atoms, spec)
    slabs = [each for planned_ in plans for each in planned_.slabs]
    points = evaluate_points(slabs, calculator)
    require_points(points, slabs, "surface energies")
    surfaces, warnings = [], []
    for number, each in enumerate(plans):
        begin = number * spec.slabs
        ideal = np.array([point.energy for point in points[begin : begin + spec.slabs]])
        relaxed: list[float] = []
        if spec.relax:
            for structure in each.slabs:
                ended = relax(structure, calculator, spec.force_tolerance, False, spec.max_steps)
                relaxed.append(ended.energy)
                name = f"surface {each.name}, slab of {len(structure)} atoms"
                warnings += [
                    *relaxation_warnings(name, structure, ended),
                    *_apart(name, structure, ended.atoms),
                ]
        surface = _surface(each, ideal, np.array(relaxed))
        surfaces.append(surface)
        warnings += _doubts(surface)
    return SurfaceEnergies(tuple(surfaces), (*warnings, *left_out))


def planned(atoms: Atoms, spec: SurfaceEnergySpec) -> tuple[Planned, ...]:
    """Every slab once, and some twenty steps of each where they relax."""
    steps = 20 if spec.relax else 0
    return tuple(Planned(each, 1 + steps) for planned_ in plan(atoms, spec)[0] for each in planned_.slabs)


def _surface(plan_: SurfacePlan, ideal: Array, relaxed: Array) -> Surface:
    counts = np.array([len(each) for each in plan_.slabs], dtype=np.float64)
    ideal_energy, ideal_error = _surface_energy(counts, ideal, plan_.crystal.area)
    ended = _surface_energy(counts, relaxed, plan_.crystal.area) if len(relaxed) else None
    return Surface(
        name=plan_.name,
        plane=plan_.crystal.plane,
        equal_faces=plan_.cut.equal_faces,
        area=plan_.crystal.area,
        n_atoms=counts,
        ideal_energies=ideal,
        relaxed_energies=relaxed,
        ideal=ideal_energy,
        ideal_error=ideal_error,
        relaxed=None if ended is None else ended[0],
        relaxed_error=None if ended is None else ended[1],
    )


def _surface_energy(counts: Array, energies: Array, area: float) -> tuple[float, float]:
    """Half the line's value at no atoms and its standard error, over the area, J/m²."""
    line = np.column_stack([np.ones_like(counts), counts])
    # Without its mean slope the energies of large slabs keep their digits.
    slope = (energies[-1] - energies[0]) / (counts[-1] - counts[0])
    rest = energies - slope * counts
    solution = np.linalg.lstsq(line, rest, rcond=None)[0]
    variance = np.sum((line @ solution - rest) ** 2) / (len(counts) - 2)
    error = np.sqrt(variance * np.linalg.inv(line.T @ line)[0, 0])
    return float(solution[0] / (2 * area) * _TO_SI), float(error / (2 * area) * _TO_SI)


def _doubts(surface: Surface) -> Sequence[str]:
    name, found = f"surface {surface.name}", []
    best, error = surface.relaxed, surface.relaxed_error
    if best is None or error is None:
        best, error = surface.ideal, surface.ideal_error
    if not surface.equal_faces:
        found.append(f"{name}: the two faces of its slabs differ, and the energy is the mean of both")
    if error > _UNCERTAIN * abs(best):
        found.append(
            f"{name}: {best:.3g} ± {error:.2g} J/m² is not converged with the thickness of the slabs"
        )
    if best <= 0:
        found.append(f"{name}: its energy is negative, so the crystal would fall apart there")
    return found


def _apart(name: str, before: Atoms, after: Atoms) -> Sequence[str]:
    """Whether a gap between planes of atoms has opened."""
    widths = [float(np.diff(np.sort(each.positions[:, 2])).max()) for each in (before, after)]
    if widths[1] < widths[0] + _OPENED:
        return ()
    return (
        f"{name}: it came apart, with a gap of {widths[1]:.1f} Å where there were {widths[0]:.1f} Å at most",
    )


def _label(plane: Indices) -> str:
    return "(" + "".join(str(index) if index >= 0 else f"{-index}\u0305" for index in plane) + ")"
