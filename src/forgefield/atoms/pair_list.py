"""Pairs of atoms within a cutoff, found by linked cells in compiled code and kept as compactly as kernels like them.

A pair is a centre i, a neighbour j and a lattice translation; its vector is r_j + translation − r_i with all atoms
placed in the cell. Positions may move under a list that was made with a larger cutoff (Verlet, Phys. Rev. 159, 98
(1967)): `VerletList` knows for how long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell
from numba import njit, prange
from numpy.typing import NDArray

from forgefield.atoms.records import Array

_MAX_BINS = 2_000_000


@dataclass(frozen=True)
class PairList:
    """Full list: each pair from both sides, sorted by centre.

    Attributes:
        offsets: (N + 1,) int64; the pairs of atom i are ``offsets[i]:offsets[i + 1]``.
        neighbours: (P,) int32 index j.
        images: (P,) int32 row of `shifts`.
        shifts: (S, 3) float64 whole numbers of lattice vectors.
        wraps: (N, 3) float64 whole numbers of lattice vectors by which an atom lies outside its place in the cell.
        cutoff: Å; all pairs within it are listed.
    """

    offsets: NDArray[np.int64]
    neighbours: NDArray[np.int32]
    images: NDArray[np.int32]
    shifts: Array
    wraps: Array
    cutoff: float

    def placed(self, atoms: Atoms) -> tuple[Array, Array]:
        """(N, 3) positions and (S, 3) translations, Å, from which a pair's vector is
        ``positions[j] + translations[image] - positions[i]``."""
        cell = complete_cell(atoms.cell.array)
        return atoms.positions - self.wraps @ cell, self.shifts @ cell


def find_pairs(atoms: Atoms, cutoff: float) -> PairList:
    """All pairs within a cutoff.

    Args:
        atoms: N atoms; any cell (also smaller than the cutoff, skewed, left-handed or none) and periodicity.
        cutoff: Å.
    """
    cell = complete_cell(atoms.cell.array)
    periodic = np.asarray(atoms.pbc, dtype=bool) & atoms.cell.array.any(axis=1)
    inverse = np.linalg.inv(cell)
    scaled = atoms.positions @ inverse
    wraps = np.where(periodic, np.floor(scaled), 0.0)
    scaled -= wraps
    # Where there is no periodicity the bins span the atoms.
    if len(atoms):
        origin = np.where(periodic, 0.0, scaled.min(axis=0))
        extent = np.where(periodic, 1.0, np.maximum(scaled.max(axis=0) - origin, 1e-9) * (1 + 1e-9))
    else:
        origin, extent = np.zeros(3), np.ones(3)
    heights = extent / np.linalg.norm(inverse, axis=0)
    bins = np.maximum(1, np.floor(heights / (cutoff / 2))).astype(np.int64)
    bins = np.minimum(bins, max(1, round(min(_MAX_BINS, 2 * len(atoms) + 8) ** (1 / 3)) * 4))
    while bins.prod() > max(64, 4 * len(atoms)):
        bins[bins.argmax()] = (bins[bins.argmax()] + 1) // 2
    reach = np.ceil(cutoff / (heights / bins) * (1 + 1e-12)).astype(np.int64)
    reach = np.where(periodic, reach, np.minimum(reach, bins - 1))
    most = np.where(periodic, -(-reach // bins), 0)
    places = np.minimum(((scaled - origin) / extent * bins).astype(np.int64), bins - 1)
    flat = (places[:, 0] * bins[1] + places[:, 1]) * bins[2] + places[:, 2]
    order, starts = _sort_by_bin(flat, int(bins.prod()))
    positions = np.ascontiguousarray((scaled @ cell)[order])
    spans = 2 * most + 1
    grid = np.indices(tuple(int(span) for span in spans)).reshape(3, -1).T - most
    translations = grid @ cell
    arguments = (positions, order, starts, places, bins, reach, most, spans, translations, cutoff * cutoff)
    counts = _count(*arguments)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    neighbours, images = _fill(*arguments, offsets)
    return PairList(offsets, neighbours, images, grid.astype(np.float64), wraps, float(cutoff))


class VerletList:
    """A pair list that is made anew only when an atom may have come within the cutoff unseen.

    Args:
        cutoff: Å.
        skin: Å by which the list reaches farther; it stays valid until an atom has moved half of that.
    """

    def __init__(self, cutoff: float, skin: float = 1.0) -> None:
        self.cutoff, self.skin = cutoff, skin
        self.builds = 0
        self._pairs: PairList | None = None
        self._reference = Atoms()

    def update(self, atoms: Atoms) -> PairList:
        """The list for these atoms, the old one where that still holds all pairs within the cutoff."""
        if self._pairs is None or self._outdated(atoms):
            self._pairs = find_pairs(atoms, self.cutoff + self.skin)
            self._reference = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
            self.builds += 1
        return self._pairs

    def _outdated(self, atoms: Atoms) -> bool:
        old = self._reference
        if len(old) != len(atoms) or (old.pbc != atoms.pbc).any():
            return True
        cell, old_cell = complete_cell(atoms.cell.array), complete_cell(old.cell.array)
        if np.array_equal(cell, old_cell):
            moves = atoms.positions - old.positions
            return bool(4 * np.einsum("ij,ij->i", moves, moves).max(initial=0.0) > self.skin**2)
        # A strained cell: the old vectors shrink at most by the smallest singular value of the deformation,
        # atoms move on top of that.
        deformation = np.linalg.solve(old_cell, cell)
        moves = atoms.positions - old.positions @ deformation
        farthest = float(np.sqrt(np.einsum("ij,ij->i", moves, moves).max(initial=0.0)))
        shrinking = float(np.linalg.svd(deformation, compute_uv=False).min())
        return (self.cutoff + 2 * farthest) > shrinking * (self.cutoff + self.skin)


@njit(cache=True)
def _sort_by_bin(flat, n_bins):  # type: ignore[no-untyped-def]
    """Counting sort: atoms in order of bins, and where each bin starts."""
    starts = np.zeros(n_bins + 1, dtype=np.int64)
    for b in flat:
        starts[b + 1] += 1
    for b in range(n_bins):
        starts[b + 1] += starts[b]
    cursor = starts[:-1].copy()
    order = np.empty(len(flat), dtype=np.int64)
    for i, b in enumerate(flat):
        order[cursor[b]] = i
        cursor[b] += 1
    return order, starts


@njit(cache=True, inline="always")
def _floor_divide(a, b):  # type: ignore[no-untyped-def]
    quotient = a // b
    return quotient, a - quotient * b


@njit(cache=True, parallel=True)
def _count(positions, order, starts, places, bins, reach, most, spans, translations, limit):  # type: ignore[no-untyped-def]
    counts = np.zeros(len(order), dtype=np.int64)
    for at in prange(len(order)):
        i = order[at]
        x, y, z = positions[at, 0], positions[at, 1], positions[at, 2]
        found = -1  # the atom itself is met once
        for bx in range(places[i, 0] - reach[0], places[i, 0] + reach[0] + 1):
            sx, cx = _floor_divide(bx, bins[0])
            if sx < -most[0] or sx > most[0]:
                continue
            for by in range(places[i, 1] - reach[1], places[i, 1] + reach[1] + 1):
                sy, cy = _floor_divide(by, bins[1])
                if sy < -most[1] or sy > most[1]:
                    continue
                low, high = places[i, 2] - reach[2], places[i, 2] + reach[2]
                for sz in range(max(low // bins[2], -most[2]), min(high // bins[2], most[2]) + 1):
                    image = ((sx + most[0]) * spans[1] + sy + most[1]) * spans[2] + sz + most[2]
                    first = (cx * bins[1] + cy) * bins[2]
                    begin = starts[first + max(low - sz * bins[2], 0)]
                    end = starts[first + min(high - sz * bins[2], bins[2] - 1) + 1]
                    tx = translations[image, 0] - x
                    ty = translations[image, 1] - y
                    tz = translations[image, 2] - z
                    for k in range(begin, end):
                        dx = positions[k, 0] + tx
                        dy = positions[k, 1] + ty
                        dz = positions[k, 2] + tz
                        if dx * dx + dy * dy + dz * dz < limit:
                            found += 1
        counts[i] = found
    return counts


@njit(cache=True, parallel=True)
def _fill(positions, order, starts, places, bins, reach, most, spans, translations, limit, offsets):  # type: ignore[no-untyped-def]
    neighbours = np.empty(offsets[-1], dtype=np.int32)
    images = np.empty(offsets[-1], dtype=np.int32)
    for at in prange(len(order)):
        i = order[at]
        x, y, z = positions[at, 0], positions[at, 1], positions[at, 2]
        place = offsets[i]
        for bx in range(places[i, 0] - reach[0], places[i, 0] + reach[0] + 1):
            sx, cx = _floor_divide(bx, bins[0])
            if sx < -most[0] or sx > most[0]:
                continue
            for by in range(places[i, 1] - reach[1], places[i, 1] + reach[1] + 1):
                sy, cy = _floor_divide(by, bins[1])
                if sy < -most[1] or sy > most[1]:
                    continue
                low, high = places[i, 2] - reach[2], places[i, 2] + reach[2]
                for sz in range(max(low // bins[2], -most[2]), min(high // bins[2], most[2]) + 1):
                    image = ((sx + most[0]) * spans[1] + sy + most[1]) * spans[2] + sz + most[2]
                    first = (cx * bins[1] + cy) * bins[2]
                    begin = starts[first + max(low - sz * bins[2], 0)]
                    end = starts[first + min(high - sz * bins[2], bins[2] - 1) + 1]
                    tx = translations[image, 0] - x
                    ty = translations[image, 1] - y
                    tz = translations[image, 2] - z
                    home = sx == 0 and sy == 0 and sz == 0
                    for k in range(begin, end):
                        dx = positions[k, 0] + tx
                        dy = positions[k, 1] + ty
                        dz = positions[k, 2] + tz
                        if dx * dx + dy * dy + dz * dz < limit and not (home and k == at):
                            neighbours[place] = order[k]
                            images[place] = image
                            place += 1
    return neighbours, images
