"""How well a potential conserves energy: drift and scatter of the total energy of a free motion.

Forces that are the gradient of a smooth energy conserve it but for a scatter that falls with the square of the time
step. A drift shows a step that is too long, or forces that are not that gradient, as those of direct-force models and
of energies with jumps at a cutoff.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.crystal import bare_crystal
from forgefield.properties.equilibration import statistical_inefficiency
from forgefield.properties.force_constants import SupercellMatrix
from forgefield.properties.quantities import Quantity
from forgefield.properties.supercell_choice import repeated
from forgefield.sampling.calculator_potential import potential_of
from forgefield.sampling.integrators import Langevin, VelocityVerlet
from forgefield.sampling.langevin import start_motion
from forgefield.sampling.observables import Observation, observed
from forgefield.sampling.simulation import run_motion

_WARMING = 1000
"""Steps of the thermostat before the motion is left alone."""
_SURE = 3.0
"""Standard errors beyond which a drift is one."""


class EnergyConservationSpec(Spec):
    """A free motion at about a temperature."""

    temperature: float = Field(default=300.0, gt=0)
    """K, from which it is left alone."""
    duration: float = Field(default=10.0, gt=0)
    """ps."""
    timestep: float = Field(default=1.0, gt=0, le=10)
    """fs; what is judged is a potential together with a time step."""
    sample_every: int = Field(default=10, ge=1)
    """Steps between two samples."""
    minimum_length: float = Field(default=10.0, gt=0)
    """Shortest distance between periodic images, Å; a smaller cell is repeated."""
    max_atoms: int = Field(default=1000, ge=1)
    """Largest supercell allowed."""
    supercell: SupercellMatrix | None = None
    """Supercell vectors (rows) in units of the cell's; null: the smallest with `minimum_length`."""
    largest_drift: float = Field(default=0.02, gt=0)
    """meV/atom per ps; a drift beyond it gives a warning. This one heats a crystal by 80 K in a nanosecond."""
    seed: int = 0
    """Of the velocities and the thermostat's noise."""


@dataclass(frozen=True, slots=True)
class EnergyConservation:
    """Total energy of a free motion.

    Attributes:
        times: (T,) ps.
        energies: (T,) deviation of the total energy from its mean, meV/atom.
        timestep: fs.
        temperature: mean over the motion, K.
        drift: slope of a straight line through the energies, meV/atom per ps.
        drift_error: its standard error.
        scatter: root of the mean squared deviation from that line, meV/atom.
        kinetic_scatter: that of the kinetic energy, meV/atom.
        largest_drift: beyond which there is a warning, meV/atom per ps.
    """

    times: Array
    energies: Array
    timestep: float
    temperature: float
    drift: float
    drift_error: float
    scatter: float
    kinetic_scatter: float
    largest_drift: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """A drift that is larger than its error and than what is allowed; a scatter like that of a thermostat."""
        found = []
        if abs(self.drift) > max(self.largest_drift, _SURE * self.drift_error):
            found.append(
                f"the total energy drifts by {self.drift:+.3g} ± {self.drift_error:.1g} meV/atom per ps: the time step "
                f"of {self.timestep:g} fs is too long, or forces are not the gradient of the energy"
            )
        if self.scatter > 0.1 * self.kinetic_scatter:
            found.append(
                f"the total energy scatters by {self.scatter:.3g} meV/atom, {self.scatter / self.kinetic_scatter:.0%} "
                f"of what the kinetic energy does: shorten the time step of {self.timestep:g} fs"
            )
        return tuple(found)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Drift and scatter."""
        return (
            Quantity("total energy, drift", self.drift, "meV/atom/ps", self.drift_error),
            Quantity("total energy, scatter", self.scatter, "meV/atom"),
        )


def compute(
    atoms: Atoms,
    calculator: Calculator,
    spec: EnergyConservationSpec,
    progress: Callable[[int], None] | None = None,
) -> EnergyConservation:
    """Warm a crystal up, leave it alone, and watch its energy.

    Args:
        atoms: periodic in three directions.
        calculator: any ASE calculator.
        spec: temperature, length and time step.
        progress: called with the number of steps done after each step of either part.

    Raises:
        ForgefieldError: a structure that is not periodic, no supercell that is long enough, or motion that runs away.
    """
    crystal = bare_crystal(atoms)
    start = repeated(crystal, spec)
    potential = potential_of(calculator, start)
    timestep = spec.timestep * units.fs
    state = start_motion(potential, start, 2.0 * spec.temperature, np.random.default_rng(spec.seed))
    warming = Langevin(timestep, spec.temperature, 100.0 * timestep)
    state = run_motion(potential, state, warming, _WARMING, progress=progress)
    free, seen = VelocityVerlet(timestep), list[Observation]()
    steps = max(4 * spec.sample_every, round(1000.0 * spec.duration / spec.timestep))
    run_motion(
        potential,
        state,
        free,
        steps,
        spec.sample_every,
        lambda each: seen.append(observed(each, free)),
        progress,
    )
    return analyse(seen, len(start), spec)


def analyse(seen: list[Observation], n_atoms: int, spec: EnergyConservationSpec) -> EnergyConservation:
    """A straight line through the total energies; samples near in time are not independent.

    Args:
        seen: at least three samples of a free motion, evenly spaced.
        n_atoms: N.
        spec: the settings.
    """
    times = np.array([each.time for each in seen]) - seen[0].time
    energies = 1000.0 / n_atoms * np.array([each.total_energy for each in seen])
    energies -= energies.mean()
    slope, offset = np.polyfit(times, energies, 1)
    residuals = energies - slope * times - offset
    spread = float(((times - times.mean()) ** 2).sum())
    variance = float(residuals @ residuals) / (len(times) - 2) * statistical_inefficiency(residuals)
    return EnergyConservation(
        times=times,
        energies=energies,
        timestep=spec.timestep,
        temperature=float(np.mean([each.temperature for each in seen])),
        drift=float(slope),
        drift_error=float(np.sqrt(variance / spread)),
        scatter=float(residuals.std()),
        kinetic_scatter=1000.0 / n_atoms * float(np.std([each.kinetic_energy for each in seen])),
        largest_drift=spec.largest_drift,
    )
