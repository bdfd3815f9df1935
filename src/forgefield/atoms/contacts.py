"""The closest pair of atoms, measured in covalent radii."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from forgefield.atoms.neighbours import find_neighbours


@dataclass(frozen=True, slots=True)
class Contact:
    """The pair of atoms that is closest in units of its covalent radii.

    Attributes:
        ratio: distance divided by the sum of the two covalent radii; infinity if no pair was found.
        distance: Å; infinity if no pair was found.
        pair: indices of the two atoms; (-1, -1) if no pair was found.
    """

    ratio: float
    distance: float
    pair: tuple[int, int]


def closest_contact(atoms: Atoms, search: float = 1.0) -> Contact:
    """Find the pair with the smallest distance / (sum of covalent radii), periodic images included.

    Radii are those of Cordero et al., Dalton Trans. 2008, 2832 (ASE's table).

    Args:
        atoms: any cell and periodicity.
        search: pairs with a larger ratio are not looked for.
    """
    nothing = Contact(float("inf"), float("inf"), (-1, -1))
    if len(atoms) == 0 or search <= 0.0:
        return nothing
    radii = covalent_radii[atoms.numbers]
    pairs = find_neighbours(atoms, 2.0 * search * float(radii.max()))
    if len(pairs.centres) == 0:
        return nothing
    distances = np.linalg.norm(pairs.vectors, axis=1)
    ratios = distances / (radii[pairs.centres] + radii[pairs.neighbours])
    nearest = int(ratios.argmin())
    if ratios[nearest] > search:
        return nothing
    pair = int(pairs.centres[nearest]), int(pairs.neighbours[nearest])
    return Contact(float(ratios[nearest]), float(distances[nearest]), pair)
