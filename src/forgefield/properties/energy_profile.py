"""Energy along a path: a smooth curve through a few images, its barriers and what lies between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from forgefield.atoms.records import Array
from forgefield.properties.quantities import Quantity

_NOTABLE = 0.01
"""eV; dips of the curve less deep than this are rounding of the images."""


@dataclass(frozen=True, slots=True)
class EnergyProfile:
    """Energies and slopes at the images of a path.

    Attributes:
        lengths: (M,) arc length from the first image in the space of all coordinates, growing, Å.
        energies: (M,) above the first image, eV.
        slopes: (M,) dE/ds, the negative force along the path, eV/Å.
    """

    lengths: Array
    energies: Array
    slopes: Array

    @property
    def forward(self) -> float:
        """Barrier from the first image, eV: the highest point of the curve."""
        return float(max(self.energies[0], self.energies[-1], *self._curve()(self._turning_points())))

    @property
    def backward(self) -> float:
        """Barrier from the last image, eV."""
        return self.forward - float(self.energies[-1])

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Barriers both ways and the energy between the ends."""
        return (
            Quantity("barrier", self.forward, "eV"),
            Quantity("barrier backward", self.backward, "eV"),
            Quantity("energy of the end", float(self.energies[-1]), "eV"),
        )

    def energy_at(self, lengths: Array) -> Array:
        """Energy of the curve, the cubic between neighbouring images that has their energies and slopes, eV."""
        return np.asarray(self._curve()(lengths))

    def intermediate_minima(self) -> tuple[tuple[float, float], ...]:
        """Arc length (Å) and energy (eV) of minima between the ends that a barrier parts from both of them."""
        points = np.concatenate([self.lengths[:1], self._turning_points(), self.lengths[-1:]])
        energies = self.energy_at(points)
        return tuple(
            (float(points[k]), float(energies[k]))
            for k in range(1, len(points) - 1)
            if energies[k] < min(energies[:k].max(), energies[k + 1 :].max()) - _NOTABLE
            and energies[k] <= min(energies[k - 1], energies[k + 1])
        )

    def _curve(self) -> CubicHermiteSpline:
        return CubicHermiteSpline(self.lengths, self.energies, self.slopes)

    def _turning_points(self) -> Array:
        """Images, and where the curve is level, in growing order; the ends are left out."""
        level = self._curve().derivative().roots(extrapolate=False)
        found = np.concatenate([self.lengths, level[np.isfinite(level)]])
        found = np.unique(found[(found > self.lengths[0]) & (found < self.lengths[-1])])
        return np.asarray(found, dtype=np.float64)
