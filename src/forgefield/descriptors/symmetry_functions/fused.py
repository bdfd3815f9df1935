"""One atom at a time: its values, then the gradients of its energy, for compiled loops that hold the network between.

How a frozen potential uses it, inside ``@njit(parallel=True)`` (tables and work are NamedTuples of arrays)::

    tables = functions.tables                                            # outside
    work = workspaces(tables, functions.width, n_threads, most_neighbours)  # outside; most_neighbours: longest row
    for thread in prange(n_threads):
        mine = of_thread(work, thread)
        for i in range(first, last):                                     # the thread's atoms
            gather(i, positions, translations, offsets, neighbours, images, species, tables, mine)
            describe(species[i], tables, mine)                           # -> mine.values[:width], n2p2's unit-free G
            ... network: mine.values -> mine.cotangent[:width] = dE_i/dG ...
            backpropagate(species[i], tables, mine)                      # -> mine.gradients (3, most), dE_i/dr_ij, 1/Å
            scatter(i, tables.length, mine, forces[thread], virial[thread], atom_virials[thread])

`positions`, `translations`, `offsets`, `neighbours`, `images` are those of a `PairList`; pairs beyond the cutoff are
skipped. Write to the arrays of `mine` in functions of their own: Numba drops writes to a tuple's arrays that stand
directly in a parallel loop.
"""

from __future__ import annotations

import math

from numba import njit

from forgefield.descriptors.symmetry_functions.arithmetic import LANES
from forgefield.descriptors.symmetry_functions.compact import (
    compact_derivatives,
    compact_gradients,
    compact_values,
)
from forgefield.descriptors.symmetry_functions.radial import (
    radial_derivatives,
    radial_gradients,
    radial_values,
)
from forgefield.descriptors.symmetry_functions.triplet_derivatives import (
    triplet_derivatives,
    triplet_gradients,
)
from forgefield.descriptors.symmetry_functions.triplets import triplet_values
from forgefield.descriptors.symmetry_functions.wide import wide_values
from forgefield.descriptors.symmetry_functions.wide_derivatives import wide_derivatives, wide_gradients
from forgefield.descriptors.symmetry_functions.workspace import Workspace, of_thread, workspaces

__all__ = [
    "Workspace", "backpropagate", "describe", "differentiate", "gather", "gather_vectors", "of_thread", "scatter",
    "workspaces",
]  # fmt: skip

_FAR = 1e6


@njit(cache=True, fastmath=True, error_model="numpy")
def gather(i, positions, translations, offsets, neighbours, images, species, tables, work):  # type: ignore[no-untyped-def]
    """Fill work with the neighbours of atom i within its cutoff, from a `PairList`'s placed positions."""
    scale = 1.0 / tables.length
    limit = tables.reach[species[i]] ** 2
    x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
    n = 0
    for p in range(offsets[i], offsets[i + 1]):
        j = neighbours[p]
        image = images[p]
        dx = (positions[j, 0] + translations[image, 0] - x) * scale
        dy = (positions[j, 1] + translations[image, 1] - y) * scale
        dz = (positions[j, 2] + translations[image, 2] - z) * scale
        work.found[n, 0] = dx
        work.found[n, 1] = dy
        work.found[n, 2] = dz
        work.atoms[n] = j
        work.pairs[n] = p
        work.elements[n] = species[j]
        n += dx * dx + dy * dy + dz * dz < limit
    _sort(n, tables.n_species, work)


@njit(cache=True, fastmath=True, error_model="numpy")
def gather_vectors(i, vectors, neighbours, offsets, species, tables, work):  # type: ignore[no-untyped-def]
    """As `gather`, from the pairs' vectors, Å."""
    scale = 1.0 / tables.length
    limit = tables.reach[species[i]] ** 2
    n = 0
    for p in range(offsets[i], offsets[i + 1]):
        j = neighbours[p]
        dx, dy, dz = vectors[p, 0] * scale, vectors[p, 1] * scale, vectors[p, 2] * scale
        work.found[n, 0] = dx
        work.found[n, 1] = dy
        work.found[n, 2] = dz
        work.atoms[n] = j
        work.pairs[n] = p
        work.elements[n] = species[j]
        n += dx * dx + dy * dy + dz * dz < limit
    _sort(n, tables.n_species, work)


