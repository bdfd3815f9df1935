"""The vibrational density of states of a motion, anharmonicity included.

It is the Fourier transform of the velocity autocorrelation, mass-weighted (Dickey & Paskin, Phys. Rev. 188, 1407
(1969)). With three modes for each atom it lies beside the phonon density of states per atom of a crystal; in a liquid
its value at zero frequency is diffusion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field
from scipy import fft

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.block_averages import standard_error
from forgefield.properties.correlation import autocorrelation
from forgefield.properties.production_run import ProductionRun
from forgefield.properties.quantities import Quantity
from forgefield.properties.trajectory import PICOSECOND, RecordedTrajectory, drift

_POINTS_PER_LINE = 5
"""Frequencies within the width of a line."""
_MOST_BLOCKS = 8
_WINDOW_END = 1e-3
"""Height at which the Gaussian that makes the width of the lines is cut off."""
_FOLDED = 0.01
"""Share of the modes in the uppermost tenth of all frequencies that speaks for frames too far apart."""


class VibrationalSpectrumSpec(Spec):
    """How the spectrum is resolved."""

    resolution: float = Field(default=0.4, gt=0)
    """Full width at half maximum of a line, THz; a run must last several times the inverse."""


@dataclass(frozen=True, slots=True)
class SpeciesSpectrum:
    """Modes of the atoms of one species.

    Attributes:
        species: chemical symbol.
        density: (F,) states/THz per atom of the whole structure; its integral is three times the share of the species.
        errors: (F,) its standard errors; not a number where the run was too short for more than one block.
    """

    species: str
    density: Array
    errors: Array


@dataclass(frozen=True, slots=True)
class VibrationalSpectrum:
    """Vibrational density of states.

    Attributes:
        frequencies: (F,) THz.
        density: (F,) states/THz per atom; its integral is 3.
        errors: (F,) its standard errors.
        species: the parts of it.
        resolution: full width at half maximum of a line, THz.
        temperature: mean over the run, K; None without velocities.
        mean_frequency: mean over all modes, THz.
        mean_frequency_error: its standard error; None where the run was too short for more than one block.
        warnings: what makes the numbers doubtful.
    """

    frequencies: Array
    density: Array
    errors: Array
    species: tuple[SpeciesSpectrum, ...]
    resolution: float
    temperature: float | None
    mean_frequency: float
    mean_frequency_error: float | None
    warnings: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The mean frequency."""
        return (
            Quantity("mean vibrational frequency", self.mean_frequency, "THz", self.mean_frequency_error),
        )


