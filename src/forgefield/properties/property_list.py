"""All properties that a calculator can be examined by."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.properties import (
    cohesive_energy,
    diffusion_activation,
    dimer_curve,
    dynamics,
    elasticity,
    energy_conservation,
    equation_of_state,
    exfoliation,
    green_kubo,
    grueneisen,
    melting,
    migration,
    mode_lifetimes,
    nonequilibrium_conductivity,
    phonons,
    point_defects,
    quasiharmonic,
    radial_distribution,
    relaxed_structure,
    stacking_fault,
    surface_energy,
    thermal_conductivity,
    thermal_conductivity_strain,
    thermal_expansion_md,
    thermal_properties,
)
from forgefield.properties.examination import Property
from forgefield.properties.examination_spec import ExaminationSpec
from forgefield.properties.green_kubo_record import GreenKubo
from forgefield.properties.mode_lifetimes_record import ModeLifetimes
from forgefield.properties.nonequilibrium_conductivity_record import NonequilibriumConductivity
from forgefield.properties.phonons import Phonons
from forgefield.properties.quantities import Quantity
from forgefield.properties.thermal_conductivity_record import ThermalConductivity


def _compare_phonons(mine: Phonons, theirs: Phonons) -> tuple[Quantity, ...]:
    return (Quantity("phonon RMSE", phonons.phonon_rmse(mine, theirs), "THz"),)


_STATIC, _LAYERS, _VIBRATIONS, _HEAT = "static", "layers", "vibrations", "heat"
_MOTION, _KINETICS = "motion", "kinetics"
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
        "exfoliation",
        "Exfoliation",
        _LAYERS,
        exfoliation.Exfoliation,
        exfoliation.compute,
        exfoliation.planned,
    ),
    Property(
        "dimer_curve",
        "Dimer curves",
        _STATIC,
        dimer_curve.DimerCurves,
        dimer_curve.compute,
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
    Property(
        "nonequilibrium_conductivity",
        "Thermal conductivity from imposed heat flows",
        _HEAT,
        NonequilibriumConductivity,
        nonequilibrium_conductivity.compute,
    ),
    Property(
        "mode_lifetimes", "Lifetimes of the modes in motion", _HEAT, ModeLifetimes, mode_lifetimes.compute
    ),
    Property(
        "dynamics",
        "Structure and motion",
        _MOTION,
        dynamics.Dynamics,
        dynamics.compute,
        compare=lambda mine, theirs: radial_distribution.mismatch(mine.radial, theirs.radial),
    ),
    Property(
        "diffusion_activation",
        "Activation of diffusion",
        _MOTION,
        diffusion_activation.DiffusionActivation,
        diffusion_activation.compute,
    ),
    Property(
        "energy_conservation",
        "Conservation of energy",
        _MOTION,
        energy_conservation.EnergyConservation,
        energy_conservation.compute,
    ),
    Property(
        "thermal_expansion_md",
        "Thermal expansion by motion",
        _MOTION,
        thermal_expansion_md.ThermalExpansionByMotion,
        thermal_expansion_md.compute,
    ),
    Property("melting", "Melting temperature", _MOTION, melting.Melting, melting.compute),
    Property(
        "migration",
        "Migration of vacancies",
        _KINETICS,
        migration.Migration,
        migration.compute,
        migration.planned_images,
        check=migration.check,
        checked=migration.MigrationCheck,
    ),
)
"""In the order in which people read them."""


def settled(atoms: Atoms, settings: ExaminationSpec, properties: Sequence[Property]) -> ExaminationSpec:
    """The settings with all that depends on the crystal settled, the same for every method and volume."""
    names = {name for each in properties for name in (each.name, *each.also)}
    fixed = {
        each.name: each.settle(atoms, getattr(settings, each.name))
        for each in PROPERTIES
        if each.settle is not None and each.name in names
    }
    return settings.model_copy(update=fixed)


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
