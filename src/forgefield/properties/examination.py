"""All properties that a calculator can be examined by, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import Spec
from forgefield.properties import (
    cohesive_energy,
    dimer_curve,
    dynamics,
    elasticity,
    equation_of_state,
    green_kubo,
    grueneisen,
    migration,
    phonons,
    point_defects,
    quasiharmonic,
    relaxed_structure,
    stacking_fault,
    surface_energy,
    thermal_conductivity,
    thermal_conductivity_strain,
    thermal_properties,
)
from forgefield.properties.dynamics import DynamicsSpec
from forgefield.properties.green_kubo import GreenKuboSpec
from forgefield.properties.green_kubo_record import GreenKubo
from forgefield.properties.phonons import Phonons, PhononSpec
from forgefield.properties.quantities import Finding, Planned, Quantity
from forgefield.properties.thermal_conductivity import ThermalConductivitySpec
from forgefield.properties.thermal_conductivity_record import ThermalConductivity


class ExaminationSpec(Spec):
    """How each property is computed; which ones are is the caller's choice."""

    relaxed_structure: relaxed_structure.RelaxedStructureSpec = relaxed_structure.RelaxedStructureSpec()
    """Cell and positions at rest."""
    equation_of_state: equation_of_state.EquationOfStateSpec = equation_of_state.EquationOfStateSpec()
    """Energy–volume curve."""
    cohesive_energy: cohesive_energy.CohesiveEnergySpec = cohesive_energy.CohesiveEnergySpec()
    """Energy against free atoms."""
    elasticity: elasticity.ElasticitySpec = elasticity.ElasticitySpec()
    """Elastic constants."""
    surface_energy: surface_energy.SurfaceEnergySpec = surface_energy.SurfaceEnergySpec()
    """Surfaces."""
    point_defects: point_defects.PointDefectSpec = point_defects.PointDefectSpec()
    """Vacancies, antisites, interstitials."""
    stacking_fault: stacking_fault.StackingFaultSpec = stacking_fault.StackingFaultSpec()
    """γ-lines."""
    dimer_curve: dimer_curve.DimerCurveSpec = dimer_curve.DimerCurveSpec()
    """Pairs of atoms from contact to the cutoff."""
    phonons: PhononSpec = PhononSpec()
    """Phonons; also for thermal properties, quasi-harmonic expansion and Grüneisen parameters."""
    thermal_properties: thermal_properties.ThermalPropertiesSpec = thermal_properties.ThermalPropertiesSpec()
    """Heat capacity, entropy, free energy."""
    grueneisen: grueneisen.GrueneisenSpec = grueneisen.GrueneisenSpec()
    """Grüneisen parameters."""
    quasiharmonic: quasiharmonic.QuasiharmonicSpec = quasiharmonic.QuasiharmonicSpec()
    """Thermal expansion."""
    thermal_conductivity: ThermalConductivitySpec = ThermalConductivitySpec()
    """Lattice thermal conductivity from the Boltzmann equation."""
    conductivity_strain: thermal_conductivity_strain.ConductivityStrainSpec = (
        thermal_conductivity_strain.ConductivityStrainSpec()
    )
    """The same against strain."""
    green_kubo: GreenKuboSpec = GreenKuboSpec()
    """Thermal conductivity from equilibrium molecular dynamics."""
    dynamics: DynamicsSpec = DynamicsSpec()
    """Distances, angles, diffusion and vibrations from molecular dynamics."""
    migration: migration.MigrationSpec = migration.MigrationSpec()
    """Hops into vacancies."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property in the list.

    Attributes:
        name: also of its group in `ExaminationSpec`.
        title: for people.
        group: ``static``, ``vibrations``, ``heat``, ``dynamics`` or ``kinetics``.
        finding: class of the result.
        compute: takes (atoms, calculator, settings of each group that it uses).
        planned: takes (atoms, the same settings), forecasts the calculations; None: the reference is not asked for it,
            because it takes too many.
        also: names of further groups of settings that it uses.
        settle: takes (atoms, its own settings), settles what both methods must share, such as a supercell.
        compare: takes (finding, reference's finding): numbers of the difference that no single quantity shows.
        usual: whether it is computed without being asked for.
    """

    name: str
    title: str
    group: str
    finding: type
    compute: Callable[..., Any]
    planned: Callable[..., Sequence[Planned]] | None = None
    also: tuple[str, ...] = ()
    settle: Callable[[Atoms, Any], Any] | None = None
    compare: Callable[[Any, Any], tuple[Quantity, ...]] | None = None
    usual: bool = False

    def settings(self, settings: ExaminationSpec) -> tuple[Spec, ...]:
        """Those groups of the settings that it uses, its own first."""
        return tuple(getattr(settings, name) for name in (self.name, *self.also))


def settled(atoms: Atoms, settings: ExaminationSpec, properties: Sequence[Property]) -> ExaminationSpec:
    """The settings with all that depends on the crystal settled, the same for every method and volume."""
    names = {name for each in properties for name in (each.name, *each.also)}
    fixed = {
        each.name: each.settle(atoms, getattr(settings, each.name))
        for each in PROPERTIES
        if each.settle is not None and each.name in names
    }
    return settings.model_copy(update=fixed)


