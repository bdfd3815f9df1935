"""Diffusion at several temperatures, and the barrier behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ase import Atoms
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import Spec
from forgefield.properties import diffusion
from forgefield.properties.arrhenius import Arrhenius, diffusion_barrier
from forgefield.properties.diffusion import Diffusion, DiffusionSpec
from forgefield.properties.equilibrium_run import EquilibriumRunSpec, run_equilibrium
from forgefield.properties.quantities import Quantity


class DiffusionActivationSpec(Spec):
    """Runs at several temperatures."""

    temperatures: tuple[float, ...] = Field(default=(600.0, 800.0, 1000.0, 1200.0), min_length=2)
    """K; high enough that atoms hop within a run, low enough that the crystal does not melt."""
    run: EquilibriumRunSpec = Field(
        default_factory=lambda: EquilibriumRunSpec(duration=200.0, sample_every=50.0)
    )
    """Molecular dynamics; its own temperature does not count."""
    diffusion: DiffusionSpec = Field(default_factory=DiffusionSpec)
    """Diffusion."""


@dataclass(frozen=True, slots=True)
class DiffusionActivation:
    """Diffusion of all species against temperature.

    Attributes:
        runs: one for each temperature.
        barriers: one for each species that diffused in at least two runs.
        still: species that did not.
    """

    runs: tuple[Diffusion, ...]
    barriers: tuple[Arrhenius, ...]
    still: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the numbers doubtful, with the temperature at which it does."""
        found = [f"{run.temperature:.0f} K: {line}" for run in self.runs for line in run.warnings]
        found += [line for barrier in self.barriers for line in barrier.warnings]
        found += [
            f"{species}: diffusion was seen at fewer than two temperatures, so there is no activation energy"
            for species in self.still
        ]
        return tuple(dict.fromkeys(found))

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Activation energies and prefactors."""
        return tuple(quantity for barrier in self.barriers for quantity in barrier.quantities)


def analyse(runs: Sequence[Diffusion]) -> DiffusionActivation:
    """Barriers of all species that diffuse.

    Args:
        runs: of one system at several temperatures, with velocities.

    Raises:
        ForgefieldError: no runs, or one without velocities, which give its temperature.
    """
    if len(runs) == 0 or any(run.temperature is None for run in runs):
        raise ForgefieldError(
            f"an activation energy cannot be found from {len(runs)} runs, or not all have a temperature",
            "give runs at two temperatures at least, with velocities",
        )
    barriers, still = [], []
    for place, each in enumerate(runs[0].species):
        if sum(run.species[place].diffusive for run in runs) < 2:
            still.append(each.species)
        else:
            barriers.append(diffusion_barrier(each.species, runs))
    return DiffusionActivation(tuple(runs), tuple(barriers), tuple(still))


def compute(
    atoms: Atoms,
    calculator: Calculator,
    spec: DiffusionActivationSpec,
    progress: Callable[[int], None] | None = None,
) -> DiffusionActivation:
    """Runs at all temperatures with any ASE calculator, each from the structure given, and the barriers.

    Args:
        atoms: a crystal or a liquid in a periodic cell.
        calculator: any ASE calculator.
        spec: temperatures and runs.
        progress: called with the number of steps done in a run after each step.
    """
    runs = []
    for temperature in spec.temperatures:
        settled = spec.run.model_copy(update={"temperature": temperature})
        runs.append(diffusion.analyse(run_equilibrium(atoms, calculator, settled, progress), spec.diffusion))
    return analyse(runs)
