"""How uncertain is too uncertain: a running calibration and an adaptive threshold, as pure functions over a state."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forgefield.atoms.records import Array

HISTORY = 10
"""Learning events whose Bayesian errors make the threshold; twice as many make the calibration."""

_LARGEST_SPREAD = 0.4
_MARGIN = 1.2
_PRIOR_ATOMS = 10.0
_OUTLIER = 5.0


@dataclass(frozen=True, slots=True)
class Threshold:
    """What learning events have taught about a potential's uncertainty.

    Attributes:
        target: eV/Å; what the user wants to be certain of; the threshold never lies below it.
        value: eV/Å; the threshold right after the last learning event.
        halving: steps without a request after which the threshold's excess over the target has halved.
        levels: (≤ 2 `HISTORY`,) worst atom's uncalibrated Bayesian error after each refit, eV/Å, oldest first.
        unsettled: refits since the threshold was last set.
        squares: (≤ 2 `HISTORY`, 3) per learning event: Σe² and Σu² over atoms, (eV/Å)², and the number of atoms.
    """

    target: float
    value: float
    halving: float
    levels: Array
    squares: Array
    unsettled: int = 0

    @property
    def scale(self) -> float:
        """What the potential's own uncertainty is multiplied by.

        A calibrated uncertainty has ⟨e²⟩ = s²⟨u²⟩, so s² = Σe²/Σu² over the last events, drawn towards 1 by ten
        imagined atoms of average uncertainty.
        """
        errors, variances, atoms = self.squares.sum(axis=0)
        if not variances > 0.0:
            return 1.0
        prior = _PRIOR_ATOMS * variances / atoms
        return float(np.sqrt((errors + prior) / (variances + prior)))

    def after(self, steps: int) -> float:
        """Threshold in eV/Å so many steps after the last request."""
        return self.target + (self.value - self.target) * 0.5 ** (steps / self.halving)


def start_threshold(target: float, halving: float) -> Threshold:
    """The threshold before anything is learned: the target itself.

    Args:
        target: eV/Å.
        halving: steps.
    """
    return Threshold(target, target, halving, np.empty(0), np.empty((0, 3)))


def with_errors(threshold: Threshold, predicted: Array, actual: Array) -> Threshold:
    """Account for a labelled structure: how large its errors were, and how large they were thought to be.

    An error counts at most as five times its calibrated uncertainty (or that of the structure's average atom), so one
    outlier cannot spoil the calibration, while errors that stay large raise it event by event.

    Args:
        threshold: is not changed.
        predicted: (N,) uncalibrated uncertainty of each atom's force when the structure was chosen, eV/Å.
        actual: (N,) length of the actual error of each atom's force, eV/Å.
    """
    variances = predicted**2
    largest = (_OUTLIER * threshold.scale) ** 2 * np.maximum(variances, variances.mean())
    event = [np.minimum(actual**2, largest).sum(), variances.sum(), len(actual)]
    return replace(threshold, squares=np.vstack([threshold.squares, event])[-2 * HISTORY :])


def with_refit(threshold: Threshold, level: float) -> Threshold:
    """Account for a refit, and set the threshold.

    The rule follows Jinnouchi, Karsai & Kresse, Phys. Rev. B 100, 014105 (2019), and the options that its authors
    later gave it:

    * The Bayesian error counted is that of the worst atom in the structure just learned, *after* the refit: what the
      data can now achieve where the motion is. Errors before the refit lie above the threshold by selection, so their
      mean would only ever rise.
    * Once ten are known and their spread is small (standard deviation at most 0.4 of the mean), the threshold becomes
      1.2 times their calibrated mean: a little more than what learning achieves, or every other frame would be asked
      for.
    * It never lies below the target, where asking more would bring nothing that the user wants, and it is the target
      until the first ten are known.

    It cannot get stuck. Too low, it is left after ten refits: if the spread is large all the time, the median of the
    last twenty is taken, which outliers do not rule. Too high, as after a hot segment, it sinks towards the target
    while nothing is asked (`Threshold.after`) until something is.

    Args:
        threshold: is not changed.
        level: worst atom's uncalibrated uncertainty, eV/Å, with the refitted potential.
    """
    levels = np.append(threshold.levels, level)[-2 * HISTORY :]
    unsettled = threshold.unsettled + 1
    last = levels[-HISTORY:]
    if len(last) == HISTORY and last.std() <= _LARGEST_SPREAD * last.mean():
        typical = float(last.mean())
    elif unsettled > HISTORY and len(levels) > HISTORY:
        typical = float(np.median(levels))
    else:
        return replace(threshold, levels=levels, unsettled=unsettled)
    value = max(threshold.target, _MARGIN * threshold.scale * typical)
    return replace(threshold, levels=levels, value=value, unsettled=0)
