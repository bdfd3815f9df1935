"""Volume against temperature at constant pressure by molecular dynamics.

Unlike the quasi-harmonic approximation it knows all anharmonicity, and liquids; but its nuclei move classically, so it
holds above about the Debye temperature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import shortest_distance
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.potentials.contract import Potential
from forgefield.properties.block_averages import blocked_mean
from forgefield.properties.crystal import bare_crystal
from forgefield.properties.equilibration import find_equilibration
from forgefield.properties.force_constants import SupercellMatrix
from forgefield.properties.quantities import Quantity
from forgefield.properties.supercell_choice import repeated, wanted_supercell
from forgefield.sampling.barostat import Barostat, estimated_bulk_modulus
from forgefield.sampling.calculator_potential import potential_of
from forgefield.sampling.integrators import Langevin
from forgefield.sampling.langevin import MotionState, start_motion
from forgefield.sampling.simulation import run_motion

_LEFT_ITS_PLACE = 0.35
"""Of the distance to the nearest neighbour, root mean square of all atoms: twice what crystals melt at (Lindemann)."""


class ThermalExpansionSpec(Spec):
    """Temperatures and lengths of the runs."""

    temperatures: tuple[float, ...] = Field(default=(300.0, 500.0, 700.0, 900.0), min_length=1)
    """K, in growing order."""
    pressure: float = 0.0
    """GPa."""
    cell_shape: Literal["isotropic", "free"] = "isotropic"
    """Whether the volume alone moves, as suits cubic crystals and liquids, or the whole cell."""
    duration: float = Field(default=20.0, gt=0)
    """ps at each temperature."""
    timestep: float = Field(default=1.0, gt=0, le=10)
    """fs."""
    sample_every: int = Field(default=20, ge=1)
    """Steps between two samples."""
    relaxation_time: float = Field(default=200.0, gt=0)
    """fs, of thermostat and barostat."""
    minimum_length: float = Field(default=15.0, gt=0)
    """Shortest distance between periodic images, Å; a smaller cell is repeated."""
    max_atoms: int = Field(default=2000, ge=1)
    """Largest supercell allowed."""
    supercell: SupercellMatrix | None = None
    """Supercell vectors (rows) in units of the cell's; null: the smallest with `minimum_length`."""
    seed: int = 0
    """Of the velocities and the noise."""


@dataclass(frozen=True, slots=True)
class ThermalExpansionByMotion:
    """Volumes of a crystal or a liquid with classical nuclei.

    Attributes:
        temperatures: (T,) K.
        pressure: GPa.
        volumes: (T,) Å³/atom.
        volume_errors: (T,) standard errors.
        lengths: (T, 3) of the cell's vectors as it was given, Å.
        length_errors: (T, 3) standard errors.
        coefficients: of the volume as a polynomial of temperature, highest power first; empty for one temperature.
        covariance: of the coefficients.
        doubts: what was wrong with single runs.
    """

    temperatures: Array
    pressure: float
    volumes: Array
    volume_errors: Array
    lengths: Array
    length_errors: Array
    coefficients: Array
    covariance: Array
    doubts: tuple[str, ...]

    def expansion_at(self, temperature: float) -> tuple[float, float]:
        """Coefficient of the volume's expansion α = (dV/dT)/V and its standard error, 1/K.

        Raises:
            ForgefieldError: volumes at one temperature only.
        """
        order = len(self.coefficients) - 1
        if order < 1:
            raise ForgefieldError(
                f"an expansion needs volumes at two temperatures, there is {self.temperatures[0]:g} K only",
                "give more temperatures",
            )
        powers = temperature ** np.arange(order, -1, -1)
        slopes = np.append(np.arange(order, 0, -1) * temperature ** np.arange(order - 1, -1, -1), 0.0)
        volume, slope = float(powers @ self.coefficients), float(slopes @ self.coefficients)
        gradient = slopes / volume - slope / volume**2 * powers
        return slope / volume, float(np.sqrt(gradient @ self.covariance @ gradient))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Runs in doubt, and volumes that no smooth curve goes through."""
        if len(self.volumes) <= len(self.coefficients):
            return self.doubts
        deviations = (np.polyval(self.coefficients, self.temperatures) - self.volumes) / self.volume_errors
        if (deviations**2).sum() / (len(self.volumes) - len(self.coefficients)) > 9.0:
            return (
                *self.doubts,
                "the volumes lie on no parabola within their errors: a transition between these temperatures?",
            )
        return self.doubts

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Volumes, and the expansion in the middle of the temperatures."""
        found = [
            Quantity(f"volume at {temperature:g} K", float(volume), "Å³/atom", float(error))
            for temperature, volume, error in zip(
                self.temperatures, self.volumes, self.volume_errors, strict=True
            )
        ]
        if len(self.coefficients) > 1:
            middle = float(self.temperatures.mean())
            value, error = self.expansion_at(middle)
            found.append(
                Quantity(
                    f"thermal expansion of the volume at {middle:g} K", 1e6 * value, "10⁻⁶/K", 1e6 * error
                )
            )
        return tuple(found)


