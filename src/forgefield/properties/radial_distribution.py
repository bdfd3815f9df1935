"""Partial radial distribution functions and coordination numbers.

Pairs come from the project's pair list, periodic images included, so distances may exceed half the cell, which may be
small and skewed. An atom's own images count as neighbours, as they do in a crystal; in a liquid of N atoms g therefore
tends to 1 − 1/N below the shortest lattice vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import find_pairs
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.block_averages import blocked_errors
from forgefield.properties.first_shell import FirstShell, find_first_shell
from forgefield.properties.production_run import ProductionRun
from forgefield.properties.quantities import Quantity
from forgefield.properties.trajectory import RecordedTrajectory


class RadialDistributionSpec(Spec):
    """How distances are counted."""

    cutoff: float = Field(default=8.0, gt=0, le=50)
    """Largest distance, Å."""
    bin_width: float = Field(default=0.05, gt=0, le=1)
    """Å."""
    most_frames: int = Field(default=500, ge=2)
    """Frames that are used at most, evenly spread over the run: neighbouring ones tell the same."""


@dataclass(frozen=True, slots=True)
class PairDistribution:
    """g(r) of one pair of species.

    Attributes:
        first, second: chemical symbols, in alphabetical order.
        density: (B,) g, without unit.
        errors: (B,) its standard errors.
        running_number: (B,) neighbours of the second species within each bin's outer edge around an atom of the first.
        ratio: atoms of the first species per atom of the second.
        shell: peak and first minimum; None where there is no shell within the cutoff.
        coordination: neighbours of the second species around an atom of the first up to the first minimum.
        coordination_error: its standard error.
    """

    first: str
    second: str
    density: Array
    errors: Array
    running_number: Array
    ratio: float
    shell: FirstShell | None
    coordination: float | None
    coordination_error: float | None

    @property
    def name(self) -> str:
        """Such as ``O–Si``."""
        return f"{self.first}–{self.second}"


@dataclass(frozen=True, slots=True)
class RadialDistribution:
    """Partial radial distribution functions of all pairs of species.

    Attributes:
        distances: (B,) middles of the bins, Å.
        pairs: one for each pair of species.
        frames: that were counted.
        warnings: what makes the numbers doubtful.
    """

    distances: Array
    pairs: tuple[PairDistribution, ...]
    frames: int
    warnings: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Position and height of the first peaks, coordination numbers."""
        found = []
        for pair in self.pairs:
            if pair.shell is None or pair.coordination is None:
                continue
            height = float(np.interp(pair.shell.peak, self.distances, pair.density))
            error = (
                float(np.interp(pair.shell.peak, self.distances, pair.errors)) if self.frames > 1 else None
            )
            found.append(Quantity(f"{pair.name}, first peak of g(r)", pair.shell.peak, "Å"))
            found.append(Quantity(f"{pair.name}, height of the first peak", height, "", error))
            directions = [(pair.first, pair.second, 1.0)]
            if pair.first != pair.second:
                directions.append((pair.second, pair.first, pair.ratio))
            for centre, neighbour, share in directions:
                name = f"{neighbour} around {centre}, coordination number"
                spread = None if pair.coordination_error is None else share * pair.coordination_error
                found.append(Quantity(name, share * pair.coordination, "", spread))
        return tuple(found)


