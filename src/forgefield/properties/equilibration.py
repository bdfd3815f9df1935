"""Where a simulation has forgotten its start: found from the series itself, not assumed.

Chodera, J. Chem. Theory Comput. 12, 1799 (2016): the equilibrated part of a run is the end of it that holds the most
independent samples. Discarding too little leaves the transient, which correlates everything; discarding too much
wastes samples. Ends shorter than half of the run are not tried: their slow fluctuations cannot be told from a mean, so
that they look independent by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.properties.block_averages import pair_means
from forgefield.properties.correlation import autocorrelation

_TRIALS = 50
"""Starts that are tried, up to half of the run."""
_FEWEST_SAMPLES = 20
_LATE = 0.45
"""Of the run; a start beyond is no end of a transient, but the sign of a drift or of a jump."""
_FEWEST_MEANS = 50
"""Over blocks whose correlation is looked at; of fewer it is noise."""
_MUCH_LARGER = 1.5
_FEWEST_INDEPENDENT = 20.0
"""Independent samples below which neither a mean nor its error can be trusted."""


@dataclass(frozen=True, slots=True)
class Equilibration:
    """What was found about one run.

    Attributes:
        start: first sample of the equilibrated part.
        samples: samples of the whole run.
        statistical_inefficiency: samples of the equilibrated part that carry as much as one independent sample.
    """

    start: int
    samples: int
    statistical_inefficiency: float

    @property
    def independent_samples(self) -> float:
        """Effective number of independent samples in the equilibrated part."""
        return (self.samples - self.start) / self.statistical_inefficiency

    @property
    def warnings(self) -> tuple[str, ...]:
        """Signs that the run is too short to have equilibrated."""
        found = []
        if self.start > _LATE * self.samples:
            passed = f"{self.start / self.samples:.0%}"
            found.append(f"not equilibrated: the run still changes after {passed} of its length; run longer")
        if self.independent_samples < _FEWEST_INDEPENDENT:
            found.append(
                f"the equilibrated part holds {self.independent_samples:.1f} independent samples, fewer than "
                f"{_FEWEST_INDEPENDENT:g}: averages and their errors are rough; run longer"
            )
        return tuple(found)


def statistical_inefficiency(series: Array) -> float:
    """g = 1 + 2 Σ (1 − k/T) C(k), the sum ending where the normalised autocorrelation C first is not positive.

    The standard error of the mean is √(g/T) times the standard deviation; g = 1 where samples are independent and for
    a constant. Vibrations end the sum before a slower correlation begins, so the same is done with means over ever
    longer blocks, in which they cancel, and the largest result counts where it is much larger.

    Args:
        series: (T,) evenly spaced samples.
    """
    means = np.asarray(series, dtype=np.float64)
    variance = float(means.var()) if len(means) else 0.0
    if len(means) < 3 or variance <= (1e-12 * float(np.abs(means).max())) ** 2:
        return 1.0
    fine = coarse = _inefficiency(means)
    length = 1
    while len(means) >= 2 * _FEWEST_MEANS:
        means, length = pair_means(means), 2 * length
        coarse = max(coarse, length * float(means.var()) / variance * _inefficiency(means))
    return coarse if coarse > _MUCH_LARGER * fine else fine


def _inefficiency(series: Array) -> float:
    deviations = series - series.mean()
    squares = float(deviations @ deviations)
    if not squares > 0:
        return 1.0
    correlation = autocorrelation(deviations, len(deviations) - 1)[1:] * len(deviations) / squares
    ends = np.flatnonzero(correlation <= 0)
    last = int(ends[0]) if len(ends) else len(correlation)
    lags = np.arange(1, last + 1)
    return float(max(1.0, 1.0 + 2.0 * ((1.0 - lags / len(deviations)) * correlation[:last]).sum()))


def find_equilibration(series: Array) -> Equilibration:
    """The end of equilibration of one or several observables of a run.

    Args:
        series: (T,) or (T, K) evenly spaced samples, such as potential energies; all columns have to be equilibrated.

    Raises:
        ForgefieldError: fewer than 20 samples, or one that is not finite.
    """
    columns = np.asarray(series, dtype=np.float64).reshape(len(series), -1)
    if len(columns) < _FEWEST_SAMPLES or not np.isfinite(columns).all():
        raise ForgefieldError(
            f"equilibration cannot be found in {len(columns)} samples"
            + ("" if np.isfinite(columns).all() else ", some of which are not finite"),
            f"give at least {_FEWEST_SAMPLES} finite samples: run longer or sample more often",
        )
    start = max(_best_start(column) for column in columns.T)
    inefficiency = max(statistical_inefficiency(column[start:]) for column in columns.T)
    return Equilibration(start, len(columns), inefficiency)


def _best_start(series: Array) -> int:
    starts = np.unique(np.linspace(0, len(series) // 2, _TRIALS).astype(int))
    independent = [(len(series) - start) / statistical_inefficiency(series[start:]) for start in starts]
    return int(starts[int(np.argmax(independent))])
