"""Rates at several temperatures and the barrier behind them: k = A exp(−E_a/kT)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import units
from scipy.optimize import least_squares
from scipy.stats import chi2

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.properties.diffusion import Diffusion
from forgefield.properties.quantities import Quantity

_IMPLAUSIBLE = 0.01
"""Probability of the deviations from the line below which the line is doubted."""


@dataclass(frozen=True, slots=True)
class Arrhenius:
    """A fit of ln k = ln A − E_a/kT.

    Attributes:
        name: of what was fitted, such as ``Li, diffusion``.
        unit: of the values and the prefactor.
        temperatures: (n,) K.
        values: (n,).
        errors: (n,) standard errors.
        activation_energy: E_a, eV.
        activation_energy_error: its standard error.
        log_prefactor: ln A.
        covariance: (2, 2) of (ln A, E_a).
        plausibility: probability that deviations from the line are as large as these by chance.
        warnings: what makes the numbers doubtful.
    """

    name: str
    unit: str
    temperatures: Array
    values: Array
    errors: Array
    activation_energy: float
    activation_energy_error: float
    log_prefactor: float
    covariance: Array
    plausibility: float
    warnings: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Activation energy and prefactor."""
        prefactor = float(np.exp(self.log_prefactor))
        spread = prefactor * float(np.sqrt(self.covariance[0, 0]))
        return (
            Quantity(
                f"{self.name}, activation energy", self.activation_energy, "eV", self.activation_energy_error
            ),
            Quantity(f"{self.name}, prefactor", prefactor, self.unit, spread),
        )

    def at(self, temperature: float) -> Quantity:
        """The value at another temperature in K; its error is that of the fit, so it grows outside of the data."""
        slope = np.array([1.0, -1.0 / (units.kB * temperature)])
        value = float(np.exp(slope @ [self.log_prefactor, self.activation_energy]))
        error = value * float(np.sqrt(slope @ self.covariance @ slope))
        return Quantity(f"{self.name} at {temperature:g} K", value, self.unit, error)


def fit_arrhenius(name: str, unit: str, temperatures: Array, values: Array, errors: Array) -> Arrhenius:
    """Fit rates by weighted least squares.

    The values themselves are fitted, not their logarithms: a value with a large error is as likely too small as too
    large, and its logarithm is not. Errors are taken as they are given; where the line misses the points by more than
    they allow, it says so and widens its own.

    Args:
        name: of what is fitted.
        unit: of the values.
        temperatures: (n,) K.
        values: (n,) above zero.
        errors: (n,) standard errors, above zero.

    Raises:
        ForgefieldError: fewer than two different temperatures, or numbers that are not above zero.
    """
    arrays = [np.asarray(each, dtype=np.float64) for each in (temperatures, values, errors)]
    if len(np.unique(arrays[0])) < 2:
        raise ForgefieldError(
            f"{name}: an activation energy cannot be found from {len(np.unique(arrays[0]))} temperature",
            "measure at two temperatures at least, better at four",
        )
    if not all((each > 0).all() and np.isfinite(each).all() for each in arrays):
        raise ForgefieldError(
            f"{name}: temperatures, values or errors are not all above zero",
            "leave out temperatures at which nothing was seen, or run longer there",
        )
    temperatures, values, errors = arrays
    inverse = 1.0 / (units.kB * temperatures)
    middle, scale = inverse.mean(), np.ptp(inverse)
    x = (inverse - middle) / scale
    start = np.polyfit(x, np.log(values), 1, w=values / errors)[::-1]
    found = least_squares(
        lambda p: (np.exp(p[0] + p[1] * x) - values) / errors,
        start,
        jac=lambda p: (np.exp(p[0] + p[1] * x) / errors)[:, None] * np.column_stack([np.ones_like(x), x]),
        method="lm",
    )
    freedom = len(values) - 2
    misfit = 2.0 * float(found.cost)
    plausibility = float(chi2.sf(misfit, freedom)) if freedom else 1.0
    covariance = np.linalg.inv(found.jac.T @ found.jac)
    warnings = []
    if plausibility < _IMPLAUSIBLE:
        covariance *= misfit / freedom
        warnings.append(
            f"{name}: the points lie off the line by more than their errors (probability {plausibility:.1g}): more "
            "than one process, a transition in between, or errors that are too small"
        )
    # From (p0, p1) around the middle to (ln A, E_a).
    back = np.array([[1.0, -middle / scale], [0.0, -1.0 / scale]])
    log_prefactor, energy = back @ found.x
    covariance = back @ covariance @ back.T
    return Arrhenius(
        name=name,
        unit=unit,
        temperatures=temperatures,
        values=values,
        errors=errors,
        activation_energy=float(energy),
        activation_energy_error=float(np.sqrt(covariance[1, 1])),
        log_prefactor=float(log_prefactor),
        covariance=covariance,
        plausibility=plausibility,
        warnings=tuple(warnings),
    )


def diffusion_barrier(species: str, runs: Sequence[Diffusion]) -> Arrhenius:
    """Activation energy of a species' diffusion from runs at several temperatures.

    Runs in which it did not diffuse are left out with a warning: an upper bound has no place on the line.

    Args:
        species: chemical symbol.
        runs: each with velocities, which give its temperature.

    Raises:
        ForgefieldError: a run without temperature or without the species; fewer than two runs with diffusion.
    """
    used, left_out = [], []
    for index, run in enumerate(runs):
        each = next((each for each in run.species if each.species == species), None)
        if run.temperature is None or each is None:
            missing = "velocities, which give its temperature" if each is not None else f"atoms of {species}"
            raise ForgefieldError(f"run {index} has no {missing}", "give runs of one system, with velocities")
        if each.diffusive:
            used.append((run.temperature, each.coefficient, each.error))
        else:
            left_out.append(f"{run.temperature:.0f} K")
    table = np.array(used).reshape(-1, 3)
    found = fit_arrhenius(f"{species}, diffusion", "Å²/ps", *table.T)
    if not left_out:
        return found
    note = f"{species}: no diffusion seen at {', '.join(left_out)}; the fit leaves that out"
    return replace(found, warnings=(*found.warnings, note))
