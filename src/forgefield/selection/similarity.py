"""What distances of fingerprints mean: those of rattled copies, of neighbouring frames, between known structures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import gcd

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.descriptors.fingerprint import StructureFingerprint
from forgefield.descriptors.mean_environments import MeanEnvironments
from forgefield.descriptors.oganov_valle import OganovValle
from forgefield.selection import diversity_kernel as kernel
from forgefield.selection.diversity import Described
from forgefield.selection.diversity_schedule import SimilarityScale
from forgefield.selection.diversity_spec import DiversitySpec

_BLOCK_BYTES = 64 * 2**20
_MOST_RATTLED = 200
_MOST_COMPARED = 2000
_WITHIN_NOISE = 0.9


def fingerprint_for(spec: DiversitySpec, species: tuple[str, ...]) -> StructureFingerprint:
    """The fingerprint that the settings ask for."""
    if spec.fingerprint == "mean-environments":
        return MeanEnvironments(species) if spec.cutoff is None else MeanEnvironments(species, spec.cutoff)
    cutoff = 10.0 if spec.cutoff is None else spec.cutoff
    return OganovValle(species, cutoff, smearing=spec.smearing)


def comparison_groups(structures: Sequence[Atoms], spec: DiversitySpec) -> list[str] | None:
    """(M,) names of the groups within which structures are compared, or None where all are compared with all.

    Crystals, slabs and clusters are never compared with one another, as their fingerprints are normalised differently.
    """
    if spec.compare == "all":
        return None
    names = []
    for atoms in structures:
        counts = Counter(atoms.symbols)
        unit = gcd(*counts.values()) if spec.compare == "composition" else 1
        formula = "".join(f"{symbol}{counts[symbol] // max(unit, 1)}" for symbol in sorted(counts))
        names.append(f"{formula} periodic in {int(np.count_nonzero(atoms.pbc))} directions")
    return names


def distance_blocks(
    rows: NDArray[np.floating], others: NDArray[np.floating], most_bytes: int = _BLOCK_BYTES
) -> Iterator[tuple[slice, Array]]:
    """Distances of all rows (M, D) from all others (K, D), block by block: a slice of the rows and its (B, K) part.

    Args:
        rows: first fingerprints.
        others: second fingerprints.
        most_bytes: size of a block, at least one row.
    """
    step = max(1, most_bytes // (8 * max(1, len(others))))
    first, second = np.ascontiguousarray(rows), np.ascontiguousarray(others)
    for begin in range(0, len(rows), step):
        block = slice(begin, min(begin + step, len(rows)))
        yield block, kernel.distances(first[block], second)


def mean_distance(described: Described) -> float:
    """Mean distance between two structures of one group; 0 where no group has two.

    Of a group of more than 2000 structures, evenly spaced ones are taken.
    """
    names = np.zeros(len(described.rows)) if described.groups is None else np.array(described.groups)
    total, count = 0.0, 0
    for name in np.unique(names):
        rows = _thinned(described.rows[names == name], _MOST_COMPARED)
        total += sum(float(block.sum()) for _, block in distance_blocks(rows, rows))
        count += len(rows) * (len(rows) - 1)
    return total / count if count else 0.0


def frame_distances(rows: NDArray[np.floating], trajectories: Sequence[str]) -> Array:
    """Distances between neighbouring frames of the same trajectory, in their order.

    Args:
        rows: (M, D) fingerprints.
        trajectories: (M,) which trajectory a frame belongs to.

    Raises:
        ForgefieldError: not one name for each row.
    """
    if len(rows) != len(trajectories):
        raise ForgefieldError(
            f"{len(trajectories)} trajectory names for {len(rows)} fingerprints", "pass one for each frame"
        )
    numbers = np.unique(np.array(trajectories), return_inverse=True)[1]
    order = np.argsort(numbers, kind="stable")
    same = np.diff(numbers[order]) == 0
    before, after = order[:-1][same], order[1:][same]
    return np.linalg.norm(rows[after].astype(np.float64) - rows[before], axis=1)


def rattled_distances(
    structures: Sequence[Atoms], fingerprint: StructureFingerprint, amplitude: float, rng: np.random.Generator
) -> Array:
    """(M,) distance of each structure from a copy whose atoms are displaced at random.

    Args:
        structures: M structures.
        fingerprint: what measures the distance.
        amplitude: standard deviation of the displacements along each axis, Å.
        rng: source of randomness.
    """
    copies = []
    for atoms in structures:
        copy = atoms.copy()
        copy.positions += rng.normal(0.0, amplitude, size=(len(atoms), 3))
        copies.append(copy)
    return np.linalg.norm(fingerprint.rows(copies) - fingerprint.rows(structures), axis=1)


def similarity_scale(
    structures: Sequence[Atoms],
    described: Described,
    fingerprint: StructureFingerprint,
    spec: DiversitySpec,
    rng: np.random.Generator,
) -> SimilarityScale:
    """The noise, the spread and the usual size of the known structures.

    The noise is the distance within which nine of ten copies rattled by ``spec.noise`` lie, from at most 200 evenly
    spaced structures; a lone atom in its cell, which no displacement changes, does not count.

    Args:
        structures: M known structures.
        described: their fingerprints and groups.
        fingerprint: what made the fingerprints.
        spec: settings.
        rng: source of randomness.

    Raises:
        ForgefieldError: no structure of two atoms or more.
    """
    movable = [atoms for atoms in structures if len(atoms) > 1]
    if not movable:
        raise ForgefieldError(
            f"none of {len(structures)} known structures has two atoms, so no tolerance follows from them",
            "label structures first, or set selection.diversity.tolerance",
        )
    step = -(-len(movable) // _MOST_RATTLED)
    distances = rattled_distances(movable[::step], fingerprint, spec.noise, rng)
    atoms = float(np.median([len(atoms) for atoms in movable]))
    return SimilarityScale(float(np.quantile(distances, _WITHIN_NOISE)), mean_distance(described), atoms)


def _thinned(rows: NDArray[np.floating], most: int) -> NDArray[np.floating]:
    return rows[:: max(1, -(-len(rows) // most))]
