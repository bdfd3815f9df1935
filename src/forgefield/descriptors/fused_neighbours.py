"""The two ends of a fused kernel: an atom's neighbours gathered into contiguous arrays, and their forces scattered.

Neighbours of one atom are grouped by species, each group padded to whole vectors, so that everything in between is
loops and products over contiguous numbers. Where a descriptor has two cutoffs, each species has two groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.descriptors.fused_lanes import WIDTH, Lanes, row_formula
from forgefield.descriptors.fused_tiles import padded

FIELDS = 12
"""Floating-point numbers per place of a `Surroundings`."""


class Surroundings(NamedTuple):
    """Work space of one thread for one atom's neighbours; J places.

    Attributes:
        all: (FIELDS J,) the following rows, one after the other.
        x, y, z: (J,) unit vector to each neighbour; zeros in padding.
        r: (J,) distance, Å; the outer cutoff in padding.
        gx, gy, gz: (J,) scratch, at last ∂E/∂vector.
        slope: (J,) ∂E/∂r at constant direction.
        smooth, steep, scratch, spare: (J,) for the radial functions.
        atoms: (J,) indices.
        starts, counts: (2 S,) place and number of neighbours in group 2z (species z, within its inner cutoff) and
            2z + 1 (beyond it).
    """

    all: Array
    x: Array
    y: Array
    z: Array
    r: Array
    gx: Array
    gy: Array
    gz: Array
    slope: Array
    smooth: Array
    steep: Array
    scratch: Array
    spare: Array
    atoms: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]


@register_jitable
def staggered(places: int) -> int:
    """Places of a row: rows a multiple of 4 kB apart would all fall into the same few lines of the cache."""
    return places + WIDTH * (places % 64 == 0)


def places_needed(most_neighbours: int, n_species: int, two_cutoffs: bool) -> int:
    """Places for an atom with so many listed neighbours, padding of its groups included."""
    return staggered(padded((1 + two_cutoffs) * (most_neighbours + WIDTH * n_species)))


@njit(cache=True)
def surroundings(numbers, indices, places, n_species):  # type: ignore[no-untyped-def]
    """Views of flat work space: `FIELDS` × places numbers; places + 4 S indices."""
    j, s = places, 2 * n_species
    return Surroundings(
        numbers[: FIELDS * j], numbers[:j], numbers[j : 2 * j], numbers[2 * j : 3 * j],
        numbers[3 * j : 4 * j], numbers[4 * j : 5 * j],
        numbers[5 * j : 6 * j], numbers[6 * j : 7 * j], numbers[7 * j : 8 * j], numbers[8 * j : 9 * j],
        numbers[9 * j : 10 * j], numbers[10 * j : 11 * j], numbers[11 * j : 12 * j],
        indices[:j], indices[j : j + s], indices[j + s : j + 2 * s],
    )  # fmt: skip


@njit(cache=True, fastmath=True)
def gather(i, positions, translations, offsets, neighbours, images, species, outer, inner, here):  # type: ignore[no-untyped-def]
    """Fill `here` with the neighbours of atom i; returns the number of places in use.

    Args:
        i: the atom.
        positions, translations, offsets, neighbours, images: of a `PairList` and its `placed` atoms.
        species: (N,) index of each atom's element.
        outer, inner: (S,) cutoffs for each species of neighbour, inner ≤ outer, Å.
        here: work space.
    """
    n_species = len(outer)
    starts, counts = here.starts, here.counts
    counts[:] = 0
    first, last = offsets[i], offsets[i + 1]
    two = False
    for z in range(n_species):
        two |= inner[z] < outer[z]
    if n_species == 1:
        counts[0] = last - first
    else:
        for p in range(first, last):
            counts[2 * species[neighbours[p]]] += 1
    used = 0
    for z in range(n_species):
        room = padded(counts[2 * z])
        starts[2 * z] = used
        used += room
        starts[2 * z + 1] = used
        used += room if two else 0
    px, py, pz = positions[i, 0], positions[i, 1], positions[i, 2]
    vx, vy, vz, square, atoms = here.x, here.y, here.z, here.r, here.atoms
    if n_species == 1 and not two:
        found, limit = 0, outer[0] * outer[0]
        for p in range(first, last):
            j, image = neighbours[p], images[p]
            dx = positions[j, 0] + translations[image, 0] - px
            dy = positions[j, 1] + translations[image, 1] - py
            dz = positions[j, 2] + translations[image, 2] - pz
            distance = dx * dx + dy * dy + dz * dz
            vx[found] = dx
            vy[found] = dy
            vz[found] = dz
            square[found] = distance
            atoms[found] = j
            found += distance < limit
        counts[0] = found
        counts[1] = 0
    else:
        counts[:] = 0
        for p in range(first, last):
            j, image = neighbours[p], images[p]
            dx = positions[j, 0] + translations[image, 0] - px
            dy = positions[j, 1] + translations[image, 1] - py
            dz = positions[j, 2] + translations[image, 2] - pz
            distance = dx * dx + dy * dy + dz * dz
            z = species[j]
            group = 2 * z + (two and distance >= inner[z] * inner[z])
            at = starts[group] + counts[group]
            vx[at] = dx
            vy[at] = dy
            vz[at] = dz
            square[at] = distance
            atoms[at] = j
            counts[group] += distance < outer[z] * outer[z]
    for group in range(2 * n_species):
        begin, n, cutoff = starts[group], counts[group], outer[group // 2]
        wide = padded(n)
        x, y, z, r = (
            vx[begin : begin + wide],
            vy[begin : begin + wide],
            vz[begin : begin + wide],
            square[begin : begin + wide],
        )
        # `gather_pairs` does the same; a function for both would make this one slower.
        for at in range(n, wide):
            x[at] = 0.0
            y[at] = 0.0
            z[at] = 0.0
            r[at] = cutoff * cutoff
        for at in range(wide):
            inverse = 1.0 / np.sqrt(r[at])
            x[at] *= inverse
            y[at] *= inverse
            z[at] *= inverse
            r[at] *= inverse
    return used


def _gradient(rows: Sequence[Lanes], _: Sequence[Lanes]) -> list[Lanes]:
    """∂E/∂vector from x, y, z, r, the gradient on the unit sphere and the slope along the vector."""
    x, y, z, r, tx, ty, tz, slope = rows
    inverse = 1.0 / r
    tx, ty, tz = tx * inverse, ty * inverse, tz * inverse
    along = slope - (tx * x + ty * y + tz * z)
    return [along * x + tx, along * y + ty, along * z + tz]


def _along(rows: Sequence[Lanes], _: Sequence[Lanes]) -> list[Lanes]:
    """The same without dependence on direction."""
    return [rows[7] * rows[axis] for axis in range(3)]


_directed, _central = row_formula(_gradient, 8, 0), row_formula(_along, 8, 0)


@njit(cache=True, fastmath=True)
def scatter(i, begin, count, here, directed, forces, virial, atom_virials):  # type: ignore[no-untyped-def]
    """Add the forces and the virial Σ r ⊗ ∂E_i/∂r of one group of neighbours.

    Args:
        i: the atom whose energy was differentiated.
        begin, count: the group.
        here: with ∂E/∂r in `slope` and, if `directed`, Σ ∂E/∂Y ∇Y on the unit sphere in gx, gy, gz.
        directed: whether the energy depends on the neighbours' directions.
        forces: (N, 3) added to.
        virial: (9,) added to, row by row.
        atom_virials: (N, 9) added to, or empty: the share −r_ij ⊗ ∂E_i/∂r_ij is the neighbour's, as the heat flux
            Σ_i W_i·v_i wants it (Fan et al., PRB 92, 094301 (2015), eq. 39), with forces' sign.
    """
    wide = padded(count)
    x, y, z, r = here.x[begin:], here.y[begin:], here.z[begin:], here.r[begin:]
    gx, gy, gz = here.gx[begin:], here.gy[begin:], here.gz[begin:]
    atoms, places = here.atoms[begin:], len(here.x)
    if directed:
        _directed(here.all, begin, places, here.all, 0, 0, here.all, 4 * places + begin, places, wide)
    else:
        _central(here.all, begin, places, here.all, 0, 0, here.all, 4 * places + begin, places, wide)
    # In padding all of this is zero.
    xx = xy = xz = yy = yz = zz = 0.0
    fx = fy = fz = 0.0
    for at in range(wide):
        dx, dy, dz = r[at] * x[at], r[at] * y[at], r[at] * z[at]
        fx += gx[at]
        fy += gy[at]
        fz += gz[at]
        xx += dx * gx[at]
        xy += dx * gy[at]
        xz += dx * gz[at]
        yy += dy * gy[at]
        yz += dy * gz[at]
        zz += dz * gz[at]
    for at in range(count):
        j = atoms[at]
        forces[j, 0] -= gx[at]
        forces[j, 1] -= gy[at]
        forces[j, 2] -= gz[at]
    forces[i, 0] += fx
    forces[i, 1] += fy
    forces[i, 2] += fz
    # A rotation does not change the energy, so Σ r ⊗ g is symmetric.
    virial[0] += xx
    virial[1] += xy
    virial[2] += xz
    virial[3] += xy
    virial[4] += yy
    virial[5] += yz
    virial[6] += xz
    virial[7] += yz
    virial[8] += zz
    if len(atom_virials):
        for at in range(count):
            j = atoms[at]
            dx, dy, dz = r[at] * x[at], r[at] * y[at], r[at] * z[at]
            atom_virials[j, 0] -= dx * gx[at]
            atom_virials[j, 1] -= dx * gy[at]
            atom_virials[j, 2] -= dx * gz[at]
            atom_virials[j, 3] -= dy * gx[at]
            atom_virials[j, 4] -= dy * gy[at]
            atom_virials[j, 5] -= dy * gz[at]
            atom_virials[j, 6] -= dz * gx[at]
            atom_virials[j, 7] -= dz * gy[at]
            atom_virials[j, 8] -= dz * gz[at]