def analyse(run: ProductionRun, spec: VibrationalSpectrumSpec) -> VibrationalSpectrum:
    """Density of states from velocities or, where frames have none, from displacements between them.

    Args:
        run: frames at equal intervals, several in each period of the fastest vibration.
        spec: resolution.

    Raises:
        ForgefieldError: fewer than 20 frames; no velocities and atoms that cannot be followed.
    """
    trajectory = run.trajectory
    interval = trajectory.interval / PICOSECOND
    velocities, filtered = _velocities(trajectory)
    if len(velocities) < 20:
        raise ForgefieldError(
            f"{len(velocities)} equilibrated frames hold no spectrum", "run longer or store frames more often"
        )
    warnings = list(run.warnings)
    resolution = spec.resolution
    reach = _correlation_time(resolution) / interval
    if reach > len(velocities) / 2:
        resolution *= 2 * reach / len(velocities)
        reach = len(velocities) / 2
        warnings.append(
            f"a run of {len(velocities) * interval:.3g} ps resolves lines of {resolution:.2g} THz, not "
            f"{spec.resolution:g}"
        )
    lags = max(2, int(reach))
    blocks = min(_MOST_BLOCKS, len(velocities) // (2 * lags))
    parts = np.array_split(velocities[: len(velocities) // blocks * blocks], blocks)
    frequencies, spectra = np.empty(0), []
    for part in parts:
        frequencies, densities = _densities(part, trajectory, lags, interval, resolution, filtered)
        spectra.append(densities)
    each = np.array(spectra)
    total = each.sum(axis=1)
    means = np.trapezoid(frequencies * total, frequencies, axis=1) / 3.0
    beyond = frequencies > 0.9 * frequencies[-1]
    if np.trapezoid(total.mean(axis=0)[beyond], frequencies[beyond]) > 3 * _FOLDED:
        warnings.append(
            f"frames every {interval * 1000:g} fs are too far apart: vibrations faster than {frequencies[-1]:.3g} THz "
            "appear at lower frequencies; store frames more often"
        )
    temperatures = trajectory.temperatures
    return VibrationalSpectrum(
        frequencies=frequencies,
        density=total.mean(axis=0),
        errors=standard_error(total),
        species=tuple(
            SpeciesSpectrum(symbol, each[:, kind].mean(axis=0), standard_error(each[:, kind]))
            for kind, symbol in enumerate(trajectory.species)
        ),
        resolution=resolution,
        temperature=None if temperatures is None else float(temperatures.mean()),
        mean_frequency=float(means.mean()),
        mean_frequency_error=float(standard_error(means)) if blocks > 1 else None,
        warnings=tuple(warnings),
    )


def _velocities(trajectory: RecordedTrajectory) -> tuple[Array, bool]:
    """(T, N, 3) relative to the centre of mass, and whether they are differences of positions instead."""
    found = trajectory.velocities
    if found is None:
        if not trajectory.unwrapping_sure:
            raise ForgefieldError(
                "the frames have no velocities, and atoms move too far between them to be followed",
                "store velocities, or frames more often",
            )
        found = np.diff(trajectory.positions, axis=0)
    return found - drift(found, trajectory.masses), trajectory.velocities is None


def _correlation_time(resolution: float) -> float:
    """ps at which the Gaussian in time that gives lines of this width (THz) has fallen to `_WINDOW_END`."""
    return float(np.sqrt(-2.0 * np.log(_WINDOW_END)) / (2.0 * np.pi * _deviation(resolution)))


def _deviation(resolution: float) -> float:
    return resolution / np.sqrt(8.0 * np.log(2.0))


def _densities(
    velocities: Array,
    trajectory: RecordedTrajectory,
    lags: int,
    interval: float,
    resolution: float,
    filtered: bool,
) -> tuple[Array, Array]:
    """Frequencies (F,) in THz and densities (S, F), with three modes for each atom.

    g(f) ∝ Σ_i m_i ∫ ⟨v_i(0)·v_i(t)⟩ w(t) cos(2π f t) dt, with a Gaussian w. Differences of positions are velocities
    averaged over an interval, which weakens a line by (sin(π f Δ)/(π f Δ))².
    """
    times = np.arange(lags) * interval
    window = np.exp(-0.5 * (2.0 * np.pi * _deviation(resolution) * times) ** 2)
    length = fft.next_fast_len(
        max(2 * lags, int(np.ceil(_POINTS_PER_LINE / (resolution * interval)))), real=True
    )
    frequencies = np.arange(length // 2 + 1) / (length * interval)
    gain = np.sinc(frequencies * interval) ** 2 if filtered else 1.0
    densities = []
    for kind in range(len(trajectory.species)):
        chosen = trajectory.kinds == kind
        weighted = velocities[:, chosen] * np.sqrt(trajectory.masses[chosen])[:, None]
        correlation = autocorrelation(weighted, lags).sum(axis=(1, 2))
        symmetric = np.zeros(length)
        symmetric[:lags] = correlation * window
        symmetric[length - lags + 1 :] += symmetric[1:lags][::-1]
        density = fft.rfft(symmetric).real / gain
        area = np.trapezoid(density, frequencies)
        densities.append(density * 3.0 * chosen.mean() / area if area > 0 else np.zeros_like(density))
    return frequencies, np.array(densities)
