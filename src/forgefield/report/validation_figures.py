"""Which figures show which property."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forgefield.properties.diffusion_activation import DiffusionActivation
from forgefield.properties.dynamics import Dynamics
from forgefield.properties.migration import Migration, MigrationCheck
from forgefield.report.figures_dynamics import (
    angular_plot,
    arrhenius_plot,
    diffusion_plot,
    radial_plot,
    spectrum_plot,
)
from forgefield.report.figures_heat import (
    conductivity_length_plot,
    heat_integral_plot,
    heat_spectrum_plot,
    mode_lifetimes_plot,
    temperature_profile_plot,
)
from forgefield.report.figures_kinetics import path_plot
from forgefield.report.figures_motion import (
    energy_conservation_plot,
    melting_plot,
    thermal_expansion_plot,
)
from forgefield.report.figures_properties import elastic_plot, equation_of_state_plot, phonon_plot
from forgefield.report.figures_static import (
    cohesive_energy_plot,
    dimer_plot,
    exfoliation_plot,
    point_defects_plot,
    relaxed_structure_plot,
    stacking_fault_plot,
    surface_energy_plot,
)
from forgefield.report.figures_vibrations import (
    conductivity_strain_plot,
    grueneisen_plot,
    quasiharmonic_plot,
    thermal_conductivity_plot,
    thermal_properties_plot,
)
from forgefield.report.html import Html, joined

_Plot = Callable[[Any, Any, str], Html]


def _migration_plots(potential: Migration | None, check: MigrationCheck | None, reference: str) -> Html:
    """Every hop's path, with the reference's energies of its images."""
    checked = {} if check is None else {hop.name: hop.check.profile for hop in check.hops}
    hops = () if potential is None else potential.hops
    return joined(
        path_plot(hop.path.profile, checked.get(hop.name), reference, hop.name)
        for hop in hops
        if hop.path.leads_somewhere
    )


def _dynamics_plots(potential: Dynamics | None, other: Dynamics | None, reference: str) -> Html:
    """Everything that one trajectory shows."""
    plots: dict[str, _Plot] = {
        "radial": radial_plot,
        "angular": angular_plot,
        "diffusion": diffusion_plot,
        "vibrations": spectrum_plot,
    }
    drawn = []
    for name, plot in plots.items():
        mine, theirs = (None if each is None else getattr(each, name) for each in (potential, other))
        if mine is not None or theirs is not None:
            drawn.append(plot(mine, theirs, reference))
    return joined(drawn)


def _arrhenius_plots(
    potential: DiffusionActivation | None, other: DiffusionActivation | None, reference: str
) -> Html:
    """Diffusion coefficients of every species against temperature."""
    sides = [{} if each is None else {fit.name: fit for fit in each.barriers} for each in (potential, other)]
    names = dict.fromkeys([*sides[0], *sides[1]])
    return joined(arrhenius_plot(sides[0].get(name), sides[1].get(name), reference) for name in names)


FIGURES: dict[str, tuple[_Plot, ...]] = {
    "relaxed_structure": (relaxed_structure_plot,),
    "cohesive_energy": (cohesive_energy_plot,),
    "exfoliation": (exfoliation_plot,),
    "equation_of_state": (equation_of_state_plot,),
    "elasticity": (elastic_plot,),
    "surface_energy": (surface_energy_plot,),
    "point_defects": (point_defects_plot,),
    "stacking_fault": (stacking_fault_plot,),
    "dimer_curve": (dimer_plot,),
    "phonons": (phonon_plot,),
    "thermal_properties": (thermal_properties_plot,),
    "grueneisen": (grueneisen_plot,),
    "quasiharmonic": (quasiharmonic_plot,),
    "thermal_conductivity": (thermal_conductivity_plot,),
    "conductivity_strain": (conductivity_strain_plot,),
    "green_kubo": (heat_spectrum_plot, heat_integral_plot),
    "nonequilibrium_conductivity": (temperature_profile_plot, conductivity_length_plot),
    "mode_lifetimes": (mode_lifetimes_plot,),
    "dynamics": (_dynamics_plots,),
    "diffusion_activation": (_arrhenius_plots,),
    "energy_conservation": (energy_conservation_plot,),
    "thermal_expansion_md": (thermal_expansion_plot,),
    "melting": (melting_plot,),
    "migration": (_migration_plots,),
}
"""Each takes the potential's finding, the reference's (None where there is none) and the reference's name."""
