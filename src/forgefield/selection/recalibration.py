"""Monotone maps from an uncertainty as it is predicted to one that agrees with errors of known size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.selection.calibration import calibrate
from forgefield.selection.reliability import likelihood_scale, samples, vanishing

_STEEPEST = 8.0
"""Exponents of a power law beyond it fit noise."""


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A line of increasing knots, straight between them in logarithms; beyond them, a power law.

    It never exchanges the order of two uncertainties, so that what is chosen by rank stays as it is.

    Attributes:
        predicted: (K,) uncertainty as predicted, ascending.
        calibrated: (K,) uncertainty as it should be, ascending.
        exponent: b ≥ 0 of the power law u^b beyond the first and the last knot; 1 is proportional.
    """

    predicted: Array
    calibrated: Array
    exponent: float = 1.0

    def __call__(self, predicted: ArrayLike) -> Array:
        """Calibrated uncertainties, of the same shape; 0 stays 0."""
        spread = np.asarray(predicted, dtype=np.float64)
        with np.errstate(divide="ignore"):
            logarithm = np.log(spread)
        held = np.clip(logarithm, np.log(self.predicted[0]), np.log(self.predicted[-1]))
        inside = np.interp(held, np.log(self.predicted), np.log(self.calibrated))
        moved = np.where(spread > 0.0, logarithm, 0.0) - held
        calibrated: Array = np.where(spread > 0.0, np.exp(inside + self.exponent * moved), 0.0)
        return calibrated


def scaling(predicted: ArrayLike, actual: ArrayLike, likelihood: bool = False) -> Recalibration:
    """u → s·u: one number, for when there are only few samples.

    Args:
        predicted: (M,) standard deviations u on validation data; those of :func:`~.reliability.vanishing` do not count.
        actual: (M,) errors e, signed or absolute.
        likelihood: s² = ⟨e²/u²⟩, instead of the ⟨e²⟩/⟨u²⟩ of :func:`forgefield.selection.calibration.calibrate`.

    Raises:
        ForgefieldError: unfit numbers, or nothing but zeros.
    """
    spread, errors = _telling(predicted, actual)
    scale = likelihood_scale(spread, errors) if likelihood else calibrate(spread, errors).scale
    return Recalibration(np.ones(1), np.array([scale]))


def power_law(predicted: ArrayLike, actual: ArrayLike) -> Recalibration:
    """u → a·u^b, b ≥ 0, under which Gaussian errors of that standard deviation are most likely.

    For given b, a² = ⟨e² u^−2b⟩; what is left, ½ log⟨e² u^−2b⟩ + b ⟨log u⟩, is convex in b.

    Args:
        predicted, actual: as in :func:`scaling`.

    Raises:
        ForgefieldError: as :func:`scaling`.
    """
    from scipy.optimize import minimize_scalar  # takes long to import

    spread, errors = _telling(predicted, actual)
    middle = float(np.exp(np.mean(np.log(spread))))
    logarithm = np.log(spread / middle)  # of mean 0

    def mean_square(exponent: float) -> float:
        return float(np.mean(errors**2 * np.exp(-2.0 * exponent * logarithm)))

    found = minimize_scalar(
        lambda b: np.log(mean_square(b)), bounds=(0.0, _STEEPEST), method="bounded", options={"xatol": 1e-9}
    )
    exponent = float(found.x)
    return Recalibration(np.array([middle]), np.array([np.sqrt(mean_square(exponent))]), exponent)


def isotonic(predicted: ArrayLike, actual: ArrayLike, fewest: int = 200) -> Recalibration:
    """The increasing map under which Gaussian errors are most likely.

    Samples are sorted by u into bins of ``fewest``; bins whose mean e² are out of order are pooled with their
    neighbours, which gives the most likely increasing variances (Barlow, Bartholomew, Bremner & Brunk,
    Statistical Inference under Order Restrictions, 1972). Root mean squares of u and e in the pooled
    bins are the knots. Straight lines between them in place of steps keep the order strict.

    Args:
        predicted, actual: as in :func:`scaling`.
        fewest: samples in a bin; where there are less than two bins, the map is a scale. Below 100, a bin may be
            one lucky structure, and the map too sure of all others like it.

    Raises:
        ForgefieldError: as :func:`scaling`, or a ``fewest`` below 1.
    """
    if fewest < 1:
        raise ForgefieldError(f"bins of {fewest} samples", "pass 1 or more")
    spread, errors = _telling(predicted, actual)
    bins = _bins(spread, fewest)
    counts = np.bincount(bins)
    variances = np.bincount(bins, errors**2) / counts
    from scipy.optimize import isotonic_regression  # takes long to import

    fitted = isotonic_regression(variances, weights=counts).x
    pooled = np.unique(fitted, return_inverse=True)[1].reshape(-1)
    members = np.bincount(pooled, counts)
    knots = np.sqrt(np.bincount(pooled, np.bincount(bins, spread**2)) / members)
    values = np.sqrt(np.bincount(pooled, counts * fitted) / members)
    # A bin without any error has no logarithm; its neighbour's ratio serves for it.
    return Recalibration(knots[values > 0.0], values[values > 0.0])


def pooled_with_structure(predicted: ArrayLike, structures: ArrayLike, share: float = 0.5) -> Array:
    """Uncertainties drawn towards the root mean square U of their structure: u^(1 − share) U^share.

    A committee of four knows the variance of one force badly, that of a whole structure well, and what a
    potential does not know it mostly does not know of the whole structure. The order of atoms within a
    structure stays. In cells of thousands of atoms U says little about any one of them.

    Args:
        predicted: (M,) standard deviations u ≥ 0.
        structures: (M,) integer telling which structure an atom belongs to.
        share: 0 (nothing changes) to 1 (all atoms of a structure are alike).

    Returns:
        (M,) standard deviations; not calibrated, even if u was.

    Raises:
        ForgefieldError: shapes that do not fit, or a share outside 0 to 1.
    """
    spread = samples(predicted, np.zeros(np.shape(predicted)))[0]
    groups = np.asarray(structures)
    if groups.shape != spread.shape:
        raise ForgefieldError(
            f"structures has shape {groups.shape}, the standard deviations have {spread.shape}",
            "pass one structure number for every atom",
        )
    if not 0.0 <= share <= 1.0:
        raise ForgefieldError(f"share {share} lies outside 0 to 1", "pass 0.5, say")
    members = np.unique(groups, return_inverse=True)[1].reshape(-1)
    whole = np.sqrt(np.bincount(members, spread**2) / np.bincount(members))
    pooled: Array = spread ** (1.0 - share) * whole[members] ** share
    return pooled


def _bins(spread: Array, fewest: int) -> NDArray[np.int64]:
    """(M,) number of each sample's bin; samples of equal u share one."""
    count = max(1, len(spread) // fewest)
    edges = np.sort(spread)[len(spread) * np.arange(1, count) // count]
    labels = np.searchsorted(np.unique(edges), spread, side="right")
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def _telling(predicted: ArrayLike, actual: ArrayLike) -> tuple[Array, Array]:
    """The samples from which something can be learned."""
    spread, errors = samples(predicted, actual)
    counted = ~vanishing(spread)
    if not errors[counted].any():
        raise ForgefieldError(
            "there are no samples with both an uncertainty and an error",
            "calibrate on structures that the potential was not trained on",
        )
    return spread[counted], errors[counted]
