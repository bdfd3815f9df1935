"""Vectors that tell two structures of one composition apart, whatever the order, place and turn of their atoms.

Both are continuous functions of the positions, so a structure's vector hardly changes with what a relaxation leaves
undone.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from forgefield.atoms.neighbours import find_neighbours
from forgefield.atoms.records import Array

_WIDTH = 2.0
"""Width of a Gaussian in sums of covalent radii: wide enough to see second neighbours."""
_SHELL = 24
"""Neighbours of each element whose distances count: the cubic and the hexagonal close packing have the first 18 in
common, diamond and lonsdaleite the first 16."""
_WIDENINGS = 6


def structure_fingerprint(atoms: Atoms) -> Array:
    """`cluster_fingerprint` without periodicity, else `crystal_fingerprint`."""
    return crystal_fingerprint(atoms) if atoms.pbc.any() else cluster_fingerprint(atoms)


def cluster_fingerprint(atoms: Atoms) -> Array:
    """(N,) sorted eigenvalues of a matrix of Gaussians of the distances.

    M_ij = w_i w_j exp(−(r_ij / 2(R_i + R_j))²) with covalent radii R, after the overlap matrices of Sadeghi, Ghasemi,
    Schaefer, Mohr, Lill & Goedecker, J. Chem. Phys. 139, 184118 (2013). The weights w = (Z / mean Z)^½ tell elements
    of like radius apart.

    Args:
        atoms: its periodicity does not count.
    """
    radii, numbers = covalent_radii[atoms.numbers], np.maximum(atoms.numbers, 1)
    positions = atoms.positions
    squares = (positions**2).sum(axis=1)
    distances = squares[:, None] + squares - 2.0 * positions @ positions.T
    widths = _WIDTH * (radii[:, None] + radii)
    weights = (numbers / numbers.mean()) ** 0.5
    return np.linalg.eigvalsh(weights[:, None] * weights * np.exp(-distances / widths**2))


def crystal_fingerprint(atoms: Atoms) -> Array:
    """(N × elements × 24,) Å: distances to each atom's nearest neighbours of each element, sorted over atoms too.

    For each element of the atom and of the neighbours, the k-th distances of all these atoms are sorted for
    themselves. Where the structure has fewer neighbours, as in a wire, the last distance found is repeated.

    Args:
        atoms: N atoms, periodic in at least one direction.
    """
    species = np.unique(atoms.numbers)
    radius = _first_radius(atoms)
    for _ in range(_WIDENINGS):
        table = _nearest(atoms, species, radius)
        if np.isfinite(table).all():
            break
        radius *= 1.5
    table = np.where(np.isfinite(table), table, radius)
    return np.concatenate([np.sort(table[atoms.numbers == number], axis=0).ravel() for number in species])


def _first_radius(atoms: Atoms) -> float:
    """Å; the sphere that holds the neighbours that are wanted of the rarest element, were all atoms spread evenly."""
    rarest = np.unique(atoms.numbers, return_counts=True)[1].min()
    cell = atoms.cell.complete()
    return float(np.cbrt(3.0 * (_SHELL + 8) * cell.volume / (4.0 * np.pi * rarest)))


def _nearest(atoms: Atoms, species: Array, radius: float) -> Array:
    """(N, elements × 24) Å; infinity where there are fewer neighbours within the radius."""
    neighbours = find_neighbours(atoms, radius)
    distances = np.sqrt((neighbours.vectors**2).sum(axis=1))
    elements = atoms.numbers[neighbours.neighbours]
    table = np.full((len(atoms), len(species), _SHELL), np.inf)
    for column, number in enumerate(species):
        chosen = elements == number
        centres, lengths = neighbours.centres[chosen], distances[chosen]
        order = np.lexsort((lengths, centres))
        centres, lengths = centres[order], lengths[order]
        place = np.arange(len(centres)) - np.searchsorted(centres, centres)
        near = place < _SHELL
        table[centres[near], column, place[near]] = lengths[near]
    return table.reshape(len(atoms), -1)
