"""Self-diffusion from mean square displacements, ⟨|r(t) − r(0)|²⟩ → 6 D t (Einstein).

The run is cut into blocks, each of which gives a slope along each axis; D is their mean and its error their scatter.
Whether there is diffusion at all is read from the exponent of the displacements, which is 1 in a liquid and 0 in a
crystal whose atoms only vibrate: then an upper bound is all that a run can tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import units
from numpy.typing import NDArray
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.correlation import mean_square_displacement
from forgefield.properties.einstein_fit import fit_lags, slope_weights
from forgefield.properties.production_run import ProductionRun
from forgefield.properties.quantities import Quantity
from forgefield.properties.trajectory import PICOSECOND, RecordedTrajectory, drift

_YEH_HUMMER = 2.837297
_CURVE_POINTS = 200
_FRAMES_PER_BLOCK = 20
"""So that lags from a quarter to half of a block span several frames."""
_ARRESTED = 0.5
"""Exponent of the displacements below which nothing is called diffusion."""
_TOLERATED = 0.1
"""Deviation of the exponent from 1 that is not worth a warning."""


class DiffusionSpec(Spec):
    """How slopes are fitted."""

    blocks: int = Field(default=8, ge=3)
    """Parts of the run whose slopes give the error."""
    shortest_lag: float | None = Field(default=None, gt=0)
    """ps; displacements over shorter times, with vibrations and cages, are not fitted; null: half of the longest."""
    longest_lag: float | None = Field(default=None, gt=0)
    """ps; null: half of a block."""
    viscosity: float | None = Field(default=None, gt=0)
    """Shear viscosity, mPa·s: with it D is also given for a cell without end; null: it is not."""


@dataclass(frozen=True, slots=True)
class SpeciesDiffusion:
    """Motion of the atoms of one species relative to the centre of mass of all.

    Attributes:
        species: chemical symbol.
        displacements: (L,) mean square displacements over the whole run, Å².
        coefficient: D, Å²/ps (1 Å²/ps = 10⁻⁴ cm²/s).
        error: its standard error.
        exponent: d ln MSD/d ln t over the lags that are fitted.
        exponent_error: its standard error.
        diffusive: whether displacements grow without end, as far as the run tells.
        upper_bound: of D where they do not, from the longest lag, Å²/ps; None where they do.
        infinite_cell: D without the effect of the finite cell, Å²/ps; None if not asked for.
    """

    species: str
    displacements: Array
    coefficient: float
    error: float
    exponent: float
    exponent_error: float
    diffusive: bool
    upper_bound: float | None
    infinite_cell: float | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the number."""
        power = f"{self.exponent:.2f} ± {self.exponent_error:.2f}"
        name = f"{self.species}: displacements grow with the power {power} of time"
        if not self.diffusive:
            return (f"{name}: no diffusion seen, D is below {self.upper_bound:.2g} Å²/ps",)
        doubt = 2 * self.exponent_error + _TOLERATED
        if self.exponent < 1 - doubt:
            return (f"{name}, slower than diffusion; the run may be too short, and D is rather too large",)
        if self.exponent > 1 + doubt:
            return (f"{name}, faster than diffusion: fit longer lags",)
        return ()


