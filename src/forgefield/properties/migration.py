"""How atoms migrate through a crystal: the paths of all distinct hops, and how often each happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.spec import Spec
from forgefield.properties import minimum_energy_path, saddle, vineyard
from forgefield.properties.defect_diffusivity import DefectDiffusivity, diffusion_tensor
from forgefield.properties.hops import Hop, HopSpec, vacancy_hops
from forgefield.properties.minimum_energy_path import MinimumEnergyPath, MinimumEnergyPathSpec
from forgefield.properties.path_check import PathCheck, check_path
from forgefield.properties.path_check import planned_check as planned_path_check
from forgefield.properties.quantities import Planned, Quantity
from forgefield.properties.saddle import Saddle, SaddleSpec
from forgefield.properties.vineyard import Vineyard, VineyardSpec


class MigrationSpec(Spec):
    """Which hops are studied, and how far."""

    hops: HopSpec = Field(default_factory=HopSpec)
    """Hops into a vacancy."""
    path: MinimumEnergyPathSpec = Field(default_factory=MinimumEnergyPathSpec)
    """Their paths."""
    saddle: SaddleSpec | None = None
    """Refinement of the highest image by a dimer, with a count of unstable modes; null: none."""
    rates: VineyardSpec | None = Field(default_factory=VineyardSpec)
    """Attempt frequency and rates; null: none. Without them and the saddle, nobody counts unstable modes."""


@dataclass(frozen=True, slots=True)
class HopFinding:
    """What was found out about one hop.

    Attributes:
        name: such as ``Cu vacancy, 2.55 Å``.
        species: of the atom that hops.
        distance: between the ideal sites, Å.
        multiplicity: hops of this kind out of the first site.
        multiplicity_backward: hops of this kind out of the last site.
        path: from one end to the other.
        saddle: refined; None if that was not asked for or the path has no highest image inside.
        rates: likewise.
    """

    name: str
    species: str
    distance: float
    multiplicity: int
    multiplicity_backward: int
    path: MinimumEnergyPath
    saddle: Saddle | None
    rates: Vineyard | None

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Those of path and rates."""
        rates = self.rates.quantities if self.rates is not None else ()
        return _named(self.name, (*self.path.quantities, *rates))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of path, saddle and rates."""
        parts = [part for part in (self.path, self.saddle, self.rates) if part is not None]
        return tuple(f"{self.name}: {warning}" for part in parts for warning in part.warnings)


@dataclass(frozen=True, slots=True)
class Migration:
    """All hops.

    Attributes:
        hops: in the order of species and length.
        diffusivities: of each kind of defect of which all rates are known.
        remarks: why there is no diffusivity of another.
    """

    hops: tuple[HopFinding, ...]
    diffusivities: tuple[DefectDiffusivity, ...]
    remarks: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Barriers and rates of all hops, then diffusivities."""
        parts: tuple[HopFinding | DefectDiffusivity, ...] = (*self.hops, *self.diffusivities)
        return tuple(quantity for part in parts for quantity in part.quantities)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes any of them doubtful."""
        return (*(warning for hop in self.hops for warning in hop.warnings), *self.remarks)


@dataclass(frozen=True, slots=True)
class HopCheck:
    """Another calculator on the images of one hop's path.

    Attributes:
        name: of the hop.
        check: energies and forces.
    """

    name: str
    check: PathCheck


@dataclass(frozen=True, slots=True)
class MigrationCheck:
    """Another calculator on the images of all paths, which it did not move.

    Attributes:
        hops: those that have a path.
    """

    hops: tuple[HopCheck, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Barriers along the given paths, under the names that the paths' own have."""
        return tuple(q for hop in self.hops for q in _named(hop.name, hop.check.quantities))

    @property
    def warnings(self) -> tuple[str, ...]:
        """How far the calculator's own paths may be."""
        return tuple(f"{hop.name}: {warning}" for hop in self.hops for warning in hop.check.warnings)


