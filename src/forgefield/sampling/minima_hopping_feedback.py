"""The arithmetic of minima hopping: how temperature and threshold answer to what a hop has found."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Literal

from forgefield.sampling.minima_hopping_spec import MinimaHoppingSpec

Found = Literal["same", "known", "new"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What follows from a hop.

    Attributes:
        temperature: K; of the next escape.
        energy_difference: E_diff from now on, eV.
        accepted: whether the walker goes on from what was found.
    """

    temperature: float
    energy_difference: float
    accepted: bool


def feedback(
    spec: MinimaHoppingSpec,
    temperature: float,
    energy_difference: float,
    found: Found,
    rise: float,
    visits: int = 0,
) -> Feedback:
    """Temperature, threshold and acceptance after a hop.

    Goedecker, J. Chem. Phys. 120, 9911 (2004), figure 2: the kinetic energy is multiplied by β1 where the escape has
    led back to the present minimum, by β2 where the minimum is known, by β3 where it is new. If it is another minimum
    and higher by less than E_diff, it is accepted, and E_diff is multiplied by α1, else by α2. β2 grows with the
    visits, as β2 (1 + c ln n) (Schönborn et al., J. Chem. Phys. 130, 144108 (2009)).

    Args:
        spec: the factors.
        temperature: K; of this escape.
        energy_difference: E_diff, eV.
        found: the same minimum, a known one or a new one.
        rise: its energy less that of the present one, eV.
        visits: n, how often it was found before.
    """
    if found == "same":
        return Feedback(bounded(spec, spec.beta1 * temperature), energy_difference, False)
    factor = spec.beta3 if found == "new" else spec.beta2 * (1.0 + spec.revisits * log(max(visits, 1)))
    accepted = rise < energy_difference
    return Feedback(
        bounded(spec, factor * temperature),
        energy_difference * (spec.alpha1 if accepted else spec.alpha2),
        accepted,
    )


def bounded(spec: MinimaHoppingSpec, temperature: float) -> float:
    """The temperature in K, or the end of the window that it has left."""
    if spec.temperature_window is None:
        return temperature
    low, high = spec.temperature_window
    return min(max(temperature, low), high)
