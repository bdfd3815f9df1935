"""What is known of the thermal conductivity from fluctuations of the heat current."""

from __future__ import annotations

from dataclasses import dataclass

from forgefield.atoms.records import Array
from forgefield.properties.quantities import Quantity

_MOST_DRIFT = 0.02
_MOST_PRESSURE = 1.0
"""GPa."""
_LEAST_RUNS = 5
"""From which on their scatter says something."""


@dataclass(frozen=True, slots=True)
class GreenKuboComponent:
    """Conductivity in one direction, or the mean of all.

    Attributes:
        direction: ``x``, ``y``, ``z``, or empty for the mean.
        conductivity: W/(m K).
        error: one standard deviation, by cepstral analysis, W/(m K).
        spread: the same from the scatter of the runs, W/(m K); not a number of fewer than two.
        coefficients: cepstral coefficients that were kept.
        band: highest frequency that was used, THz.
        frequencies: (F,) THz, bins of the band.
        spectrum: (F,) S/(2 V k_B T²), W/(m K).
        smooth: (F,) the same from the cepstral coefficients.
        integral: (L,) running integral, mean over runs, W/(m K).
        integral_error: (L,) its standard error.
    """

    direction: str
    conductivity: float
    error: float
    spread: float
    coefficients: int
    band: float
    frequencies: Array
    spectrum: Array
    smooth: Array
    integral: Array
    integral_error: Array


@dataclass(frozen=True, slots=True)
class GreenKubo:
    """Thermal conductivity in equilibrium.

    Attributes:
        components: one, or one for each direction.
        times: (L,) of the running integrals, ps.
        temperature: mean of the runs, K.
        wanted_temperature: what was asked for, K.
        pressure: mean of the runs, GPa.
        n_atoms: in the cell.
        runs: how many.
        duration: of each, ps.
        drift: largest change of the total energy in a run, as a share of the kinetic energy.
        diffusing: whether several elements diffuse.
    """

    components: tuple[GreenKuboComponent, ...]
    times: Array
    temperature: float
    wanted_temperature: float
    pressure: float
    n_atoms: int
    runs: int
    duration: float
    drift: float
    diffusing: bool

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Conductivities with their errors, the larger of both where runs can tell."""
        return tuple(
            Quantity(
                f"thermal conductivity {each.direction}".strip() + f", {self.temperature:.0f} K",
                each.conductivity,
                "W/(m K)",
                max(each.error, each.spread) if self.runs >= _LEAST_RUNS else each.error,
            )
            for each in self.components
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the numbers doubtful."""
        found = []
        if self.drift > _MOST_DRIFT:
            found.append(
                f"the energy drifts by {self.drift:.1%} of the kinetic energy in a run: take a shorter time step"
            )
        if abs(self.temperature - self.wanted_temperature) > 0.05 * self.wanted_temperature:
            found.append(
                f"the runs have {self.temperature:.0f} K instead of {self.wanted_temperature:.0f} K: equilibrate longer"
            )
        if abs(self.pressure) > _MOST_PRESSURE:
            found.append(
                f"the cell is under a pressure of {self.pressure:.1f} GPa: give it the volume of this temperature"
            )
        if self.diffusing:
            found.append("several elements diffuse, and their currents carry heat too: κ is an upper bound")
        for each in self.components:
            name = f"κ {each.direction}".strip()
            if each.error > 0.25 * each.conductivity:
                found.append(
                    f"{name} is known to {each.error / each.conductivity:.0%} only: make more runs or longer ones"
                )
            if self.runs >= _LEAST_RUNS and each.spread > 2 * each.error:
                found.append(
                    f"{name} scatters by {each.spread:.2g} W/(m K) between runs, where {each.error:.2g} is expected: "
                    "runs are too short to forget how they began"
                )
        return tuple(found)
