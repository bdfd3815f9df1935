"""Partial distributions of the angle between two bonds of an atom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import find_pairs
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.block_averages import blocked_errors
from forgefield.properties.production_run import ProductionRun
from forgefield.properties.quantities import Quantity
from forgefield.properties.radial_distribution import RadialDistribution, thinned
from forgefield.properties.trajectory import RecordedTrajectory


class AngularDistributionSpec(Spec):
    """Which neighbours are bonded, and how angles are counted."""

    bond_lengths: Mapping[str, float] = Field(default_factory=dict)
    """Longest bond of pairs of species such as ``O-Si``, Å; for others the first minimum of their g(r)."""
    bin_width: float = Field(default=2.0, gt=0, le=30)
    """Degrees."""
    most_frames: int = Field(default=500, ge=2)
    """Frames that are used at most, evenly spread over the run."""


@dataclass(frozen=True, slots=True)
class TripletDistribution:
    """Angles j–i–k at atoms i of one species between neighbours of two.

    Attributes:
        first, centre, second: chemical symbols of j, i and k.
        density: (B,) 1/degree; its integral is 1. A random direction gives one that goes with sin θ.
        errors: (B,) its standard errors, 1/degree.
        mean: mean angle, degrees.
        mean_error: its standard error; None where a single frame was counted.
        per_centre: angles of this kind at one atom.
    """

    first: str
    centre: str
    second: str
    density: Array
    errors: Array
    mean: float
    mean_error: float | None
    per_centre: float

    @property
    def name(self) -> str:
        """Such as ``O–Si–O``."""
        return f"{self.first}–{self.centre}–{self.second}"


@dataclass(frozen=True, slots=True)
class AngularDistribution:
    """Bond-angle distributions of all triplets of species that are bonded.

    Attributes:
        angles: (B,) middles of the bins, degrees.
        triplets: one for each kind that was seen.
        frames: that were counted.
        warnings: what makes the numbers doubtful.
    """

    angles: Array
    triplets: tuple[TripletDistribution, ...]
    frames: int
    warnings: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Mean angles."""
        return tuple(
            Quantity(f"{triplet.name}, mean bond angle", triplet.mean, "°", triplet.mean_error)
            for triplet in self.triplets
        )


def analyse(
    run: ProductionRun, spec: AngularDistributionSpec, radial: RadialDistribution
) -> AngularDistribution:
    """Bond-angle distributions of every triplet of species.

    Args:
        run: any periodicity.
        spec: bonds and bins.
        radial: of the same run; where its shells end, bonds do.

    Raises:
        ForgefieldError: bond lengths of a pair of species that is not there, or no bonds at all.
    """
    trajectory = thinned(run.trajectory, spec.most_frames)
    longest, warnings = _longest_bonds(trajectory.species, spec, radial)
    n_bins = max(1, round(180.0 / spec.bin_width))
    width = 180.0 / n_bins
    counts, sums = angle_counts(trajectory, longest, n_bins)
    triplets = []
    for i, centre in enumerate(trajectory.species):
        for j, first in enumerate(trajectory.species):
            for k in range(j, len(trajectory.species)):
                number = counts[:, i, j, k].sum(axis=1)
                if not number.any():
                    continue
                # A ratio of two means: to first order its error is that of the mean of what is left over.
                density = counts[:, i, j, k].sum(axis=0) / number.sum() / width
                left = counts[:, i, j, k] / width - density * number[:, None]
                mean = float(sums[:, i, j, k].sum() / number.sum())
                mean_error = float(blocked_errors(sums[:, i, j, k] - mean * number) / number.mean())
                triplets.append(
                    TripletDistribution(
                        first=first,
                        centre=centre,
                        second=trajectory.species[k],
                        density=density,
                        errors=blocked_errors(left) / number.mean(),
                        mean=mean,
                        mean_error=mean_error if len(trajectory) > 1 else None,
                        per_centre=float(number.mean() / (trajectory.kinds == i).sum()),
                    )
                )
    angles = np.asarray((np.arange(n_bins) + 0.5) * width, dtype=np.float64)
    return AngularDistribution(angles, tuple(triplets), len(trajectory), (*run.warnings, *warnings))


