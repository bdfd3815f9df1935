"""How every property is computed."""

from __future__ import annotations

from forgefield.atoms.spec import Spec
from forgefield.properties.cohesive_energy import CohesiveEnergySpec
from forgefield.properties.diffusion_activation import DiffusionActivationSpec
from forgefield.properties.dimer_curve import DimerCurveSpec
from forgefield.properties.dynamics import DynamicsSpec
from forgefield.properties.elasticity import ElasticitySpec
from forgefield.properties.energy_conservation import EnergyConservationSpec
from forgefield.properties.equation_of_state import EquationOfStateSpec
from forgefield.properties.exfoliation import ExfoliationSpec
from forgefield.properties.green_kubo import GreenKuboSpec
from forgefield.properties.grueneisen import GrueneisenSpec
from forgefield.properties.melting import MeltingSpec
from forgefield.properties.migration import MigrationSpec
from forgefield.properties.mode_lifetimes import ModeLifetimesSpec
from forgefield.properties.nonequilibrium_conductivity import NonequilibriumConductivitySpec
from forgefield.properties.phonons import PhononSpec
from forgefield.properties.point_defects import PointDefectSpec
from forgefield.properties.quasiharmonic import QuasiharmonicSpec
from forgefield.properties.relaxed_structure import RelaxedStructureSpec
from forgefield.properties.stacking_fault import StackingFaultSpec
from forgefield.properties.surface_energy import SurfaceEnergySpec
from forgefield.properties.thermal_conductivity import ThermalConductivitySpec
from forgefield.properties.thermal_conductivity_strain import ConductivityStrainSpec
from forgefield.properties.thermal_expansion_md import ThermalExpansionSpec
from forgefield.properties.thermal_properties import ThermalPropertiesSpec


class ExaminationSpec(Spec):
    """How each property is computed; which ones are is the caller's choice."""

    relaxed_structure: RelaxedStructureSpec = RelaxedStructureSpec()
    """Cell and positions at rest."""
    equation_of_state: EquationOfStateSpec = EquationOfStateSpec()
    """Energy–volume curve."""
    cohesive_energy: CohesiveEnergySpec = CohesiveEnergySpec()
    """Energy against free atoms."""
    elasticity: ElasticitySpec = ElasticitySpec()
    """Elastic constants."""
    surface_energy: SurfaceEnergySpec = SurfaceEnergySpec()
    """Surfaces."""
    point_defects: PointDefectSpec = PointDefectSpec()
    """Vacancies, antisites, interstitials."""
    stacking_fault: StackingFaultSpec = StackingFaultSpec()
    """γ-lines."""
    exfoliation: ExfoliationSpec = ExfoliationSpec()
    """Layers of a layered crystal."""
    dimer_curve: DimerCurveSpec = DimerCurveSpec()
    """Pairs of atoms from contact to the cutoff."""
    phonons: PhononSpec = PhononSpec()
    """Phonons; also for thermal properties, quasi-harmonic expansion and Grüneisen parameters."""
    thermal_properties: ThermalPropertiesSpec = ThermalPropertiesSpec()
    """Heat capacity, entropy, free energy."""
    grueneisen: GrueneisenSpec = GrueneisenSpec()
    """Grüneisen parameters."""
    quasiharmonic: QuasiharmonicSpec = QuasiharmonicSpec()
    """Thermal expansion."""
    thermal_conductivity: ThermalConductivitySpec = ThermalConductivitySpec()
    """Lattice thermal conductivity from the Boltzmann equation."""
    conductivity_strain: ConductivityStrainSpec = ConductivityStrainSpec()
    """The same against strain."""
    green_kubo: GreenKuboSpec = GreenKuboSpec()
    """Thermal conductivity from equilibrium molecular dynamics."""
    mode_lifetimes: ModeLifetimesSpec = ModeLifetimesSpec()
    """Lifetimes of the modes in molecular dynamics, and the thermal conductivity that follows from them."""
    nonequilibrium_conductivity: NonequilibriumConductivitySpec = NonequilibriumConductivitySpec()
    """The same from imposed heat flows."""
    energy_conservation: EnergyConservationSpec = EnergyConservationSpec()
    """Drift of the energy."""
    thermal_expansion_md: ThermalExpansionSpec = ThermalExpansionSpec()
    """Volume against temperature at constant pressure."""
    dynamics: DynamicsSpec = DynamicsSpec()
    """Distances, angles, diffusion and vibrations from molecular dynamics."""
    diffusion_activation: DiffusionActivationSpec = DiffusionActivationSpec()
    """Diffusion at several temperatures."""
    melting: MeltingSpec = MeltingSpec()
    """Crystal and melt in one cell."""
    migration: MigrationSpec = MigrationSpec()
    """Hops into vacancies."""
