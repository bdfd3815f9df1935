"""The melting temperature by coexistence: a crystal and its melt in one cell find it by themselves.

At constant enthalpy what melts cools the cell and what freezes heats it, until both phases keep their share (at
constant energy: Morris & Song, J. Chem. Phys. 116, 9352 (2002)). The cell is as wide as the crystal is at the
temperature of the start, and moves along the normal of the interface alone, so that neither phase is strained. Two
runs begin on either side of the temperature that is looked for, and have to meet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.potentials.contract import Potential
from forgefield.properties.block_averages import blocked_mean
from forgefield.properties.coexistence import FreeCoexistence, Surroundings, coexist, two_phases
from forgefield.properties.crystal import bare_crystal, find_symmetry
from forgefield.properties.quantities import Quantity
from forgefield.properties.two_phases import upright_block
from forgefield.sampling.barostat import estimated_bulk_modulus
from forgefield.sampling.calculator_potential import potential_of

_GONE, _ALL = 0.15, 0.85
"""Shares of crystalline layers below and above which one phase has eaten the other."""
_SURE = 3.0
_LARGEST_ENTHALPY_DRIFT = 1e-3
"""eV/atom over a run; as much heat as is in 4 K."""


class MeltingSpec(Spec):
    """Where the search begins, and how large and long the runs are."""

    guess: float = Field(default=1000.0, gt=0)
    """K; where the search begins. Within some 20 % the runs find the way themselves, from farther in more attempts."""
    spread: float = Field(default=0.06, gt=0, lt=0.5)
    """The two runs begin at (1 ± spread) times the guess."""
    attempts: int = Field(default=4, ge=1)
    """How often a new guess is made where one phase ate the other."""
    pressure: float = 0.0
    """GPa."""
    width: float = Field(default=16.0, gt=0)
    """Smallest width of the cell, Å."""
    length: float = Field(default=26.0, gt=0)
    """Smallest height of the crystal at the start, Å; the melt's is about the same."""
    duration: float = Field(default=150.0, gt=0)
    """ps of each of the two runs; the first half is for finding the temperature, the second half is averaged."""
    settling: float = Field(default=8.0, gt=0)
    """ps in which a phase comes to its own."""
    timestep: float = Field(default=2.0, gt=0, le=10)
    """fs."""
    sample_every: int = Field(default=20, ge=1)
    """Steps between two samples."""
    relaxation_time: float = Field(default=200.0, gt=0)
    """fs, of thermostat, barostat and piston."""
    max_atoms: int = Field(default=6000, ge=1)
    """Largest cell allowed."""
    seed: int = 0
    """Of the velocities and the noise."""