def compute(
    atoms: Atoms, calculator: Calculator, spec: MigrationSpec, hops: Sequence[Hop] | None = None
) -> Migration:
    """Paths of hops, and what the settings ask for beyond them.

    Args:
        atoms: the perfect crystal at the calculator's own zero stress.
        calculator: any ASE calculator.
        spec: settings.
        hops: other than those into a vacancy, such as `hops.interstitial_hops` makes.
    """
    chosen = vacancy_hops(atoms, spec.hops) if hops is None else hops
    findings = tuple(_finding(hop, calculator, spec) for hop in chosen)
    if spec.rates is None:
        return Migration(findings, (), ())
    defects = dict.fromkeys(hop.defect for hop in chosen)
    made = [_diffusivity(defect, chosen, findings, spec.rates) for defect in defects]
    return Migration(
        hops=findings,
        diffusivities=tuple(each for each in made if not isinstance(each, str)),
        remarks=tuple(each for each in made if isinstance(each, str)),
    )


def check(migration: Migration, calculator: Calculator) -> MigrationCheck:
    """Single points of another calculator, such as DFT, on the images of all paths."""
    return MigrationCheck(
        tuple(
            HopCheck(hop.name, check_path(hop.path, calculator))
            for hop in migration.hops
            if hop.path.leads_somewhere
        )
    )


def planned(atoms: Atoms, spec: MigrationSpec) -> tuple[Planned, ...]:
    """Forecast of the paths of all hops into a vacancy; refinement and rates, which come after them, are not in it."""
    return tuple(
        each
        for hop in vacancy_hops(atoms, spec.hops)
        for each in minimum_energy_path.planned(hop.initial, hop.final, spec.path)
    )


def planned_images(atoms: Atoms, spec: MigrationSpec) -> tuple[Planned, ...]:
    """Forecast of `check` before there are paths."""
    return tuple(
        Planned(hop.initial, 2 + minimum_energy_path.image_count(hop.initial, hop.final, spec.path))
        for hop in vacancy_hops(atoms, spec.hops)
    )


def planned_check(migration: Migration) -> tuple[Planned, ...]:
    """Forecast of :func:`check`."""
    return tuple(
        each for hop in migration.hops if hop.path.leads_somewhere for each in planned_path_check(hop.path)
    )


def _finding(hop: Hop, calculator: Calculator, spec: MigrationSpec) -> HopFinding:
    path = minimum_energy_path.compute(hop.initial, hop.final, calculator, spec.path)
    refined, rates = None, None
    if 0 < path.highest < len(path.positions) - 1:
        top, barrier = path.saddle, path.profile.forward
        if spec.saddle is not None:
            refined = saddle.compute(top, path.saddle_direction, calculator, spec.saddle)
            if not refined.warnings:
                top, barrier = refined.structure.atoms, refined.energy - path.energy
        if spec.rates is not None:
            rates = vineyard.compute(path.start.atoms, top, barrier, calculator, spec.rates)
    return HopFinding(
        name=hop.name,
        species=hop.species,
        distance=hop.distance,
        multiplicity=hop.multiplicity,
        multiplicity_backward=hop.multiplicity_backward,
        path=path,
        saddle=refined,
        rates=rates,
    )


def _diffusivity(
    defect: str, hops: Sequence[Hop], findings: Sequence[HopFinding], spec: VineyardSpec
) -> DefectDiffusivity | str:
    """The defect's diffusivity, or why there is none."""
    mine = [(hop, finding) for hop, finding in zip(hops, findings, strict=True) if hop.defect == defect]
    unknown = [hop.name for hop, found in mine if found.rates is None or not found.rates.quantities]
    if unknown:
        return f"no diffusivity of the {defect}: no rate of {', '.join(unknown)}"
    if not all(hop.jumps.sites_alike for hop, _ in mine):
        return f"no diffusivity of the {defect}: its sites are not alike"
    rates = np.array([found.rates.rates for _, found in mine if found.rates is not None])
    jumps = [hop.jumps for hop, _ in mine]
    return DefectDiffusivity(
        defect=defect,
        temperatures=np.array(spec.temperatures, dtype=np.float64),
        tensors=np.array([diffusion_tensor(jumps, at) for at in rates.T]),
    )


def _named(name: str, quantities: Sequence[Quantity]) -> tuple[Quantity, ...]:
    return tuple(replace(quantity, name=f"{name}, {quantity.name}") for quantity in quantities)
