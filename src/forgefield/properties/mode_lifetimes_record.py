"""What is known of the lifetimes of a crystal's modes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.properties.quantities import Quantity

_AXES = ("xx", "yy", "zz")
_MOST_DRIFT = 0.02


@dataclass(frozen=True, slots=True)
class ModeLifetimes:
    """Lifetimes in motion of the modes that fit into a supercell, in groups that are alike by symmetry.

    Attributes:
        frequencies: (G,) harmonic, THz.
        members: (G,) modes of each group.
        speeds: (G,) root mean square of the group velocity, Å/ps.
        lifetimes: (G,) of a mode's energy, ps.
        errors: (G,) standard errors by the scatter of the runs, ps; not numbers for a single run.
        conductivity: (3, 3) in the relaxation-time approximation, classical, W/(m K).
        conductivity_error: (3, 3) its standard error by the scatter of the runs.
        temperature: mean of the runs, K.
        wanted_temperature: what was asked for, K.
        n_atoms: in the supercell.
        runs: how many.
        duration: of each, ps.
        drift: largest change of the total energy in a run, as a share of the kinetic energy.
    """

    frequencies: Array
    members: NDArray[np.int64]
    speeds: Array
    lifetimes: Array
    errors: Array
    conductivity: Array
    conductivity_error: Array
    temperature: float
    wanted_temperature: float
    n_atoms: int
    runs: int
    duration: float
    drift: float

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """κ of the waves that fit into the cell; its three diagonal components where they differ."""
        name = f"thermal conductivity of the modes of {self.n_atoms} atoms, {self.temperature:.0f} K"
        values, errors = np.diag(self.conductivity), np.diag(self.conductivity_error)
        known = self.runs > 1
        if np.ptp(values) <= 1e-3 * np.abs(values).max():
            return (Quantity(name, float(values.mean()), "W/(m K)", float(errors.mean()) if known else None),)
        return tuple(
            Quantity(f"{name}, {axis}", float(value), "W/(m K)", float(error) if known else None)
            for axis, value, error in zip(_AXES, values, errors, strict=True)
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the numbers doubtful."""
        found = []
        longest = float(self.lifetimes.max())
        if longest > self.duration / 10:
            found.append(
                f"runs of {self.duration:g} ps are short for a mode that lives {longest:.3g} ps: make them longer"
            )
        if abs(self.temperature - self.wanted_temperature) > 0.05 * self.wanted_temperature:
            found.append(
                f"the runs have {self.temperature:.0f} K instead of {self.wanted_temperature:.0f} K: equilibrate longer"
            )
        if self.drift > _MOST_DRIFT:
            found.append(
                f"the energy drifts by {self.drift:.1%} of the kinetic energy in a run: take a shorter time step"
            )
        return tuple(found)
