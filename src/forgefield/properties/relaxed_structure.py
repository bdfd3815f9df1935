"""The structure that a method itself relaxes a crystal to, and the order of several crystals' energies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.cell import Cell
from ase.formula import Formula
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.site_symmetry import space_group
from forgefield.atoms.spec import Spec
from forgefield.properties.crystal import bare_crystal, conventional_cell
from forgefield.properties.quantities import Planned, Quantity
from forgefield.properties.rearrangement import moves, relaxation_warnings
from forgefield.properties.stored_structure import StoredStructure, stored_structure
from forgefield.sampling.relaxation import relax

_VOLUME = 0.15
"""Relative change of volume by which a crystal has left the one that was given."""


class RelaxedStructureSpec(Spec):
    """How crystals are relaxed."""

    force_tolerance: float = Field(default=0.005, gt=0)
    """Largest force at the end, eV/Å; for the cell, on the virial per atom."""
    max_steps: int = Field(default=500, ge=1)
    """Steps after which a relaxation gives up."""
    symmetry_tolerance: float = Field(default=0.02, gt=0)
    """How far an atom may be from where symmetry puts it, Å."""


@dataclass(frozen=True, slots=True)
class RelaxedStructure:
    """A crystal with cell and positions relaxed.

    Attributes:
        name: of the crystal.
        formula: reduced.
        structure: relaxed.
        energy: eV/atom.
        lengths: (3,) a, b, c of the conventional cell, Å: that of the crystal given, followed through the relaxation.
        angles: (3,) α, β, γ of the conventional cell, degrees.
        volume: Å³/atom.
        space_group_before: such as ``Fm-3m (225)``.
        space_group_after: the same after the relaxation.
        largest_move: of an atom within the cell, Å.
        max_force: at the end, eV/Å.
        max_stress: at the end, GPa.
        warnings: what the relaxation did that its numbers do not show.
    """

    name: str
    formula: str
    structure: StoredStructure
    energy: float
    lengths: Array
    angles: Array
    volume: float
    space_group_before: str
    space_group_after: str
    largest_move: float
    max_force: float
    max_stress: float
    warnings: tuple[str, ...]

    @property
    def atoms(self) -> Atoms:
        """The relaxed crystal."""
        return self.structure.atoms

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Lattice parameters, without those that equal an earlier one or a right angle, volume and energy."""
        prefix = f"{self.name}, " if self.name else ""
        found = [
            Quantity(f"{prefix}lattice parameter {name}", float(value), "Å")
            for place, (name, value) in enumerate(zip("abc", self.lengths, strict=True))
            if not np.isclose(self.lengths[:place], value, rtol=1e-3).any()
        ]
        found += [
            Quantity(f"{prefix}angle {name}", float(value), "°")
            for name, value in zip("αβγ", self.angles, strict=True)
            if not np.isclose([90, 120], value, atol=0.05).any()
        ]
        found.append(Quantity(f"{prefix}volume", self.volume, "Å³/atom"))
        found.append(Quantity(f"{prefix}energy", self.energy, "eV/atom"))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class PhaseOrder:
    """Crystals of one composition, the lowest in energy first.

    Attributes:
        phases: in the order of their energies.
    """

    phases: tuple[RelaxedStructure, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Energy of each crystal above the lowest."""
        lowest = self.phases[0].energy
        return tuple(
            Quantity(f"{phase.name}, energy above the lowest", 1000 * (phase.energy - lowest), "meV/atom")
            for phase in self.phases
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of all crystals."""
        return tuple(warning for phase in self.phases for warning in phase.warnings)


def compute(
    atoms: Atoms, calculator: Calculator, spec: RelaxedStructureSpec, name: str = ""
) -> RelaxedStructure:
    """Relax cell and positions of a crystal with any ASE calculator that has stress.

    Args:
        atoms: the crystal.
        calculator: with energy, forces and stress.
        spec: tolerances.
        name: for people; empty: the formula.

    Raises:
        ForgefieldError: the structure is no crystal.
    """
    crystal = bare_crystal(atoms)
    title = name or crystal.get_chemical_formula()
    relaxed = relax(crystal, calculator, spec.force_tolerance, cell=True, max_steps=spec.max_steps)
    ended = relaxed.atoms
    groups = [space_group(each, spec.symmetry_tolerance) for each in (crystal, ended)]
    warnings = list(relaxation_warnings(title, crystal, relaxed))
    if groups[0] != groups[1]:
        warnings.append(f"{title}: the space group changed from {groups[0]} to {groups[1]}")
    change = ended.cell.volume / crystal.cell.volume - 1
    if abs(change) > _VOLUME:
        warnings.append(f"{title}: the volume changed by {100 * change:+.0f} %")
    conventional = conventional_cell(crystal, spec.symmetry_tolerance) @ np.linalg.inv(crystal.cell.array)
    shape = Cell(conventional @ ended.cell.array)
    return RelaxedStructure(
        name=name,
        formula=Formula(crystal.get_chemical_formula()).reduce()[0].format("metal"),
        structure=stored_structure(ended),
        energy=relaxed.energy / len(ended),
        lengths=np.asarray(shape.lengths()),
        angles=np.asarray(shape.angles()),
        volume=float(ended.cell.volume) / len(ended),
        space_group_before=groups[0],
        space_group_after=groups[1],
        largest_move=float(moves(crystal, ended).max()),
        max_force=relaxed.max_force,
        max_stress=relaxed.max_stress / units.GPa,
        warnings=tuple(warnings),
    )


def in_order(phases: Sequence[RelaxedStructure]) -> PhaseOrder:
    """Crystals by their energies, the lowest first.

    Raises:
        ForgefieldError: there are none, or they are not of one composition.
    """
    formulas = sorted({phase.formula for phase in phases})
    if len(formulas) != 1:
        raise ForgefieldError(
            f"energies of crystals of {', '.join(formulas) or 'no composition'} cannot be put in order",
            "give crystals of one composition",
        )
    return PhaseOrder(tuple(sorted(phases, key=lambda phase: phase.energy)))


def planned(atoms: Atoms, spec: RelaxedStructureSpec) -> tuple[Planned, ...]:
    """Some fifteen steps."""
    return (Planned(bare_crystal(atoms), min(15, spec.max_steps)),)
