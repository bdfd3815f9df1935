"""Formation energies of vacancies, antisites and interstitials, relaxed in a supercell of fixed shape.

E_f = E(defect) − E(host) + Σ n_i μ_i, with n_i atoms of element i taken out (negative: put in) and μ_i its chemical
potential (Zhang and Northrup, Phys. Rev. Lett. 67, 2339 (1991)). For an element μ is its bulk energy. A compound fixes
only the sum of its μ: with crystals of the elements given, each element in turn takes what the others at their
crystals' energies leave (``X-poor``); without them only combinations that keep the composition have an energy.
The cells are not charged. Relaxations start from the ideal defect and keep what symmetry no force breaks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import Spec
from forgefield.atoms.voids import distances_to_atoms
from forgefield.properties.crystal import bare_crystal
from forgefield.properties.defect_cells import DefectCell, defect_cells, host_cell
from forgefield.properties.defect_reactions import Reaction, neutral_reactions
from forgefield.properties.point import evaluate_points, require_points
from forgefield.properties.quantities import Planned, Quantity
from forgefield.properties.rearrangement import relaxation_warnings
from forgefield.sampling.relaxation import relax

_FILLED = 0.6
"""Share of the nearest distance in the crystal to which an atom comes near a vacancy that it fills."""
_NOT_AT_REST = 0.05
"""Largest force of a host that may pass as relaxed, eV/Å."""


class PointDefectSpec(Spec):
    """Which defects, in which cell."""

    vacancies: bool = True
    """One atom missing, for each kind of site."""
    antisites: bool = True
    """One atom of another element of the crystal, for each kind of site."""
    interstitials: int = Field(default=2, ge=0)
    """One atom more in each of this number of voids, for each element."""
    minimum_length: float = Field(default=9.0, gt=0)
    """Shortest distance between a defect and its periodic images, Å."""
    max_atoms: int = Field(default=256, ge=2)
    """Largest supercell allowed."""
    closest: float = Field(default=0.7, gt=0)
    """Shortest distance of interstitials to other atoms, in sums of covalent radii."""
    relax: bool = True
    """Relax the atoms; without it only the ideal defects are computed."""
    force_tolerance: float = Field(default=0.01, gt=0)
    """Largest force at the end of a relaxation, eV/Å."""
    max_steps: int = Field(default=300, ge=1)
    """Steps after which a relaxation gives up."""


@dataclass(frozen=True, slots=True)
class PointDefect:
    """One defect.

    Attributes:
        name: such as ``vacancy O``.
        removed: element of the missing atom, or "".
        added: element of the additional atom, or "".
        ideal: energy of the cell with the unrelaxed defect above the host's, eV.
        relaxed: the same after relaxation, eV; None where not relaxed.
    """

    name: str
    removed: str
    added: str
    ideal: float
    relaxed: float | None

    @property
    def energy(self) -> float:
        """Relaxed if there is one, else ideal, eV."""
        return self.ideal if self.relaxed is None else self.relaxed


@dataclass(frozen=True, slots=True)
class ChemicalPotentials:
    """Conditions under which a defect forms.

    Attributes:
        name: such as ``O-poor``; empty for an element.
        symbols: the elements.
        values: chemical potential of each, eV.
    """

    name: str
    symbols: tuple[str, ...]
    values: tuple[float, ...]

    def formation(self, defect: PointDefect, energy: float) -> float:
        """Formation energy, eV.

        Args:
            defect: which atoms come and go.
            energy: of its cell above the host's, eV.
        """
        mu = dict(zip(self.symbols, self.values, strict=True)) | {"": 0.0}
        return energy + mu[defect.removed] - mu[defect.added]


@dataclass(frozen=True, slots=True)
class PointDefects:
    """Point defects of a crystal.

    Attributes:
        host_atoms: number of atoms of the supercell.
        host_energy: of the supercell, eV.
        defects: one for each kind of site and element.
        conditions: chemical potentials; empty for a compound without crystals of its elements.
        reactions: combinations of defects that keep the composition of a compound.
        warnings: relaxations that ended elsewhere, defects that cost nothing.
    """

    host_atoms: int
    host_energy: float
    defects: tuple[PointDefect, ...]
    conditions: tuple[ChemicalPotentials, ...]
    reactions: tuple[Reaction, ...]
    warnings: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Formation energies under each condition, then those of the combinations."""
        found = []
        for condition in self.conditions:
            where = f", {condition.name}" if condition.name else ""
            for defect in self.defects:
                name = f"{defect.name}{where}, formation energy"
                if defect.relaxed is not None:
                    found.append(Quantity(name, condition.formation(defect, defect.relaxed), "eV"))
                found.append(Quantity(f"{name} unrelaxed", condition.formation(defect, defect.ideal), "eV"))
        found += [Quantity(f"{each.name}, energy per defect", each.energy, "eV") for each in self.reactions]
        return tuple(found)


