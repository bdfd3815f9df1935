"""Structure and motion at one temperature: everything that one trajectory tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ase import Atoms
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import Spec
from forgefield.properties import angular_distribution, diffusion, radial_distribution, vibrational_spectrum
from forgefield.properties.angular_distribution import AngularDistribution, AngularDistributionSpec
from forgefield.properties.block_averages import blocked_mean
from forgefield.properties.diffusion import Diffusion, DiffusionSpec
from forgefield.properties.equilibrium_run import EquilibriumRunSpec, run_equilibrium
from forgefield.properties.production_run import ProductionRun
from forgefield.properties.quantities import Quantity
from forgefield.properties.radial_distribution import RadialDistribution, RadialDistributionSpec
from forgefield.properties.trajectory import PICOSECOND
from forgefield.properties.vibrational_spectrum import VibrationalSpectrum, VibrationalSpectrumSpec

Part = TypeVar("Part", Diffusion, VibrationalSpectrum)


class DynamicsSpec(Spec):
    """A run and what is made of it."""

    run: EquilibriumRunSpec = Field(default_factory=EquilibriumRunSpec)
    """Molecular dynamics."""
    radial: RadialDistributionSpec = Field(default_factory=RadialDistributionSpec)
    """Distances."""
    angular: AngularDistributionSpec = Field(default_factory=AngularDistributionSpec)
    """Bond angles."""
    diffusion: DiffusionSpec = Field(default_factory=DiffusionSpec)
    """Diffusion."""
    vibrations: VibrationalSpectrumSpec = Field(default_factory=VibrationalSpectrumSpec)
    """Vibrational density of states."""


@dataclass(frozen=True, slots=True)
class Dynamics:
    """Statistics of one trajectory.

    Attributes:
        duration: of the equilibrated part, ps.
        temperature: mean, K; None without velocities.
        temperature_error: its standard error; None where the run is too short to tell.
        radial: distances.
        angular: bond angles; None where nothing is bonded.
        diffusion: diffusion; None where the run is too short for it.
        vibrations: vibrational density of states; likewise.
        missing: why parts are missing.
    """

    duration: float
    temperature: float | None
    temperature_error: float | None
    radial: RadialDistribution
    angular: AngularDistribution | None
    diffusion: Diffusion | None
    vibrations: VibrationalSpectrum | None
    missing: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes its numbers doubtful, each once."""
        parts = (self.radial, self.angular, self.diffusion, self.vibrations)
        told = [line for part in parts if part is not None for line in part.warnings]
        return tuple(dict.fromkeys([*told, *self.missing]))

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Numbers of all parts."""
        parts = (self.radial, self.angular, self.diffusion, self.vibrations)
        return tuple(quantity for part in parts if part is not None for quantity in part.quantities)


def analyse(run: ProductionRun, spec: DynamicsSpec) -> Dynamics:
    """Statistics of a trajectory, whoever made it.

    Args:
        run: frames at equal intervals; periodic, at constant volume. Few of them tell distances and angles alone.
        spec: `spec.run` does not count.

    Raises:
        ForgefieldError: no distances can be counted: fewer than two frames, frames that are not periodic …
    """
    trajectory = run.trajectory
    temperatures = trajectory.temperatures
    temperature = None if temperatures is None else blocked_mean(temperatures)
    radial = radial_distribution.analyse(run, spec.radial)
    missing: list[str] = []

    def measured(measure: Callable[[], Part]) -> Part | None:
        try:
            return measure()
        except ForgefieldError as error:
            missing.append(error.problem)
            return None

    bonded = bool(spec.angular.bond_lengths) or any(pair.shell is not None for pair in radial.pairs)
    return Dynamics(
        duration=len(trajectory) * trajectory.interval / PICOSECOND,
        temperature=None if temperature is None else temperature.value,
        temperature_error=temperature.error if temperature is not None and temperature.settled else None,
        radial=radial,
        angular=angular_distribution.analyse(run, spec.angular, radial) if bonded else None,
        diffusion=measured(lambda: diffusion.analyse(run, spec.diffusion)),
        vibrations=measured(lambda: vibrational_spectrum.analyse(run, spec.vibrations)),
        missing=tuple(missing),
    )


def compute(
    atoms: Atoms, calculator: Calculator, spec: DynamicsSpec, progress: Callable[[int], None] | None = None
) -> Dynamics:
    """Molecular dynamics with any ASE calculator, and its statistics.

    Args:
        atoms: a crystal or a liquid in a periodic cell, as it is at this temperature.
        calculator: any ASE calculator.
        spec: the run and its statistics.
        progress: called with the number of steps done after each step.
    """
    return analyse(run_equilibrium(atoms, calculator, spec.run, progress), spec)