def compute(
    atoms: Atoms,
    calculator: Calculator,
    spec: ThermalExpansionSpec,
    progress: Callable[[int], None] | None = None,
) -> ThermalExpansionByMotion:
    """One run at constant pressure for each temperature.

    Args:
        atoms: a crystal or a liquid in a periodic cell.
        calculator: any ASE calculator with stress.
        spec: temperatures and lengths.
        progress: called with the number of steps done after each step of a run.

    Raises:
        ForgefieldError: a structure that is not periodic, no supercell that is long enough, or motion that runs away.
    """
    crystal = bare_crystal(atoms)
    start = repeated(crystal, spec)
    potential = potential_of(calculator, start)
    rng = np.random.default_rng(spec.seed)
    stiffness = estimated_bulk_modulus(potential, start)
    runs = [_run(potential, start, each, stiffness, spec, rng, progress) for each in spec.temperatures]
    doubts: list[str] = []
    columns, errors = [], []
    inverse = np.linalg.inv(np.array(wanted_supercell(crystal, spec), dtype=float))
    for temperature, cells, end in zip(spec.temperatures, *zip(*runs, strict=True), strict=True):
        volumes = np.abs(np.linalg.det(cells)) / len(start)
        found = find_equilibration(volumes)
        doubts.extend(f"{temperature:g} K: {doubt}" for doubt in found.warnings)
        moved = _moved(start, end)
        if moved > _LEFT_ITS_PLACE:
            doubts.append(
                f"{temperature:g} K: atoms have left their places, by {moved:.2f} of the distance between neighbours: "
                "this is no crystal any more, or one whose atoms diffuse"
            )
        lengths = np.linalg.norm(inverse @ cells[found.start :], axis=2)
        means = [blocked_mean(series) for series in (volumes[found.start :], *lengths.T)]
        columns.append([each.value for each in means])
        errors.append([each.error for each in means])
    return _fitted(np.array(spec.temperatures), spec.pressure, np.array(columns), np.array(errors), doubts)


def _run(
    potential: Potential,
    start: Atoms,
    temperature: float,
    stiffness: float,
    spec: ThermalExpansionSpec,
    rng: np.random.Generator,
    progress: Callable[[int], None] | None,
) -> tuple[Array, MotionState]:
    """Cells (S, 3, 3) along a run, and its last state."""
    relaxation = spec.relaxation_time * units.fs
    barostat = Barostat(
        spec.pressure * units.GPa, stiffness * units.GPa, relaxation, spec.cell_shape == "isotropic"
    )
    integrator = Langevin(spec.timestep * units.fs, temperature, relaxation, barostat)
    cells: list[Array] = []
    state = run_motion(
        potential,
        start_motion(potential, start, 2.0 * temperature, rng),
        integrator,
        round(1000.0 * spec.duration / spec.timestep),
        spec.sample_every,
        lambda each: cells.append(each.cell),
        progress,
    )
    return np.array(cells), state


def _moved(start: Atoms, end: MotionState) -> float:
    """Root mean square displacement from the sites in the strained cell, in distances between nearest neighbours."""
    sites = start.positions @ np.linalg.solve(start.cell.array, end.cell)
    moves = end.positions - sites
    moves -= moves.mean(axis=0)
    return float(np.sqrt((moves**2).sum(axis=1).mean())) / shortest_distance(start, search=6.0)


def _fitted(
    temperatures: Array, pressure: float, columns: Array, errors: Array, doubts: list[str]
) -> ThermalExpansionByMotion:
    """A parabola through the volumes, weighted by their errors; a line through two of them."""
    coefficients: Array = np.zeros(0)
    covariance: Array = np.zeros((0, 0))
    if len(temperatures) > 1:
        order = min(2, len(temperatures) - 1)
        weights = 1.0 / np.maximum(errors[:, 0], 1e-12)
        coefficients = np.asarray(np.polyfit(temperatures, columns[:, 0], order, w=weights))
        design = np.vander(temperatures, order + 1) * weights[:, None]
        covariance = np.asarray(np.linalg.inv(design.T @ design), dtype=np.float64)
    return ThermalExpansionByMotion(
        temperatures=temperatures,
        pressure=pressure,
        volumes=columns[:, 0],
        volume_errors=errors[:, 0],
        lengths=columns[:, 1:],
        length_errors=errors[:, 1:],
        coefficients=coefficients,
        covariance=covariance,
        doubts=tuple(doubts),
    )