def compute(
    atoms: Atoms, calculator: Calculator, spec: PointDefectSpec, reference_phases: Sequence[Atoms] = ()
) -> PointDefects:
    """Formation energies of point defects with any ASE calculator.

    Args:
        atoms: the crystal at rest.
        calculator: with energy and forces.
        spec: which defects.
        reference_phases: for a compound, a crystal at rest of each element, or of all but one.

    Raises:
        ForgefieldError: no supercell is large enough, a reference is no crystal of one element, or energies are not
            finite.
    """
    host = host_cell(atoms, spec.minimum_length, spec.max_atoms)
    cells = _cells(atoms, host, spec)
    references = _references(atoms, reference_phases)
    structures = [host, *references.values(), *(cell.atoms for cell in cells)]
    points = evaluate_points(structures, calculator)
    require_points(points, structures, "point defects")
    energies = [point.energy for point in points]
    largest = float(np.linalg.norm(points[0].forces, axis=1).max())
    warnings = []
    if largest > _NOT_AT_REST:
        warnings.append(
            f"the crystal without defects is not relaxed: its largest force is {largest:.2g} eV/Å"
        )
    defects = []
    for cell, ideal in zip(cells, energies[1 + len(references) :], strict=True):
        relaxed = None
        if spec.relax:
            ended = relax(cell.atoms, calculator, spec.force_tolerance, False, spec.max_steps)
            relaxed = ended.energy - energies[0]
            warnings += [
                *relaxation_warnings(cell.name, cell.atoms, ended),
                *_filled(cell, host, ended.atoms),
            ]
        defects.append(PointDefect(cell.name, cell.removed, cell.added, ideal - energies[0], relaxed))
    per_atom = {
        symbol: energy / len(phase)
        for (symbol, phase), energy in zip(references.items(), energies[1:], strict=False)
    }
    conditions = _conditions(host, energies[0], per_atom)
    reactions = neutral_reactions(
        host, energies[0], [(d.name, d.removed, d.added, d.energy) for d in defects]
    )
    for defect in defects:
        for condition in conditions:
            formation = condition.formation(defect, defect.energy)
            if formation < 0:
                where = f" ({condition.name})" if condition.name else ""
                warnings.append(
                    f"{defect.name}{where}: its formation energy is {formation:.2f} eV, so the crystal would "
                    "fill with it"
                )
    return PointDefects(len(host), energies[0], tuple(defects), conditions, reactions, tuple(warnings))


def planned(
    atoms: Atoms, spec: PointDefectSpec, reference_phases: Sequence[Atoms] = ()
) -> tuple[Planned, ...]:
    """Host and references once, every defect once and some thirty steps of each where they relax."""
    host = host_cell(atoms, spec.minimum_length, spec.max_atoms)
    steps = 30 if spec.relax else 0
    return (
        Planned(host, 1),
        *(Planned(phase, 1) for phase in _references(atoms, reference_phases).values()),
        *(Planned(cell.atoms, 1 + steps) for cell in _cells(atoms, host, spec)),
    )


def _cells(atoms: Atoms, host: Atoms, spec: PointDefectSpec) -> tuple[DefectCell, ...]:
    return defect_cells(atoms, host, spec.vacancies, spec.antisites, spec.interstitials, spec.closest)


def _references(atoms: Atoms, phases: Sequence[Atoms]) -> dict[str, Atoms]:
    """The crystal of each element."""
    found = {}
    for phase in phases:
        symbols = set(phase.get_chemical_symbols())
        if len(symbols) != 1 or not symbols <= set(atoms.get_chemical_symbols()):
            raise ForgefieldError(
                f"{phase.get_chemical_formula()} is no reference for the chemical potentials in "
                f"{atoms.get_chemical_formula()}",
                "give crystals of single elements of the compound",
            )
        found[symbols.pop()] = bare_crystal(phase)
    return found


def _conditions(
    host: Atoms, energy: float, references: Mapping[str, float]
) -> tuple[ChemicalPotentials, ...]:
    counts = Counter(host.get_chemical_symbols())
    symbols = tuple(sorted(counts))
    found = []
    for symbol in symbols:
        others = [other for other in symbols if other != symbol]
        if not all(other in references for other in others):
            continue
        rest = (energy - sum(counts[other] * references[other] for other in others)) / counts[symbol]
        values = tuple(rest if each == symbol else references[each] for each in symbols)
        found.append(ChemicalPotentials(f"{symbol}-poor" if others else "", symbols, values))
    return tuple(found)


def _filled(cell: DefectCell, host: Atoms, after: Atoms) -> Sequence[str]:
    """Whether an atom has moved into the vacancy."""
    if cell.kind != "vacancy":
        return ()
    near = float(distances_to_atoms(after, cell.site).min())
    apart = np.sort(distances_to_atoms(host, cell.site))[1]
    if near > _FILLED * apart:
        return ()
    return (f"{cell.name}: an atom has moved into it, to {near:.2f} Å from its middle",)
