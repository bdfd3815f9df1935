"""Energy that holds a crystal together, against free atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.spec import Spec
from forgefield.properties.crystal import bare_crystal
from forgefield.properties.free_atom import free_atom, has_moments
from forgefield.properties.point import PointValues, evaluate_points, require_points
from forgefield.properties.quantities import Planned, Quantity

_FORCE, _PRESSURE = 0.05, 2.0
"""Largest force, eV/Å, and stress, GPa, of a crystal that may pass as relaxed."""


class CohesiveEnergySpec(Spec):
    """Free atoms."""

    box: float = Field(default=12.0, ge=6)
    """Edge of the cube that holds a free atom, Å."""


@dataclass(frozen=True, slots=True)
class FreeAtom:
    """A free atom.

    Attributes:
        symbol: of the element.
        energy: eV.
        moment: that it started from, μB; None where the calculator has no moments.
    """

    symbol: str
    energy: float
    moment: float | None


@dataclass(frozen=True, slots=True)
class CohesiveEnergy:
    """What it costs to take a crystal apart.

    Attributes:
        value: eV/atom, positive where the crystal is bound.
        crystal_energy: eV/atom.
        free_atoms: of each element.
        max_force: in the crystal, eV/Å.
        max_stress: largest component of the crystal's stress, GPa; None where the calculator has no stress.
    """

    value: float
    crystal_energy: float
    free_atoms: tuple[FreeAtom, ...]
    max_force: float
    max_stress: float | None

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The cohesive energy."""
        return (Quantity("cohesive energy", self.value, "eV/atom"),)

    @property
    def warnings(self) -> tuple[str, ...]:
        """A crystal that is not bound, or not at rest."""
        found = []
        if self.value <= 0:
            found.append(
                f"the crystal is not bound: its atoms would be {-self.value:.3g} eV/atom lower if free"
            )
        if self.max_force > _FORCE:
            found.append(f"the crystal is not relaxed: its largest force is {self.max_force:.2g} eV/Å")
        if self.max_stress is not None and self.max_stress > _PRESSURE:
            found.append(f"the crystal is not relaxed: its largest stress is {self.max_stress:.2g} GPa")
        return tuple(found)


def plan(atoms: Atoms, spec: CohesiveEnergySpec, moments: bool = False) -> list[Atoms]:
    """The crystal, then one free atom of each element.

    Args:
        atoms: the crystal at rest.
        spec: size of the box.
        moments: start the atoms from their moments by Hund's rule, the ground state of almost all.
    """
    crystal = bare_crystal(atoms)
    species = sorted(set(crystal.get_chemical_symbols()))
    return [crystal, *(free_atom(symbol, spec.box, moments) for symbol in species)]


def analyse(
    atoms: Atoms, spec: CohesiveEnergySpec, evaluations: Sequence[PointValues], moments: bool = False
) -> CohesiveEnergy:
    """Cohesive energy from the evaluations of :func:`plan`.

    Raises:
        ForgefieldError: evaluations do not fit the plan or are not finite.
    """
    structures = plan(atoms, spec, moments)
    require_points(evaluations, structures, "the cohesive energy")
    crystal, point = structures[0], evaluations[0]
    free = tuple(
        FreeAtom(
            structure.symbols[0],
            alone.energy,
            float(structure.get_initial_magnetic_moments()[0]) if moments else None,
        )
        for structure, alone in zip(structures[1:], evaluations[1:], strict=True)
    )
    energies = {atom.symbol: atom.energy for atom in free}
    total = sum(energies[symbol] for symbol in crystal.get_chemical_symbols())
    return CohesiveEnergy(
        value=(total - point.energy) / len(crystal),
        crystal_energy=point.energy / len(crystal),
        free_atoms=free,
        max_force=float(np.linalg.norm(point.forces, axis=1).max()),
        max_stress=None if point.stress is None else float(np.abs(point.stress).max() / units.GPa),
    )


def compute(atoms: Atoms, calculator: Calculator, spec: CohesiveEnergySpec) -> CohesiveEnergy:
    """Cohesive energy of a crystal at rest with any ASE calculator."""
    moments = has_moments(calculator)
    evaluations = evaluate_points(plan(atoms, spec, moments), calculator)
    return analyse(atoms, spec, evaluations, moments)


def planned(atoms: Atoms, spec: CohesiveEnergySpec) -> tuple[Planned, ...]:
    """The crystal and each free atom once."""
    return tuple(Planned(structure, 1) for structure in plan(atoms, spec))