@dataclass(frozen=True, slots=True)
class Diffusion:
    """Self-diffusion of all species.

    Attributes:
        temperature: mean over the run, K; None without velocities.
        times: (L,) lags of the displacements, ps.
        fitted: shortest and longest lag of the fit, ps.
        species: one for each.
        warnings: what makes the numbers doubtful.
    """

    temperature: float | None
    times: Array
    fitted: tuple[float, float]
    species: tuple[SpeciesDiffusion, ...]
    warnings: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Diffusion coefficients, or upper bounds where no diffusion was seen."""
        found = []
        for each in self.species:
            name = f"{each.species}, diffusion coefficient"
            if each.upper_bound is not None:
                found.append(Quantity(f"{name}, upper bound", each.upper_bound, "Å²/ps"))
                continue
            found.append(Quantity(name, each.coefficient, "Å²/ps", each.error))
            if each.infinite_cell is not None:
                found.append(Quantity(f"{name}, infinite cell", each.infinite_cell, "Å²/ps", each.error))
        return tuple(found)


def analyse(run: ProductionRun, spec: DiffusionSpec) -> Diffusion:
    """Diffusion coefficients of all species.

    Args:
        run: frames at equal intervals and constant cell.
        spec: blocks and lags.

    Raises:
        ForgefieldError: too few frames, a cell that changes, atoms that move too far between frames to be followed, or
            lags that the blocks do not hold.
    """
    trajectory = run.trajectory
    _check(trajectory, spec)
    interval = trajectory.interval / PICOSECOND
    block = len(trajectory) // spec.blocks
    longest = block // 2 if spec.longest_lag is None else round(spec.longest_lag / interval)
    shortest = max(1, longest // 2) if spec.shortest_lag is None else round(spec.shortest_lag / interval)
    if not 1 <= shortest < longest < block:
        raise ForgefieldError(
            f"lags from {shortest * interval:g} to {longest * interval:g} ps cannot be fitted in blocks of "
            f"{block * interval:g} ps with a frame every {interval:g} ps",
            "choose shortest_lag < longest_lag < length of the run / blocks, or run longer",
        )
    temperatures = trajectory.temperatures
    temperature = None if temperatures is None else float(temperatures.mean())
    correction, warnings = _finite_size(trajectory, temperature, spec)
    positions = trajectory.positions - drift(trajectory.positions, trajectory.masses)
    shown = np.unique(np.linspace(0, len(trajectory) // 2, _CURVE_POINTS).astype(int))
    species = []
    for kind, symbol in enumerate(trajectory.species):
        chosen = positions[:, trajectory.kinds == kind]
        curve = mean_square_displacement(chosen, len(trajectory) // 2 + 1).sum(axis=2).mean(axis=1)[shown]
        blocks = [chosen[b * block : (b + 1) * block] for b in range(spec.blocks)]
        species.append(_fit(symbol, blocks, shortest, longest, interval, shown * interval, curve, correction))
    return Diffusion(
        temperature=temperature,
        times=shown * interval,
        fitted=(shortest * interval, longest * interval),
        species=tuple(species),
        warnings=(*run.warnings, *warnings, *(line for each in species for line in each.warnings)),
    )


def _check(trajectory: RecordedTrajectory, spec: DiffusionSpec) -> None:
    if len(trajectory) < _FRAMES_PER_BLOCK * spec.blocks:
        raise ForgefieldError(
            f"diffusion cannot be measured in {len(trajectory)} equilibrated frames and {spec.blocks} blocks",
            f"give at least {_FRAMES_PER_BLOCK * spec.blocks} frames: run longer or store them more often",
        )
    if not trajectory.constant_cell:
        raise ForgefieldError(
            "the cell changes along the trajectory, and with it the positions of atoms that only stay where they are",
            "measure diffusion at constant volume",
        )
    if not trajectory.unwrapping_sure:
        raise ForgefieldError(
            "atoms move so far between frames that it cannot be told across which border of the cell they went",
            "store frames more often, or unwrapped positions",
        )


def _fit(
    symbol: str,
    blocks: list[Array],
    shortest: int,
    longest: int,
    interval: float,
    times: Array,
    curve: Array,
    correction: float | None,
) -> SpeciesDiffusion:
    """D from blocks of positions (B, n, 3), lags in frames, and an interval in ps."""
    lags = fit_lags(shortest, longest)
    found = np.array([mean_square_displacement(block, longest + 1)[lags].mean(axis=1) for block in blocks])
    coefficients = np.einsum("blx,l->bx", found, slope_weights(len(blocks[0]), lags)) / (2 * interval)
    coefficient = float(coefficients.mean())
    # Axes may differ, as in a layered crystal, so each has a scatter of its own.
    error = float(np.sqrt((coefficients.var(axis=0, ddof=1) / len(blocks)).sum()) / 3)
    exponents = [_exponent(lags, each) for each in found.sum(axis=2)]
    exponent = _exponent(lags, found.sum(axis=2).mean(axis=0))
    diffusive = coefficient > 2 * error and exponent > _ARRESTED
    return SpeciesDiffusion(
        species=symbol,
        displacements=curve,
        coefficient=coefficient,
        error=error,
        exponent=exponent,
        exponent_error=float(np.std(exponents, ddof=1) / np.sqrt(len(blocks))),
        diffusive=diffusive,
        # Displacements that grow slower than time lie above their own slope everywhere.
        upper_bound=None if diffusive else max(float(curve[-1] / (6 * times[-1])), coefficient + 2 * error),
        infinite_cell=None if correction is None else coefficient + correction,
    )


def _exponent(lags: NDArray[np.int64], displacements: Array) -> float:
    if not displacements.min() > 0:
        return 0.0
    return float(np.polyfit(np.log(lags), np.log(displacements), 1)[0])


def _finite_size(
    trajectory: RecordedTrajectory, temperature: float | None, spec: DiffusionSpec
) -> tuple[float | None, list[str]]:
    """What a cubic cell of finite length takes from D, Å²/ps, if it was asked for and can be said."""
    if spec.viscosity is None:
        return None, []
    lengths, angles = trajectory.atoms(0).cell.lengths(), trajectory.atoms(0).cell.angles()
    if temperature is None or np.ptp(lengths) > 0.01 * lengths.mean() or np.abs(angles - 90).max() > 0.5:
        return None, ["D was not corrected for the finite cell, which takes a cubic cell and velocities"]
    return finite_size_correction(temperature, spec.viscosity, float(lengths.mean())), []


def finite_size_correction(temperature: float, viscosity: float, length: float) -> float:
    """kT ξ/(6π η L), by which D of an infinite liquid exceeds that of a periodic cube, Å²/ps.

    Yeh & Hummer, J. Phys. Chem. B 108, 15873 (2004), eq. 12; ξ = 2.837297.

    Args:
        temperature: K.
        viscosity: η, mPa·s.
        length: L, Å.
    """
    friction = 6 * np.pi * viscosity * 1e-3 * units.Pascal * units.second * length
    return float(units.kB * temperature * _YEH_HUMMER / friction * PICOSECOND)
