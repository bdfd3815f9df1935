"""Where the first shell of neighbours begins to thin out: first peak and first minimum of g(r)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from forgefield.atoms.records import Array

_SMOOTHING = 0.05
"""Å; noise of single bins is narrower, thermal shells are wider."""
_PROMINENCE = 0.1
"""Of g: what rises less above its surroundings is no peak."""
_SIGNIFICANCE = 4.0
"""Standard errors by which a peak rises; near r = 0 single pairs make spikes."""


@dataclass(frozen=True, slots=True)
class FirstShell:
    """The first shell of neighbours.

    Attributes:
        peak: distance of the first maximum of g, Å.
        minimum: of the minimum after it, Å; the middle of the gap where g vanishes between two shells.
    """

    peak: float
    minimum: float


def find_first_shell(distances: Array, density: Array, errors: Array) -> FirstShell | None:
    """First peak of g(r) and the minimum between it and the next; None if there is no second peak after it.

    Args:
        distances: (B,) evenly spaced, Å.
        density: (B,) g.
        errors: (B,) its standard errors; those that are not finite do not count.
    """
    width = distances[1] - distances[0] if len(distances) > 1 else 1.0
    # Padding lets a shell in the last bin be a peak, and gives the smoothing an edge.
    smooth = np.pad(gaussian_filter1d(density, _SMOOTHING / width, mode="nearest"), 1)
    peaks, about = find_peaks(smooth, prominence=_PROMINENCE)
    peaks, smooth = peaks - 1, smooth[1:-1]
    noise = np.where(np.isfinite(errors), errors, 0.0)[peaks]
    peaks = peaks[about["prominences"] > _SIGNIFICANCE * noise]
    if len(peaks) < 2:
        return None
    between = smooth[peaks[0] : peaks[1]]
    lowest = between.min()
    flat = np.flatnonzero(between <= lowest + 1e-3)
    gap = flat[np.concatenate([[True], np.cumsum(np.diff(flat) > 1) == 0])]
    minimum = distances[peaks[0] + gap].mean()
    return FirstShell(_vertex(distances, smooth, int(peaks[0])), float(minimum))


def _vertex(distances: Array, density: Array, peak: int) -> float:
    """The maximum of the parabola through a peak and its neighbours."""
    if not 0 < peak < len(density) - 1:
        return float(distances[peak])
    before, here, after = density[peak - 1 : peak + 2]
    curvature = before - 2 * here + after
    shift = 0.5 * (before - after) / curvature if curvature < 0 else 0.0
    return float(distances[peak] + shift * (distances[1] - distances[0]))