@njit(cache=True, fastmath=True, error_model="numpy")
def _sort(n, n_species, work):  # type: ignore[no-untyped-def]
    """Give each neighbour a place in its element's segment."""
    work.number[0] = n
    segments = work.segments
    segments[:] = 0
    for at in range(n):
        segments[work.elements[at], 1] += 1
    place = 0
    for e in range(n_species):
        size = segments[e, 1]
        segments[e, 0] = place
        segments[e, 1] = place
        place += (size + LANES - 1) // LANES * LANES
        for j in range(max(segments[e, 0], place - LANES), place):
            for axis in range(3):
                work.vectors[axis, j] = _FAR
                work.tangent[axis, j] = 0.0
    for at in range(n):
        e = work.elements[at]
        j = segments[e, 1]
        segments[e, 1] = j + 1
        work.places[at] = j
        for axis in range(3):
            work.vectors[axis, j] = work.found[at, axis]
    vectors, units = work.vectors, work.units
    r, inverse = work.r, work.inverse
    for j in range(place):
        r[j] = math.sqrt(
            vectors[0, j] * vectors[0, j] + vectors[1, j] * vectors[1, j] + vectors[2, j] * vectors[2, j]
        )
    for j in range(place):
        inverse[j] = 1.0 / r[j]
    for axis in range(3):
        for j in range(place):
            units[axis, j] = vectors[axis, j] * inverse[j]


@njit(cache=True, fastmath=True, error_model="numpy")
def describe(c, tables, work):  # type: ignore[no-untyped-def]
    """Fill work.values with the functions of centre element c."""
    work.values[:] = 0.0
    radial_values(c, tables, work)
    wide_values(c, tables, work)
    triplet_values(c, tables, work)
    compact_values(c, tables, work)


@njit(cache=True, fastmath=True, error_model="numpy")
def backpropagate(c, tables, work):  # type: ignore[no-untyped-def]
    """Fill work.gradients with Σ work.cotangent · dvalues/dr_ij, 1/Å; after `describe`."""
    work.gradients[:] = 0.0
    work.along[:] = 0.0
    radial_gradients(c, tables, work)
    wide_gradients(c, tables, work)
    triplet_gradients(c, tables, work)
    compact_gradients(c, tables, work)
    scale = 1.0 / tables.length
    gradients, along, units = work.gradients, work.along, work.units
    for axis in range(3):
        for j in range(work.segments[tables.n_species - 1, 1]):
            gradients[axis, j] = (gradients[axis, j] + along[j] * units[axis, j]) * scale


@njit(cache=True, fastmath=True, error_model="numpy")
def differentiate(c, tables, work):  # type: ignore[no-untyped-def]
    """Replace work.values by their derivative when the vectors move along work.tangent, Å; after `describe`."""
    scale = 1.0 / tables.length
    rates, units, tangent = work.along, work.units, work.tangent
    for axis in range(3):
        for j in range(len(rates)):
            tangent[axis, j] *= scale
    for j in range(len(rates)):
        rates[j] = tangent[0, j] * units[0, j] + tangent[1, j] * units[1, j] + tangent[2, j] * units[2, j]
    work.values[:] = 0.0
    radial_derivatives(c, tables, work, rates)
    wide_derivatives(c, tables, work, rates)
    triplet_derivatives(c, tables, work)
    compact_derivatives(c, tables, work, rates)


@njit(cache=True, fastmath=True, error_model="numpy")
def scatter(i, length, work, forces, virial, atom_virials):  # type: ignore[no-untyped-def]
    """Add atom i's share to forces (N, 3), to the virial (3, 3), Σ r ⊗ dE/dr, and to those of atoms (N, 3, 3).

    The latter may be empty; −r_ij ⊗ ∂E_i/∂r_ij is the neighbour's, as the heat flux wants it.
    """
    for at in range(work.number[0]):
        j = work.atoms[at]
        place = work.places[at]
        for axis in range(3):
            gradient = work.gradients[axis, place]
            forces[i, axis] += gradient
            forces[j, axis] -= gradient
            for other in range(3):
                share = work.found[at, other] * length * gradient
                virial[other, axis] += share
                if len(atom_virials):
                    atom_virials[j, other, axis] -= share
