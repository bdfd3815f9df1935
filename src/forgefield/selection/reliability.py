"""How good an uncertainty is: predicted standard deviations beside actual errors on data held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.selection.calibration import calibrate

_VANISHING = 1e-3


@dataclass(frozen=True, slots=True)
class ReliabilityDiagram:
    """Bins of equal counts in the order of the predicted standard deviation.

    Attributes:
        predicted: (B,) root mean square of the predicted standard deviations.
        actual: (B,) root mean square of the errors; equal to ``predicted`` where the uncertainty is calibrated.
        counts: (B,) samples in each bin.
    """

    predicted: Array
    actual: Array
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reliability:
    """How an uncertainty fares on data held out.

    Attributes:
        rank_correlation: Spearman's, between predicted and actual errors, −1 to 1.
        scale: what to multiply by so that mean squares agree.
        likelihood_scale: what to multiply by according to maximum likelihood; see :func:`likelihood_scale`.
        calibration_error: see :func:`calibration_error`.
        miscalibration_area: see :func:`miscalibration_area`.
        negative_log_likelihood: see :func:`negative_log_likelihood`.
        diagram: predicted beside actual errors.
        left_out: samples of no uncertainty, see :func:`vanishing`, that none of this counts.
    """

    rank_correlation: float
    scale: float
    likelihood_scale: float
    calibration_error: float
    miscalibration_area: float
    negative_log_likelihood: float
    diagram: ReliabilityDiagram
    left_out: int


def reliability(predicted: ArrayLike, actual: ArrayLike, components: int = 1, bins: int = 10) -> Reliability:
    """All measures at once.

    Args:
        predicted: (M,) standard deviations u, such as those of each atom's force, eV/Å.
        actual: (M,) errors e, signed or absolute.
        components: what u and e belong to: 1, one number; 3, the length of a vector, where u² is the summed
            variance of three components that are taken to be equally uncertain.
        bins: of the diagram.

    Raises:
        ForgefieldError: no samples, unequal lengths, numbers that are not finite, or too many bins.
    """
    spread, errors = samples(predicted, actual)
    counted = ~vanishing(spread)
    if not counted.any():
        raise ForgefieldError("all predicted standard deviations are zero", "use a potential that has some")
    spread, errors = spread[counted], errors[counted]
    diagram = reliability_diagram(spread, errors, bins)
    return Reliability(
        rank_correlation=calibrate(spread, errors).rank_correlation,
        scale=float(np.sqrt(np.mean(errors**2) / np.mean(spread**2))),
        likelihood_scale=likelihood_scale(spread, errors),
        calibration_error=calibration_error(diagram),
        miscalibration_area=miscalibration_area(spread, errors, components),
        negative_log_likelihood=negative_log_likelihood(spread, errors, components),
        diagram=diagram,
        left_out=int((~counted).sum()),
    )


def vanishing(predicted: ArrayLike) -> NDArray[np.bool_]:
    """(M,) True where there is no uncertainty to judge: u below a thousandth of its root mean square.

    Forces that vanish by symmetry are right to rounding errors in potential and reference alike. Ratios of
    such errors mean nothing, and in crystals they are so many that they would rule every average of ratios.
    """
    spread = np.asarray(predicted, dtype=np.float64)
    none: NDArray[np.bool_] = spread <= _VANISHING * np.sqrt(np.mean(spread**2))
    return none


def likelihood_scale(predicted: ArrayLike, actual: ArrayLike) -> float:
    """The scale s under which Gaussian errors of standard deviation s·u are most likely: s² = ⟨e²/u²⟩.

    Few samples with small u rule it; :func:`forgefield.selection.calibration.calibrate` takes ⟨e²⟩/⟨u²⟩.

    Raises:
        ForgefieldError: as :func:`reliability`, or a u of zero.
    """
    spread, errors = _positive(predicted, actual)
    return float(np.sqrt(np.mean((errors / spread) ** 2)))


def reliability_diagram(predicted: ArrayLike, actual: ArrayLike, bins: int = 10) -> ReliabilityDiagram:
    """Sort samples by u into bins of equal counts and compare root mean squares of u and e in each.

    Levi, Gispan, Giladi & Fetaya, Sensors 22, 5540 (2022), eqs. 6 and 7.

    Raises:
        ForgefieldError: as :func:`reliability`.
    """
    spread, errors = samples(predicted, actual)
    if not 1 <= bins <= len(spread):
        raise ForgefieldError(
            f"{len(spread)} samples cannot fill {bins} bins", f"choose 1 to {len(spread)} bins"
        )
    parts = np.array_split(np.argsort(spread, kind="stable"), bins)
    return ReliabilityDiagram(
        predicted=np.array([np.sqrt(np.mean(spread[part] ** 2)) for part in parts]),
        actual=np.array([np.sqrt(np.mean(errors[part] ** 2)) for part in parts]),
        counts=np.array([len(part) for part in parts], dtype=np.int64),
    )


def calibration_error(diagram: ReliabilityDiagram) -> float:
    """Expected normalised calibration error, ENCE: the mean of |predicted − actual| / predicted over bins.

    Levi, Gispan, Giladi & Fetaya, Sensors 22, 5540 (2022), eq. 8.

    Raises:
        ForgefieldError: a bin without any predicted uncertainty.
    """
    if diagram.predicted.min() <= 0.0:
        raise _no_uncertainty()
    return float(np.mean(np.abs(diagram.predicted - diagram.actual) / diagram.predicted))


def negative_log_likelihood(predicted: ArrayLike, actual: ArrayLike, components: int = 1) -> float:
    """Mean of −log p over samples and components, for Gaussian errors of the predicted standard deviation.

    With d components of variance u²/d each: ½ log(2π u²/d) + e²/(2u²). The unit of u enters as its logarithm.

    Args:
        predicted: (M,) u.
        actual: (M,) e.
        components: d.

    Raises:
        ForgefieldError: as :func:`reliability`, or a u of zero.
    """
    spread, errors = _positive(predicted, actual)
    _check_components(components)
    variances = spread**2
    return float(np.mean(0.5 * np.log(2.0 * np.pi * variances / components) + 0.5 * errors**2 / variances))


def miscalibration_area(predicted: ArrayLike, actual: ArrayLike, components: int = 1) -> float:
    """Area between the observed and the expected share of errors inside central intervals of a Gaussian.

    Kuleshov, Fenner & Ermon, ICML (2018); Tran et al., Mach. Learn.: Sci. Technol. 1, 025006 (2020). If errors
    are Gaussian, the probability P = χ²_d(d e²/u²) of an error smaller than e is uniform; the area is
    ∫ |F(p) − p| dp over 0 ≤ p ≤ 1, with F the distribution that P has, and is integrated exactly.

    Args:
        predicted: (M,) u.
        actual: (M,) e.
        components: d.

    Returns:
        0 (calibrated) to 0.5.

    Raises:
        ForgefieldError: as :func:`reliability`, or a u of zero.
    """
    spread, errors = _positive(predicted, actual)
    _check_components(components)
    from scipy.special import chdtr  # takes long to import

    probabilities = np.sort(chdtr(components, components * (errors / spread) ** 2))
    edges = np.concatenate([[0.0], probabilities, [1.0]])
    level = np.linspace(0.0, 1.0, len(probabilities) + 1)
    begin, end = edges[:-1] - level, edges[1:] - level
    # The integral of |x| from begin to end.
    return float(np.sum(end * np.abs(end) - begin * np.abs(begin)) / 2.0)


def samples(predicted: ArrayLike, actual: ArrayLike) -> tuple[Array, Array]:
    """(M,) standard deviations and (M,) absolute errors, checked.

    Raises:
        ForgefieldError: as :func:`reliability`.
    """
    spread, errors = np.asarray(predicted, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if spread.ndim != 1 or spread.shape != errors.shape or len(spread) == 0:
        raise ForgefieldError(
            f"predicted standard deviations have shape {spread.shape}, errors {errors.shape}",
            "pass one of each for every sample, at least one",
        )
    if not (np.isfinite(spread).all() and np.isfinite(errors).all()) or spread.min() < 0.0:
        raise ForgefieldError(
            "a predicted standard deviation is negative, or a number is not finite",
            "leave failed predictions out",
        )
    return spread, np.abs(errors)


def _positive(predicted: ArrayLike, actual: ArrayLike) -> tuple[Array, Array]:
    spread, errors = samples(predicted, actual)
    if spread.min() <= 0.0:
        raise _no_uncertainty()
    return spread, errors


def _no_uncertainty() -> ForgefieldError:
    return ForgefieldError(
        "a predicted standard deviation is zero",
        "leave out samples without uncertainty, such as forces that vanish by symmetry",
    )


def _check_components(components: int) -> None:
    if components < 1:
        raise ForgefieldError(
            f"{components} components", "pass 1 for single numbers, 3 for lengths of vectors"
        )