def _longest_bonds(
    species: tuple[str, ...], spec: AngularDistributionSpec, radial: RadialDistribution
) -> tuple[Array, list[str]]:
    """(S, S) Å, zero where there are no bonds, and warnings."""
    longest = np.zeros((len(species), len(species)))
    given = {tuple(sorted(pair.split("-"))): length for pair, length in spec.bond_lengths.items()}
    for name in given:
        if len(name) != 2 or not set(name) <= set(species):
            raise ForgefieldError(
                f"a bond length is given for {'-'.join(name)}, but the species are {', '.join(species)}",
                f"name two of these, such as {species[0]}-{species[-1]}",
            )
    for pair in radial.pairs:
        a, b = species.index(pair.first), species.index(pair.second)
        found = given.get((pair.first, pair.second), pair.shell.minimum if pair.shell else 0.0)
        longest[a, b] = longest[b, a] = found
    warnings = [
        f"{pair.name}: without a shell of neighbours there are no bonds"
        for pair in radial.pairs
        if longest[species.index(pair.first), species.index(pair.second)] == 0
    ]
    if not longest.any():
        raise ForgefieldError(
            f"no pair of the species {', '.join(species)} has a shell of neighbours that would be bonds",
            "give bond_lengths, or a larger cutoff of g(r)",
        )
    return longest, warnings


def angle_counts(trajectory: RecordedTrajectory, longest: Array, n_bins: int) -> tuple[Array, Array]:
    """(T, S, S, S, B) angles by species of centre and of its neighbours, the lesser first, and their sums (T, S, S, S).

    Args:
        trajectory: T frames of S species.
        longest: (S, S) longest bonds, Å.
        n_bins: B, over 180 degrees.
    """
    n_species = len(trajectory.species)
    counts = np.zeros((len(trajectory), n_species, n_species, n_species, n_bins))
    sums = np.zeros(counts.shape[:4])
    kinds = trajectory.kinds
    for frame in range(len(trajectory)):
        atoms = trajectory.atoms(frame)
        pairs = find_pairs(atoms, float(longest.max()))
        positions, translations = pairs.placed(atoms)
        listed = (pairs.offsets, pairs.neighbours, pairs.images)
        most = int(np.diff(pairs.offsets).max(initial=0))
        _count(positions, translations, *listed, kinds, longest, most, counts[frame], sums[frame])
    return counts, sums


@njit(cache=True)
def _count(
    positions: Array,
    translations: Array,
    offsets: NDArray[np.int64],
    neighbours: NDArray[np.int32],
    images: NDArray[np.int32],
    kinds: NDArray[np.int64],
    longest: Array,
    most: int,
    counts: Array,
    sums: Array,
) -> None:
    units, species = np.empty((most, 3)), np.empty(most, dtype=np.int64)
    n_bins = counts.shape[3]
    for i in range(len(positions)):
        bonds = 0
        for pair in range(offsets[i], offsets[i + 1]):
            kind = kinds[neighbours[pair]]
            vector = positions[neighbours[pair]] + translations[images[pair]] - positions[i]
            length = np.sqrt((vector**2).sum())
            if 0.0 < length < longest[kinds[i], kind]:
                units[bonds], species[bonds] = vector / length, kind
                bonds += 1
        for a in range(bonds):
            for b in range(a):
                cosine = units[a, 0] * units[b, 0] + units[a, 1] * units[b, 1] + units[a, 2] * units[b, 2]
                angle = np.degrees(np.arccos(min(1.0, max(-1.0, cosine))))
                j, k = min(species[a], species[b]), max(species[a], species[b])
                counts[kinds[i], j, k, min(int(angle * n_bins / 180.0), n_bins - 1)] += 1.0
                sums[kinds[i], j, k] += angle
