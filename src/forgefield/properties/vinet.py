"""Vinet's energy–volume curve: a second form beside Birch–Murnaghan, which shows what the choice of a form is worth.

Vinet, Ferrante, Rose, Smith, J. Geophys. Res. 92, 9319 (1987), integrated over volume:

  E = E₀ + 9 V₀B₀/ξ² · {1 + [ξ(1 − η) − 1] exp[ξ(1 − η)]}, η = (V/V₀)^⅓, ξ = 3/2 (B′ − 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import units
from scipy.optimize import least_squares

from forgefield.atoms.records import Array


@dataclass(frozen=True, slots=True)
class VinetCurve:
    """Vinet's curve through energies of a crystal, everything per atom.

    Attributes:
        volume: at the minimum, Å³/atom.
        energy: at the minimum, eV/atom.
        bulk_modulus: GPa.
        bulk_modulus_derivative: dB/dP, no unit.
        fit_error: root of the mean squared residual, eV/atom.
    """

    volume: float
    energy: float
    bulk_modulus: float
    bulk_modulus_derivative: float
    fit_error: float

    def energy_at(self, volumes: Array) -> Array:
        """Energy of the curve, eV/atom.

        Args:
            volumes: any shape, Å³/atom.
        """
        stiffness = self.volume * self.bulk_modulus * units.GPa
        shape = _shape(np.asarray(volumes, dtype=np.float64) / self.volume, self.bulk_modulus_derivative)
        return np.asarray(self.energy + stiffness * shape)


def fit_vinet(volumes: Array, energies: Array, start: VinetCurve) -> VinetCurve | None:
    """The curve of least squares; None where the search for it does not end.

    Args:
        volumes: (n,) Å³/atom, at least four.
        energies: (n,) eV/atom.
        start: parameters of another form's fit, from which the search starts.
    """
    depth = start.volume * start.bulk_modulus * units.GPa

    def residuals(x: Array) -> Array:
        curve = x[0] + x[1] * _shape(volumes / (start.volume * x[2]), x[3])
        return np.asarray(curve - (energies - start.energy) / depth)

    first = np.array([0.0, 1.0, 1.0, start.bulk_modulus_derivative])
    # B′ = 1 is a removable singularity of the form, and no crystal comes near it.
    lowest, highest = [-np.inf, 0.0, 0.5, 1.05], [np.inf, np.inf, 2.0, np.inf]
    first[3] = max(first[3], 1.5)
    found = least_squares(residuals, first, bounds=(lowest, highest), xtol=1e-14, ftol=1e-14, gtol=1e-14)
    if not found.success or found.x[3] < 1.06:
        return None
    energy, stiffness, volume, derivative = found.x
    volume *= start.volume
    return VinetCurve(
        volume=float(volume),
        energy=float(start.energy + energy * depth),
        bulk_modulus=float(stiffness * depth / volume / units.GPa),
        bulk_modulus_derivative=float(derivative),
        fit_error=float(np.sqrt(np.mean(found.fun**2)) * depth),
    )


def _shape(ratios: Array, derivative: float) -> Array:
    """(E − E₀) / V₀B₀ at the ratios V/V₀."""
    xi = 1.5 * (derivative - 1)
    bend = xi * (1 - np.cbrt(ratios))
    return np.asarray(9 / xi**2 * (1 + (bend - 1) * np.exp(bend)))
