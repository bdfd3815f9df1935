"""The zero-frequency value of a power spectrum from one noisy periodogram, with its error.

Ercole, Marcolongo & Baroni, Sci. Rep. 7, 15835 (2017). The logarithm of a periodogram is the logarithm of the spectrum
plus noise of known mean and variance; as the former is smooth, a few of its Fourier (cepstral) coefficients hold it:

  log S(0) = C_0 + 2 Σ_{n<P} C_n,   σ² = ψ'(ℓ) (4P − 2)/N

ℓ periodograms were averaged, N = 2K for K frequencies. Two choices are made otherwise than there, so that error bars
keep what they promise without a look at the spectrum. P is twice the one that minimises Akaike's criterion,
Σ_{n≥P} C_n² N/ψ'(ℓ) + 2P, which cuts long tails of coefficients that are small but all of one sign. And the band of
frequencies is the widest whose estimate agrees with those of all narrower ones (Lepski, Theory Probab. Appl. 35, 454
(1991)): next to much power at high frequencies a narrow peak at zero is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.special import digamma, polygamma

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array

_FEWEST = 8
_NARROWEST = 200
"""Frequencies of the narrowest band: with fewer, Akaike's choice is left to chance."""
_AGREEMENT = 1.5
"""Standard errors of their difference by which estimates that agree may differ. Measured on processes with known
spectra: 1 doubles the error of simple ones, and from 2 on narrow peaks are lost."""


@dataclass(frozen=True, slots=True)
class CepstralEstimate:
    """A spectrum's value at frequency zero.

    Attributes:
        value: in units of the periodogram.
        error: one standard deviation.
        coefficients: P, how many were kept.
        available: K, how many there were: as many as frequencies in the band.
        smooth: (K + 1,) the spectrum that they make.
    """

    value: float
    error: float
    coefficients: int
    available: int
    smooth: Array


def periodogram(series: Array, interval: float) -> Array:
    """(K + 1, C) two-sided power spectrum at frequencies k/(T interval), k = 0 … K < T/2, of each column.

    Args:
        series: (T, C) evenly spaced in time.
        interval: between two of them; the result is squared units of the series times its unit.
    """
    n_times = len(series)
    spectrum = np.abs(fft.rfft(series, axis=0)) ** 2 * (interval / n_times)
    return np.asarray(spectrum[: (n_times - 1) // 2 + 1], dtype=np.float64)


def zero_frequency(mean: Array, averaged: int) -> CepstralEstimate:
    """Estimate from the mean of periodograms, over the band of frequencies that suits it.

    Args:
        mean: (K + 1,) from frequency zero up to the highest that may be used.
        averaged: ℓ, of how many independent ones.

    Raises:
        ForgefieldError: a periodogram that is too short or has zeros.
    """
    found: list[CepstralEstimate] = []
    last = len(mean) - 1
    while last >= _NARROWEST or not found:
        found.append(cepstral_estimate(mean[: last + 1], averaged))
        last //= 2
    return next(each for place, each in enumerate(found) if _agrees(each, found[place + 1 :]))


def _agrees(estimate: CepstralEstimate, narrower: list[CepstralEstimate]) -> bool:
    """Estimates of nested bands share their noise, so the variance of a difference is that of the variances."""
    own = estimate.error / estimate.value
    return all(
        np.log(estimate.value / other.value) ** 2
        <= _AGREEMENT**2 * abs((other.error / other.value) ** 2 - own**2)
        for other in narrower
    )


def cepstral_estimate(mean: Array, averaged: int, coefficients: int | None = None) -> CepstralEstimate:
    """Estimate from the mean of periodograms over one band of frequencies.

    Args:
        mean: (K + 1,) from frequency zero up to the band's end.
        averaged: ℓ, of how many independent ones.
        coefficients: P, instead of twice Akaike's.

    Raises:
        ForgefieldError: a periodogram that is too short or has zeros.
    """
    last = len(mean) - 1
    if last < _FEWEST:
        raise ForgefieldError(
            f"a spectrum of {len(mean)} points is too short for a cepstral estimate",
            "run longer, or raise the highest frequency",
        )
    if not (mean > 0).all():
        raise ForgefieldError(
            "the spectrum has zeros, so it has no logarithm", "look whether the series moves at all"
        )
    # Noise of χ² with 2ℓ degrees of freedom; at frequency zero the transform is real, which leaves ℓ.
    logarithm = np.log(mean) - (digamma(averaged) - np.log(averaged))
    logarithm[0] = np.log(mean[0]) - (digamma(averaged / 2) - np.log(averaged / 2))
    cepstrum = fft.dct(logarithm, type=1) / (2 * last)
    variance = float(polygamma(1, averaged))
    if coefficients is None:
        powers = cepstrum**2
        powers[-1] /= 2
        left = powers.sum() - np.cumsum(powers)[:-1]
        kept = np.arange(1, last + 1)
        coefficients = min(2 * int(kept[np.argmin(2 * last / variance * left + 2 * kept)]), last)
    few = np.where(np.arange(last + 1) < coefficients, cepstrum, 0.0)
    smooth = np.exp(fft.idct(few * (2 * last), type=1))
    error = np.sqrt(variance * (4 * coefficients - 2) / (2 * last))
    value = float(smooth[0])
    return CepstralEstimate(value, value * float(error), coefficients, last, smooth)
