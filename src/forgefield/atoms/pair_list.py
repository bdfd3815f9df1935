"""Pairs of atoms within a cutoff, found by linked cells in compiled code and kept as compactly as kernels like them.

A pair is a centre i, a neighbour j and a lattice translation; its vector is r_j + translation − r_i with all atoms
placed in the cell. Positions may move under a list that was made with a larger cutoff (Verlet, Phys. Rev. 159, 98
(1967)): `VerletList` knows for how long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.geometry import complete_cell
from numba import get_num_threads
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.linked_cells import choose_bins, sort_into_bins, walk_all, wrap
from forgefield.atoms.records import Array

_WORTH_THREADS = 500
"""Atoms from which on threads are woken: for fewer that takes longer than finding their pairs."""


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
        centres: atoms whose pairs are listed, the first ones.
    """

    offsets: NDArray[np.int64]
    neighbours: NDArray[np.int32]
    images: NDArray[np.int32]
    shifts: Array
    wraps: Array
    cutoff: float
    centres: int

    def placed(self, atoms: Atoms) -> tuple[Array, Array]:
        """(N, 3) positions and (S, 3) translations, Å, from which a pair's vector is
        ``positions[j] + translations[image] - positions[i]``."""
        cell, _ = _lattice(atoms)
        return atoms.positions - self.wraps @ cell, self.shifts @ cell

    def of_first(self, count: int) -> PairList:
        """The list of the first atoms alone. From it a potential finds their energies, and in ``forces`` what these
        energies do to all atoms; energies of the other atoms mean nothing."""
        end = self.offsets[count]
        offsets = np.minimum(self.offsets, end)
        return replace(
            self, offsets=offsets, neighbours=self.neighbours[:end], images=self.images[:end], centres=count
        )


def find_pairs(atoms: Atoms, cutoff: float, coincident: bool = False) -> PairList:
    """All pairs within a cutoff.

    Args:
        atoms: N atoms; any cell (also smaller than the cutoff, skewed, left-handed or none) and periodicity.
        cutoff: Å.
        coincident: whether atoms in the same place, where no potential is defined, are let through.

    Raises:
        ForgefieldError: a cutoff that is not positive, positions or a cell that are not finite, lattice vectors that
            lie in one plane, or atoms in the same place.
    """
    if not cutoff > 0:
        raise ForgefieldError(f"a cutoff of {cutoff} Å finds no pairs", "choose one above zero")
    cell, periodic = _lattice(atoms)
    if not np.isfinite(atoms.positions).all():
        lost = int(np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))[0])
        raise ForgefieldError(
            f"atom {lost} of {len(atoms)} is at {atoms.positions[lost]}",
            "look for forces or a time step that are too large in the steps before",
        )
    inverse = np.linalg.inv(cell)
    scaled, wraps = wrap(atoms.positions, inverse, periodic)
    origin, extent, bins, reach, most = choose_bins(scaled, inverse, periodic, cutoff)
    cells = (*sort_into_bins(scaled, cell, origin, extent, bins), bins, reach, most)
    shifts = np.indices(tuple(2 * most + 1), dtype=np.float64).reshape(3, -1).T - most
    n_chunks = 4 * get_num_threads() if len(atoms) >= _WORTH_THREADS else 1
    task = (cells, shifts @ cell, cutoff * cutoff, n_chunks)
    counts, offsets = np.zeros(len(atoms), dtype=np.int64), np.zeros(len(atoms) + 1, dtype=np.int64)
    nothing = np.empty(0, dtype=np.int32)
    same = np.full(2, -1)
    walk_all(*task, counts, offsets, nothing, nothing, same)
    np.cumsum(counts, out=offsets[1:])
    neighbours, images = np.empty((2, offsets[-1]), dtype=np.int32)
    if len(neighbours):
        walk_all(*task, counts, offsets, neighbours, images, same)
    if same[0] >= 0 and not coincident:
        raise ForgefieldError(
            f"atoms {same.min()} and {same.max()} of {len(atoms)} are in the same place",
            "remove one of them, or look for what put them there",
        )
    return PairList(offsets, neighbours, images, shifts, wraps, float(cutoff), len(atoms))


def _lattice(atoms: Atoms) -> tuple[Array, NDArray[np.bool_]]:
    """(3, 3) lattice vectors, those that are not periodic replaced by normals of length 1 Å, and which are (3,)."""
    vectors = atoms.cell.array
    periodic = np.asarray(atoms.pbc, dtype=bool) & vectors.any(axis=1)
    cell = vectors if periodic.all() else complete_cell(vectors * periodic[:, None])
    if not abs(np.linalg.det(cell)) > 1e-9 * np.linalg.norm(cell, axis=1).prod():
        raise ForgefieldError(
            f"the periodic lattice vectors {vectors[periodic].tolist()} span no volume",
            "give vectors that do not lie in one plane, or switch periodicity off where there is none",
        )
    return cell, periodic


class VerletList:
    """A pair list that is made anew only when an atom may have come within the cutoff unseen.

    Args:
        cutoff: Å.
        skin: Å by which the list reaches farther; it stays valid until an atom has moved half of that.
    """

    def __init__(self, cutoff: float, skin: float = 0.5) -> None:
        self.cutoff, self.skin = cutoff, skin
        self.builds = 0
        self._pairs: PairList | None = None
        self._reference = Atoms()

    @property
    def made_at(self) -> Atoms | None:
        """The atoms for which the present list was made; None before the first."""
        return None if self._pairs is None else self._reference

    def update(self, atoms: Atoms) -> PairList:
        """The list for these atoms, the old one where that still holds all pairs within the cutoff."""
        if self._pairs is None or self._outdated(atoms):
            self._pairs = find_pairs(atoms, self.cutoff + self.skin)
            self._reference = Atoms(
                numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc
            )
            self.builds += 1
        return self._pairs

    def _outdated(self, atoms: Atoms) -> bool:
        old = self._reference
        if len(old) != len(atoms):
            return True
        (cell, periodic), (old_cell, old_periodic) = _lattice(atoms), _lattice(old)
        if (periodic != old_periodic).any():
            return True
        if np.array_equal(cell, old_cell):
            moves = atoms.positions - old.positions
            return not 4 * np.einsum("ij,ij->i", moves, moves).max(initial=0.0) <= self.skin**2
        # A strained cell: the old vectors shrink at most by the smallest singular value of the deformation,
        # atoms move on top of that.
        deformation = np.linalg.solve(old_cell, cell)
        moves = atoms.positions - old.positions @ deformation
        farthest = float(np.sqrt(np.einsum("ij,ij->i", moves, moves).max(initial=0.0)))
        shrinking = float(np.linalg.svd(deformation, compute_uv=False).min())
        return not self.cutoff + 2 * farthest <= shrinking * (self.cutoff + self.skin)