def analyse(run: ProductionRun, spec: RadialDistributionSpec) -> RadialDistribution:
    """g(r) of every pair of species.

    Args:
        run: periodic in three directions.
        spec: cutoff and bins.

    Raises:
        ForgefieldError: frames that are not periodic in three directions.
    """
    trajectory = thinned(run.trajectory, spec.most_frames)
    if not trajectory.pbc.all() or not trajectory.volumes.min() > 0:
        raise ForgefieldError(
            f"a structure with periodicity {trajectory.pbc.tolist()} has no density that g(r) could be relative to",
            "give frames that are periodic in three directions",
        )
    n_bins = max(1, round(spec.cutoff / spec.bin_width))
    edges = np.linspace(0.0, spec.cutoff, n_bins + 1)
    counts = pair_counts(trajectory, spec.cutoff, n_bins)
    distances = 0.5 * (edges[1:] + edges[:-1])
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    atoms_of = np.bincount(trajectory.kinds, minlength=len(trajectory.species))
    pairs, warnings = [], list(run.warnings)
    for a, b in combinations_with_replacement(range(len(trajectory.species)), 2):
        number = counts[:, a, b] / atoms_of[a]
        samples = number / shells * (trajectory.volumes / atoms_of[b])[:, None]
        density, errors = samples.mean(axis=0), blocked_errors(samples)
        shell = find_first_shell(distances, density, errors)
        coordination: float | None = None
        coordination_error: float | None = None
        if shell is not None:
            inside = number[:, edges[1:] <= shell.minimum + 1e-9].sum(axis=1)
            coordination = float(inside.mean())
            coordination_error = float(blocked_errors(inside)) if len(inside) > 1 else None
        pairs.append(
            PairDistribution(
                first=trajectory.species[a],
                second=trajectory.species[b],
                density=density,
                errors=errors,
                running_number=np.cumsum(number.mean(axis=0)),
                ratio=float(atoms_of[a] / atoms_of[b]),
                shell=shell,
                coordination=coordination,
                coordination_error=coordination_error,
            )
        )
        if shell is None:
            warnings.append(f"{pairs[-1].name}: no shell of neighbours ends within {spec.cutoff:g} Å")
    return RadialDistribution(distances, tuple(pairs), len(trajectory), tuple(warnings))


def mismatch(one: RadialDistribution, other: RadialDistribution) -> tuple[Quantity, ...]:
    """How far two runs' g(r) are apart: ∫ |g₁ − g₂| dr over ∫ (g₁ + g₂) dr, for each pair of species that both have.

    It is 0 % for equal functions and 100 % for functions without a common distance; the noise of short runs counts.
    """
    theirs = {pair.name: pair for pair in other.pairs}
    found = []
    for pair in one.pairs:
        if pair.name in theirs:
            density = np.interp(one.distances, other.distances, theirs[pair.name].density)
            apart, sum_of_both = np.abs(pair.density - density).sum(), (pair.density + density).sum()
            if sum_of_both > 0:
                found.append(Quantity(f"{pair.name}, mismatch of g(r)", 100.0 * apart / sum_of_both, "%"))
    return tuple(found)


def thinned(trajectory: RecordedTrajectory, most: int) -> RecordedTrajectory:
    """At most so many frames, evenly spread."""
    return trajectory.frames(slice(None, None, max(1, -(-len(trajectory) // most))))


def pair_counts(trajectory: RecordedTrajectory, cutoff: float, n_bins: int) -> Array:
    """(T, S, S, B) neighbours of the second species around all atoms of the first together, by distance."""
    kinds = trajectory.kinds
    counts = np.zeros((len(trajectory), len(trajectory.species), len(trajectory.species), n_bins))
    for frame in range(len(trajectory)):
        atoms = trajectory.atoms(frame)
        pairs = find_pairs(atoms, cutoff)
        positions, translations = pairs.placed(atoms)
        listed = (pairs.offsets, pairs.neighbours, pairs.images)
        _count(positions, translations, *listed, kinds, n_bins / cutoff, counts[frame])
    return counts


@njit(cache=True)
def _count(
    positions: Array,
    translations: Array,
    offsets: NDArray[np.int64],
    neighbours: NDArray[np.int32],
    images: NDArray[np.int32],
    kinds: NDArray[np.int64],
    bins_per_length: float,
    counts: Array,
) -> None:
    for i in range(len(positions)):
        for pair in range(offsets[i], offsets[i + 1]):
            j, image = neighbours[pair], images[pair]
            square = 0.0
            for axis in range(3):
                square += (positions[j, axis] + translations[image, axis] - positions[i, axis]) ** 2
            place = int(np.sqrt(square) * bins_per_length)
            if place < counts.shape[2]:
                counts[kinds[i], kinds[j], place] += 1.0
