"""What the kernels remember of one atom between its values and its gradients; one set of arrays per thread.

Neighbours are sorted by element, each element's segment padded to a multiple of eight places, so that loops over them
run on contiguous memory; a padding place is far away and all its functions are zero.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.descriptors.symmetry_functions.arithmetic import LANES
from forgefield.descriptors.symmetry_functions.layout import Tables
from forgefield.descriptors.symmetry_functions.wide import n_monomials

CHUNK = 256
# Fields of `per_triplet` and `chunk`, and of a neighbour's record.
COSINE, SLOPE, FIRST, SECOND, BEND, STRETCH = range(6)
N_FIELDS = 6
SPARE = 6


class Workspace(NamedTuple):
    """Leading axis in `workspaces`: thread; without it in `of_thread`. J: places, T: triplets, E: elements."""

    number: NDArray[np.int64]  # (1,) neighbours
    segments: NDArray[np.int64]  # (E, 2) places of each element's neighbours: first, end without padding
    atoms: NDArray[np.int64]  # (n,) which atom
    pairs: NDArray[np.int64]  # (n,) which pair of the list
    places: NDArray[np.int64]  # (n,) which place
    elements: NDArray[np.int64]  # (n,)
    found: Array  # (n, 3) vectors as found, functions' unit
    vectors: Array  # (3, J) functions' unit
    units: Array  # (3, J)
    r: Array  # (J,)
    inverse: Array  # (J,) 1/r
    tangent: Array  # (3, J)
    cutoff: Array  # (Q, J) f(r)
    slope: Array  # (Q, J) f'/f
    gaussians: Array  # (R, J)
    derivatives: Array  # (R, J)
    along: Array  # (J,) dE/dr
    values: Array  # (width,)
    cotangent: Array  # (width,) dE/dG
    gradients: Array  # (3, J) dE/dvector
    records: Array  # (J, 9)
    sums: Array  # (J, 4)
    blocks: NDArray[np.int64]  # (blocks, 2) first triplet and number of triplets
    rows: NDArray[np.int64]  # (blocks, J + 1) where the triplets of each first neighbour start
    partner: NDArray[np.uint32]  # (T,) place of the second neighbour
    squares: Array  # (T,) squared distance of the neighbours
    per_triplet: Array  # (N_FIELDS, T)
    exponentials: Array  # (etas, T)
    chunk: Array  # (SPARE, CHUNK)
    powers: Array  # (powers, T) (1 + λ cos)^ζ
    lowered: Array  # (powers, T) with exponents less by one
    moments: Array  # (E, R, monomials)
    weights: Array  # (E, R, monomials) dE/dmoments
    lanes: Array  # (…,) rows of distances; monomials of LANES neighbours
    own: Array  # (E, R) dE/dΣg²


def workspaces(tables: Tables, width: int, n_threads: int, most_neighbours: int) -> Workspace:
    """Memory for a loop over atoms.

    Args:
        tables: of the functions.
        width: number of values per atom.
        n_threads: how many threads will work at once.
        most_neighbours: pairs in the longest row of the list.
    """
    n, e, t = most_neighbours, tables.n_species, n_threads
    places = -(-n // LANES) * LANES + e * LANES
    capacity = tables.most_blocks * (n * (n + 1) // 2 + CHUNK)
    rows, most, degree = tables.most_rows, tables.triplet_most, tables.wide_degree
    monomials = n_monomials(degree)

    def real(*shape: int) -> Array:
        return np.zeros((t, *shape))

    def whole(*shape: int) -> NDArray[np.int64]:
        return np.zeros((t, *shape), dtype=np.int64)

    q = len(tables.cutoffs)
    return Workspace(
        number=whole(1), segments=whole(e, 2), atoms=whole(n), pairs=whole(n), places=whole(n), elements=whole(n),
        found=real(n, 3), vectors=real(3, places), units=real(3, places), r=real(places), inverse=real(places),
        tangent=real(3, places), cutoff=real(q, places), slope=real(q, places), gaussians=real(rows, places),
        derivatives=real(rows, places), along=real(places), values=real(width), cotangent=real(width),
        gradients=real(3, places), records=real(places, 9), sums=real(places, 4),
        blocks=whole(tables.most_blocks, 2), rows=whole(tables.most_blocks, places + 1),
        partner=np.zeros((t, capacity), dtype=np.uint32), squares=real(capacity),
        per_triplet=real(N_FIELDS, capacity), exponentials=real(most, capacity), chunk=real(SPARE, CHUNK),
        powers=real(most, capacity), lowered=real(most, capacity), moments=real(e, rows, monomials),
        weights=real(e, rows, monomials), own=real(e, rows),
        lanes=real(max(places, ((rows + 2) * monomials + 5) * LANES)),
    )  # fmt: skip


@njit(cache=True)
def of_thread(work, thread):  # type: ignore[no-untyped-def]
    """One thread's share of `workspaces`."""
    return Workspace(
        work.number[thread], work.segments[thread], work.atoms[thread], work.pairs[thread], work.places[thread],
        work.elements[thread], work.found[thread], work.vectors[thread], work.units[thread], work.r[thread],
        work.inverse[thread], work.tangent[thread], work.cutoff[thread], work.slope[thread],
        work.gaussians[thread], work.derivatives[thread], work.along[thread], work.values[thread],
        work.cotangent[thread], work.gradients[thread], work.records[thread], work.sums[thread],
        work.blocks[thread], work.rows[thread], work.partner[thread], work.squares[thread],
        work.per_triplet[thread], work.exponentials[thread], work.chunk[thread], work.powers[thread],
        work.lowered[thread], work.moments[thread], work.weights[thread], work.lanes[thread], work.own[thread],
    )  # fmt: skip
