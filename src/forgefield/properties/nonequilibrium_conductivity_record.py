"""What is known of the thermal conductivity from imposed heat flows, over several lengths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.properties.quantities import Quantity

_SIGNIFICANT = 3.0
_MOST_BEND = 0.3
_MOST_CHANGE = 0.15


@dataclass(frozen=True, slots=True)
class ConductedHeat:
    """Heat flow through one length.

    Attributes:
        length: from one reservoir's edge to the other's, Å.
        n_atoms: in the cell.
        places: (L,) middles of layers, Å from the hot reservoir's middle.
        temperatures: (L,) K, mean over both ways.
        temperature_errors: (L,) standard errors, K.
        fitted: (L,) layers of the straight line.
        gradient: slope of the line, K/Å, negative.
        gradient_error: K/Å.
        flux: GW/m².
        flux_error: GW/m².
        conductivity: W/(m K).
        error: W/(m K).
        bend: by how much the slope differs between the line's ends, over their mean.
        bend_error: its standard error.
        imbalance: heat that stays in the cell, over the heat that flows.
        imbalance_error: its standard error.
        change: of the gradient from the first half of the time to the second, over their mean.
        change_error: its standard error.
    """

    length: float
    n_atoms: int
    places: Array
    temperatures: Array
    temperature_errors: Array
    fitted: NDArray[np.bool_]
    gradient: float
    gradient_error: float
    flux: float
    flux_error: float
    conductivity: float
    error: float
    bend: float
    bend_error: float
    imbalance: float
    imbalance_error: float
    change: float
    change_error: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the number doubtful."""
        name, found = f"{self.length / 10:.3g} nm", []
        if not self.gradient < -_SIGNIFICANT * self.gradient_error:
            found.append(f"{name}: no fall of the temperature stands out from the noise: run longer")
        if abs(self.bend) > max(_MOST_BEND, _SIGNIFICANT * self.bend_error):
            found.append(
                f"{name}: the temperature falls on no straight line (its slope changes by {abs(self.bend):.0%}): "
                "take a wider margin or a smaller temperature difference"
            )
        for share, error, what in (
            (self.imbalance, self.imbalance_error, "of the heat stays in the cell"),
            (self.change, self.change_error, "is the change of the gradient between both halves of the run"),
        ):
            if abs(share) > max(_MOST_CHANGE, _SIGNIFICANT * error):
                found.append(f"{name}: not steady, {abs(share):.0%} {what}: settle longer")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class NonequilibriumConductivity:
    """Thermal conductivity from imposed heat flows.

    Attributes:
        temperature: mean of the reservoirs, K.
        lengths: results, by growing length.
        conductivity: of infinite length, W/(m K): 1/κ = 1/κ∞ (1 + λ/L); that of the length where there is one only.
        error: its standard error, W/(m K).
        path: λ, Å; zero where there is one length only.
        misfit: sum of squared deviations from that line over their variances, for each degree of freedom; not a number
            where there is none.
    """

    temperature: float
    lengths: tuple[ConductedHeat, ...]
    conductivity: float
    error: float
    path: float
    misfit: float

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Conductivity of infinite length, then that of each length."""
        name = f"thermal conductivity, {self.temperature:.0f} K"
        each = tuple(
            Quantity(f"{name}, {one.length / 10:.3g} nm", one.conductivity, "W/(m K)", one.error)
            for one in self.lengths
        )
        if len(self.lengths) == 1:
            return each
        return (Quantity(f"{name}, heat flow", self.conductivity, "W/(m K)", self.error), *each)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the numbers doubtful."""
        found = [warning for each in self.lengths for warning in each.warnings]
        longest = self.lengths[-1].conductivity
        if len(self.lengths) == 1:
            found.append("one length only: phonons that are stopped by the reservoirs are missing in κ")
            return tuple(found)
        if not (self.error < 0.5 * self.conductivity and self.path > 0):
            found.append(
                "the lengths do not tell the limit: their errors are too large, or they differ too little"
            )
        elif longest < 0.5 * self.conductivity:
            found.append(
                f"κ of infinite length is {self.conductivity / longest:.1f} times that of the longest cell: as long "
                "waves obey no straight line, it is rather too small; take longer cells"
            )
        if len(self.lengths) == 2:
            found.append("two lengths cannot tell whether 1/κ is linear in 1/L: add a third")
        if self.misfit > 4.0:
            found.append(f"1/κ is not linear in 1/L (misfit {self.misfit:.1f}): leave out the shortest cells")
        return tuple(found)