def _compare_phonons(mine: Phonons, theirs: Phonons) -> tuple[Quantity, ...]:
    return (Quantity("phonon RMSE", phonons.phonon_rmse(mine, theirs), "THz"),)


_STATIC, _VIBRATIONS, _HEAT, _DYNAMICS, _KINETICS = "static", "vibrations", "heat", "dynamics", "kinetics"
PROPERTIES = (
    Property(
        "relaxed_structure",
        "Relaxed structure",
        _STATIC,
        relaxed_structure.RelaxedStructure,
        relaxed_structure.compute,
        relaxed_structure.planned,
    ),
    Property(
        "equation_of_state",
        "Equation of state",
        _STATIC,
        equation_of_state.EquationOfState,
        equation_of_state.compute,
        equation_of_state.planned,
        usual=True,
    ),
    Property(
        "cohesive_energy",
        "Cohesive energy",
        _STATIC,
        cohesive_energy.CohesiveEnergy,
        cohesive_energy.compute,
        cohesive_energy.planned,
    ),
    Property(
        "elasticity",
        "Elastic constants",
        _STATIC,
        elasticity.Elasticity,
        elasticity.compute,
        elasticity.planned,
        usual=True,
    ),
    Property(
        "surface_energy",
        "Surface energies",
        _STATIC,
        surface_energy.SurfaceEnergies,
        surface_energy.compute,
        surface_energy.planned,
    ),
    Property(
        "point_defects",
        "Point defects",
        _STATIC,
        point_defects.PointDefects,
        point_defects.compute,
        point_defects.planned,
    ),
    Property(
        "stacking_fault",
        "Stacking faults",
        _STATIC,
        stacking_fault.StackingFaults,
        stacking_fault.compute,
        stacking_fault.planned,
    ),
    Property(
        "dimer_curve",
        "Dimer curves",
        _STATIC,
        dimer_curve.DimerCurves,
        dimer_curve.compute,
        dimer_curve.planned,
    ),
    Property(
        "phonons",
        "Phonons",
        _VIBRATIONS,
        Phonons,
        phonons.compute,
        phonons.planned,
        settle=phonons.resolve,
        compare=_compare_phonons,
        usual=True,
    ),
    Property(
        "thermal_properties",
        "Thermal properties",
        _VIBRATIONS,
        thermal_properties.ThermalProperties,
        thermal_properties.compute,
        lambda atoms, _, phonon_spec: thermal_properties.planned(atoms, phonon_spec),
        also=("phonons",),
        usual=True,
    ),
    Property(
        "grueneisen",
        "Grüneisen parameters",
        _VIBRATIONS,
        grueneisen.Grueneisen,
        grueneisen.compute,
        lambda atoms, _, phonon_spec: grueneisen.planned(atoms, phonon_spec),
        also=("phonons",),
    ),
    Property(
        "quasiharmonic",
        "Quasi-harmonic expansion",
        _VIBRATIONS,
        quasiharmonic.Quasiharmonic,
        quasiharmonic.compute,
        quasiharmonic.planned,
        also=("phonons",),
    ),
    Property(
        "thermal_conductivity",
        "Lattice thermal conductivity",
        _HEAT,
        ThermalConductivity,
        thermal_conductivity.compute,
        thermal_conductivity.planned,
        settle=thermal_conductivity.resolve,
    ),
    Property(
        "conductivity_strain",
        "Thermal conductivity against strain",
        _HEAT,
        thermal_conductivity_strain.ConductivityAgainstStrain,
        thermal_conductivity_strain.compute,
        also=("thermal_conductivity",),
    ),
    Property("green_kubo", "Thermal conductivity by Green–Kubo", _HEAT, GreenKubo, green_kubo.compute),
    Property("dynamics", "Structure and motion", _DYNAMICS, dynamics.Dynamics, dynamics.compute),
    Property(
        "migration",
        "Migration of vacancies",
        _KINETICS,
        migration.Migration,
        migration.compute,
        migration.planned,
    ),
)
"""In the order in which people read them."""


def chosen_properties(names: Iterable[str]) -> tuple[Property, ...]:
    """Properties of these names or groups, in the order of the list; the usual ones for none.

    Args:
        names: of properties or groups, or ``all``.

    Raises:
        ForgefieldError: an unknown name.
    """
    wanted = list(names)
    if not wanted:
        return tuple(each for each in PROPERTIES if each.usual)
    known = {each.name for each in PROPERTIES}
    groups = {each.group for each in PROPERTIES}
    for name in wanted:
        if name not in known | groups | {"all"}:
            near = difflib.get_close_matches(name, known | groups, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ForgefieldError(
                f"there is no property {name!r}",
                f"{hint}choose from {', '.join(each.name for each in PROPERTIES)}, or a group: "
                f"{', '.join(sorted(groups))}, all",
            )
    return tuple(
        each for each in PROPERTIES if each.name in wanted or each.group in wanted or "all" in wanted
    )


def findings_quantities(finding: Finding | None) -> tuple[Quantity, ...]:
    """Numbers of a result; none where there is none."""
    return () if finding is None else finding.quantities
