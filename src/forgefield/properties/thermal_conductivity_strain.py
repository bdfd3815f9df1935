"""Lattice thermal conductivity against isotropic strain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties import thermal_conductivity
from forgefield.properties.crystal import bare_crystal, scaled_to_volume
from forgefield.properties.point import PointValues, evaluate_points, evaluations_in_parts
from forgefield.properties.quantities import Planned, Quantity
from forgefield.properties.thermal_conductivity import ThermalConductivitySpec
from forgefield.properties.thermal_conductivity_record import ThermalConductivity


class ConductivityStrainSpec(Spec):
    """At which strains."""

    strains: tuple[float, ...] = Field(default=(-0.01, 0.0, 0.01), min_length=2)
    """Relative change of every length, ascending."""


@dataclass(frozen=True, slots=True)
class ConductivityAgainstStrain:
    """Conductivity at several strains.

    Attributes:
        strains: (n,) relative change of every length.
        results: at each strain.
    """

    strains: Array
    results: tuple[ThermalConductivity, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those at each strain."""
        return tuple(
            f"strain {strain:+g}: {warning}"
            for strain, result in zip(self.strains, self.results, strict=True)
            for warning in result.warnings
        )

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """d ln κ/d ln V at each temperature, a straight line through all strains."""
        temperatures = self.results[0].temperatures
        means = np.array([result.conductivity[:, :3].mean(axis=1) for result in self.results])
        slopes = np.polyfit(3 * np.log1p(self.strains), np.log(means), 1)[0]
        return tuple(
            Quantity(f"d ln κ/d ln V at {temperature:g} K", float(slope), "")
            for temperature, slope in zip(temperatures, slopes, strict=True)
        )


def plan(atoms: Atoms, spec: ConductivityStrainSpec, conductivity: ThermalConductivitySpec) -> list[Atoms]:
    """The displaced supercells at one strain after another."""
    settled = thermal_conductivity.resolve(atoms, conductivity)
    return [
        structure
        for crystal in _crystals(atoms, spec)
        for structure in thermal_conductivity.plan(crystal, settled)
    ]


def analyse(
    atoms: Atoms,
    spec: ConductivityStrainSpec,
    conductivity: ThermalConductivitySpec,
    evaluations: Sequence[PointValues],
) -> ConductivityAgainstStrain:
    """Conductivities from the evaluations of :func:`plan`."""
    settled = thermal_conductivity.resolve(atoms, conductivity)
    parts = evaluations_in_parts(evaluations, len(spec.strains), "the conductivity against strain")
    results = tuple(
        thermal_conductivity.analyse(crystal, settled, part)
        for crystal, part in zip(_crystals(atoms, spec), parts, strict=True)
    )
    return ConductivityAgainstStrain(np.array(spec.strains, dtype=np.float64), results)


def compute(
    atoms: Atoms, calculator: Calculator, spec: ConductivityStrainSpec, conductivity: ThermalConductivitySpec
) -> ConductivityAgainstStrain:
    """Conductivity of a crystal against strain with any ASE calculator."""
    return analyse(atoms, spec, conductivity, evaluate_points(plan(atoms, spec, conductivity), calculator))


def planned(
    atoms: Atoms, spec: ConductivityStrainSpec, conductivity: ThermalConductivitySpec
) -> tuple[Planned, ...]:
    """Those of the conductivity, at each strain."""
    return tuple(
        Planned(each.atoms, len(spec.strains) * each.calculations)
        for each in thermal_conductivity.planned(atoms, conductivity)
    )


def _crystals(atoms: Atoms, spec: ConductivityStrainSpec) -> list[Atoms]:
    volume = bare_crystal(atoms).cell.volume
    return [scaled_to_volume(atoms, volume * (1 + strain) ** 3) for strain in spec.strains]