@dataclass(frozen=True, slots=True)
class Melting:
    """A melting temperature, from a cold start and a hot one.

    Attributes:
        temperature: K.
        error: its standard error, which is not below half of the distance between the two runs.
        pressure: GPa.
        n_atoms: of both phases.
        from_below: mean over the second half of the run that began too cold, K, and its standard error.
        from_above: the same of the run that began too hot.
        times: (S,) ps.
        temperatures: (2, S) K, of the cold start and of the hot one.
        shares: (2, S) of layers that are crystalline.
        warnings: what makes the number doubtful.
    """

    temperature: float
    error: float
    pressure: float
    n_atoms: int
    from_below: tuple[float, float]
    from_above: tuple[float, float]
    times: Array
    temperatures: Array
    shares: Array
    warnings: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The melting temperature."""
        return (Quantity("melting temperature", self.temperature, "K", self.error),)


def compute(
    atoms: Atoms,
    calculator: Calculator,
    spec: MeltingSpec,
    progress: Callable[[int], None] | None = None,
) -> Melting:
    """Melting temperature of a crystal.

    Args:
        atoms: the crystal; its interface with the melt lies across c of the conventional cell.
        calculator: any ASE calculator with stress.
        spec: guess, size and length.
        progress: called with the number of steps done after each step of a run.

    Raises:
        ForgefieldError: a structure that is no crystal, a cell that is too large, a crystal that cannot be molten, or
            a guess from which no attempt led to two phases that live side by side.
    """
    crystal = bare_crystal(atoms)
    block = upright_block(crystal, spec.width, spec.length)
    if 2 * len(block) > spec.max_atoms:
        raise ForgefieldError(
            f"crystal and melt of {crystal.get_chemical_formula()} take {2 * len(block)} atoms, more than max_atoms "
            f"{spec.max_atoms}",
            "raise max_atoms, or lower width and length",
        )
    potential = potential_of(calculator, block)
    around = _surroundings(potential, block, spec, progress)
    cubic = find_symmetry(crystal).is_cubic
    steps = round(1000.0 * spec.duration / spec.timestep)
    guess, story = spec.guess, list[str]()
    for _ in range(spec.attempts):
        phases = two_phases(block, cubic, guess, around)
        runs = [
            coexist(phases, factor * guess, around, steps, spec.sample_every)
            for factor in (1.0 - spec.spread, 1.0 + spec.spread)
        ]
        ends = [float(run.shares[-(len(run.shares) // 10 + 1) :].mean()) for run in runs]
        if all(_GONE < share < _ALL for share in ends):
            return analyse(runs, len(phases.state.masses), spec, guess)
        if min(ends) <= _GONE and max(ends) >= _ALL:
            story.append(f"at {guess:.0f} K the cold start froze and the hot one melted")
            # Both found the other side: the cell is too small for this spread, the guess is not bad.
            spec = spec.model_copy(update={"spread": 0.5 * spec.spread})
        elif min(ends) <= _GONE:
            story.append(f"at {guess:.0f} K all melted")
            guess *= 0.88
        else:
            story.append(f"at {guess:.0f} K all froze")
            guess *= 1.12
    raise ForgefieldError(
        f"no two phases of {crystal.get_chemical_formula(empirical=True)} lived side by side: {'; '.join(story)}",
        f"begin at {guess:.0f} K (guess), or take a longer cell (length)",
    )


def analyse(runs: list[FreeCoexistence], n_atoms: int, spec: MeltingSpec, guess: float) -> Melting:
    """Mean and error from the second halves of a cold start and a hot one.

    Args:
        runs: both, in this order.
        n_atoms: of both phases.
        spec: the settings.
        guess: K, for which the cell was made.
    """
    halves = [blocked_mean(run.temperatures[len(run.temperatures) // 2 :]) for run in runs]
    below, above = halves
    weights = np.array([1.0 / max(each.error, 1e-9) ** 2 for each in halves])
    mean = float(weights @ [below.value, above.value] / weights.sum())
    apart = abs(above.value - below.value)
    error = max(float(weights.sum() ** -0.5), 0.5 * apart)
    doubts = [
        f"the {name} start has not settled: its error is a lower bound; run longer"
        for name, each in zip(("cold", "hot"), halves, strict=True)
        if not each.settled
    ]
    if apart > _SURE * np.hypot(below.error, above.error):
        doubts.append(
            f"the cold start came to {below.value:.0f} K and the hot one to {above.value:.0f} K: they have not met; "
            "run longer"
        )
    if abs(mean / guess - 1.0) > 0.15:
        doubts.append(
            f"the cell was made for {guess:.0f} K, and its crystal is strained at {mean:.0f} K: take that as guess"
        )
    if (drift := max(abs(run.enthalpy_drift) for run in runs)) > _LARGEST_ENTHALPY_DRIFT:
        doubts.append(
            f"the enthalpy drifted by {1000 * drift:.2f} meV/atom: shorten the time step of {spec.timestep:g} fs"
        )
    return Melting(
        temperature=mean,
        error=error,
        pressure=spec.pressure,
        n_atoms=n_atoms,
        from_below=(below.value, below.error),
        from_above=(above.value, above.error),
        times=runs[0].times / (1000.0 * units.fs),
        temperatures=np.array([run.temperatures for run in runs]),
        shares=np.array([run.shares for run in runs]),
        warnings=tuple(doubts),
    )


def _surroundings(
    potential: Potential, block: Atoms, spec: MeltingSpec, progress: Callable[[int], None] | None
) -> Surroundings:
    return Surroundings(
        potential=potential,
        pressure=spec.pressure * units.GPa,
        bulk_modulus=estimated_bulk_modulus(potential, block) * units.GPa,
        timestep=spec.timestep * units.fs,
        relaxation_time=spec.relaxation_time * units.fs,
        settling=round(1000.0 * spec.settling / spec.timestep),
        rng=np.random.default_rng(spec.seed),
        progress=progress,
    )
