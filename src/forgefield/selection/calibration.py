"""What a committee's spread means in eV/Å, and how much of it is too much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array

_PRIOR_ATOMS = 10.0
"""Weight of the belief, held before any data are seen, that the committee's spread is right as it stands."""

_STOP_RATIO = 4.0
_LEAST_STOP_RATIO = 2.0
_TOLERABLE_SHARES = (0.1, 0.5)
"""Errors below a tenth of the typical force never spoil a trajectory; above half of it they always do."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How to read a potential's force uncertainty.

    Attributes:
        scale: what to multiply the potential's own uncertainty by.
        select_above: eV/Å; structures whose worst calibrated atom lies above it are worth a calculation.
        stop_above: eV/Å; a trajectory whose worst calibrated atom lies above it is not worth following.
        rank_correlation: Spearman's, between predicted and actual errors, −1 to 1; how well the uncertainty
            tells good atoms from bad ones. 0 where it cannot be determined.
        typical_error: eV/Å; root mean square of the actual force errors, the largest hundredth held down.
    """

    scale: float
    select_above: float
    stop_above: float
    rank_correlation: float
    typical_error: float


def calibrate(
    predicted: ArrayLike,
    actual: ArrayLike,
    forces: ArrayLike | None = None,
    structures: ArrayLike | None = None,
) -> Calibration:
    """Calibrate a force uncertainty on structures that the potential was not trained on.

    If u_i is the predicted standard deviation of atom i's force and e_i the length of its actual error, a
    calibrated uncertainty has ⟨e²⟩ = s² ⟨u²⟩; the scale s is that ratio (the closed form of Musil et al.,
    J. Chem. Theory Comput. 15, 906 (2019), for a committee, taken over sums instead of single ratios so that
    atoms with u_i ≈ 0 do no harm), drawn towards 1 by ten imagined atoms of the average error:

      s² = (Σ e² + 10 ⟨e²⟩) / (Σ u² + 10 ⟨e²⟩)

    Thresholds, all in terms of the validation data, none of them for users to guess:

    * typical error: rms of e, with the largest hundredth of the errors held down to the 99th percentile;
    * ``select_above``: the worst atom's calibrated uncertainty in the median validation structure, and at
      least the typical error: below it, a structure teaches what is known already;
    * ``stop_above``: 4 × ``select_above``, kept between 0.1 and 0.5 of the typical (rms) force where
      ``forces`` are given, and never less than 2 × ``select_above``.

    Args:
        predicted: (M,) uncalibrated standard deviation per atom, eV/Å.
        actual: (M,) length of the actual force error per atom, eV/Å.
        forces: (M,) length of the reference force per atom, eV/Å.
        structures: (M,) integer telling which structure an atom belongs to; without it every atom is one.

    Raises:
        ForgefieldError: no atoms, unequal lengths, negative or non-finite numbers.
    """
    spread, errors = _checked(predicted, "predicted", None), _checked(actual, "actual", None)
    if len(errors) != len(spread):
        raise ForgefieldError(
            f"{len(spread)} predicted but {len(errors)} actual force errors",
            "pass one of each for every validation atom",
        )
    mean_square = float(np.mean(errors**2))
    prior = _PRIOR_ATOMS * mean_square
    denominator = float(np.sum(spread**2)) + prior
    scale = float(np.sqrt((np.sum(errors**2) + prior) / denominator)) if denominator > 0.0 else 1.0
    if scale == 0.0:
        # No errors at all, as on an empty validation of zeros: nothing to learn from.
        scale = 1.0
    typical = float(np.sqrt(np.mean(np.minimum(errors, np.quantile(errors, 0.99)) ** 2)))
    groups = np.arange(len(errors)) if structures is None else np.asarray(structures)
    if groups.shape != errors.shape:
        raise ForgefieldError(
            f"structures has shape {groups.shape}, the errors have {errors.shape}",
            "pass one structure number for every validation atom",
        )
    select_above = max(typical, float(np.median(_worst(scale * spread, groups))))
    stop_above = _STOP_RATIO * select_above
    if forces is not None:
        typical_force = float(np.sqrt(np.mean(_checked(forces, "forces", len(errors)) ** 2)))
        low, high = (share * typical_force for share in _TOLERABLE_SHARES)
        stop_above = max(min(max(stop_above, low), high), _LEAST_STOP_RATIO * select_above)
    return Calibration(scale, select_above, stop_above, _rank_correlation(spread, errors), typical)


def _checked(values: ArrayLike, name: str, length: int | None) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0:
        raise ForgefieldError(
            f"calibration got {name} of shape {array.shape}",
            "pass one number for each validation atom, at least one",
        )
    if length is not None and len(array) != length:
        raise ForgefieldError(f"{len(array)} {name} for {length} atoms", "pass one for every validation atom")
    if not np.isfinite(array).all() or array.min() < 0.0:
        raise ForgefieldError(
            f"{name} holds negative or non-finite numbers", "leave failed predictions out of the calibration"
        )
    return array


def _worst(values: Array, groups: NDArray[np.int64]) -> Array:
    members = np.unique(groups, return_inverse=True)[1].reshape(-1)
    worst = np.zeros(members.max() + 1)
    np.maximum.at(worst, members, values)
    return worst


def _rank_correlation(a: Array, b: Array) -> float:
    from scipy.stats import rankdata  # takes long to import

    ranks = rankdata(a), rankdata(b)
    if len(a) < 3 or np.ptp(ranks[0]) == 0.0 or np.ptp(ranks[1]) == 0.0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])
