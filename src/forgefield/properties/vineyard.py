"""How often an atom tries to hop, and how often it does: harmonic transition-state theory.

Vineyard, J. Phys. Chem. Solids 3, 121 (1957):

  k(T) = ν* exp(−E/kT),  ν* = Π ν_i(minimum) / Π ν_j(saddle)

with the N frequencies of the minimum and the N − 1 real ones of the saddle; classical, so wrong where hν > kT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.geometry import find_mic
from numpy.typing import NDArray
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties import partial_hessian
from forgefield.properties.point import PointValues, evaluate_points
from forgefield.properties.quantities import Planned, Quantity


class VineyardSpec(Spec):
    """How frequencies at minimum and saddle are measured."""

    radius: float | None = Field(default=None, gt=0)
    """Å around the atom that hops farthest, at the saddle; atoms farther away are clamped. Null: all atoms vibrate."""
    displacement: float = Field(default=0.01, gt=0, le=0.2)
    """Displacement of one coordinate, both ways, Å."""
    temperatures: tuple[float, ...] = (300.0, 600.0, 900.0, 1200.0)
    """K, for which rates are given."""


@dataclass(frozen=True, slots=True)
class Vineyard:
    """Frequencies at both ends of a climb, and what follows for the hop.

    Attributes:
        minimum: (F,) frequencies at the minimum, THz; unstable modes are negative.
        saddle: (F,) frequencies at the saddle, THz.
        attempt_frequency: ν*, THz; not a number where minimum or saddle are none.
        barrier: E, eV.
        temperatures: (T,), K.
        rates: (T,) hops of this one kind in a second.
        warnings: what makes the rates doubtful.
    """

    minimum: Array
    saddle: Array
    attempt_frequency: float
    barrier: float
    temperatures: Array
    rates: Array
    warnings: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Attempt frequency and rates; none where they are not known."""
        if not np.isfinite(self.attempt_frequency):
            return ()
        rates = zip(self.temperatures, self.rates, strict=True)
        return (
            Quantity("attempt frequency", self.attempt_frequency, "THz"),
            *(Quantity(f"rate at {temperature:g} K", float(rate), "1/s") for temperature, rate in rates),
        )


def plan(minimum: Atoms, saddle: Atoms, spec: VineyardSpec) -> list[Atoms]:
    """Displaced structures of the minimum, then of the saddle.

    Raises:
        ForgefieldError: the two are not of the same atoms.
    """
    moving = _moving(minimum, saddle, spec)
    return [
        structure
        for atoms in (minimum, saddle)
        for structure in partial_hessian.plan(atoms, moving, spec.displacement)
    ]


def analyse(
    minimum: Atoms, saddle: Atoms, barrier: float, spec: VineyardSpec, evaluations: Sequence[PointValues]
) -> Vineyard:
    """Rates from the evaluations of :func:`plan`.

    Args:
        minimum: relaxed.
        saddle: the same atoms at the saddle.
        barrier: eV.
        spec: settings.
        evaluations: of :func:`plan`.
    """
    moving = _moving(minimum, saddle, spec)
    masses = minimum.get_masses()[moving]
    first = len(partial_hessian.plan(minimum, moving, spec.displacement))
    at_minimum, at_saddle = (
        partial_hessian.frequencies(partial_hessian.analyse(atoms, moving, spec.displacement, points), masses)
        for atoms, points in ((minimum, evaluations[:first]), (saddle, evaluations[first:]))
    )
    warnings = _warnings(at_minimum, at_saddle)
    attempt = float("nan")
    if not warnings:
        attempt = float(np.exp(np.log(at_minimum).sum() - np.log(at_saddle[1:]).sum()))
    temperatures = np.array(spec.temperatures, dtype=np.float64)
    return Vineyard(
        minimum=at_minimum,
        saddle=at_saddle,
        attempt_frequency=attempt,
        barrier=barrier,
        temperatures=temperatures,
        rates=rates_at(temperatures, attempt, barrier),
        warnings=warnings,
    )


def compute(
    minimum: Atoms, saddle: Atoms, barrier: float, calculator: Calculator, spec: VineyardSpec
) -> Vineyard:
    """Attempt frequency and rates with any ASE calculator; all displacements go to it at once."""
    return analyse(minimum, saddle, barrier, spec, evaluate_points(plan(minimum, saddle, spec), calculator))


def planned(minimum: Atoms, saddle: Atoms, spec: VineyardSpec) -> tuple[Planned, ...]:
    """Forecast of :func:`plan`."""
    return (Planned(minimum, len(plan(minimum, saddle, spec))),)


def rates_at(temperatures: Array, attempt_frequency: float, barrier: float) -> Array:
    """k(T) = ν* exp(−E/kT) in 1/s, for temperatures in K, an attempt frequency in THz and a barrier in eV."""
    return np.asarray(1e12 * attempt_frequency * np.exp(-barrier / (units.kB * temperatures)))


def _moving(minimum: Atoms, saddle: Atoms, spec: VineyardSpec) -> NDArray[np.int64]:
    if not np.array_equal(minimum.numbers, saddle.numbers):
        raise ForgefieldError(
            f"minimum {minimum.get_chemical_formula()} and saddle {saddle.get_chemical_formula()} are not "
            "of the same atoms in the same order",
            "take both from one path",
        )
    way, _ = find_mic(saddle.positions - minimum.positions, minimum.cell, minimum.pbc)
    hopping = int(np.linalg.norm(way, axis=1).argmax())
    return partial_hessian.atoms_near(saddle, saddle.positions[hopping], spec.radius)


def _warnings(at_minimum: Array, at_saddle: Array) -> tuple[str, ...]:
    warnings = []
    if at_minimum[0] <= 0:
        warnings.append(
            f"the minimum has {int((at_minimum <= 0).sum())} unstable modes (lowest {at_minimum[0]:.2f} THz): "
            "there is no attempt frequency"
        )
    unstable = int((at_saddle <= 0).sum())
    if unstable != 1:
        warnings.append(
            f"the saddle has {unstable} unstable modes, not one (lowest {at_saddle[0]:.2f} THz): "
            "there is no attempt frequency"
        )
    if warnings:
        warnings.append("where symmetry holds a path or its end on a ridge, a rattle lets it go")
    return tuple(warnings)
