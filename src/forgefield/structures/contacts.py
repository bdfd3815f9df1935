"""Ions that come too close."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from forgefield.atoms.neighbours import find_neighbours
from forgefield.structures.ions import Ion, ionic_radius


def contact_problem(atoms: Atoms, ions: Sequence[Ion], ratio: float = 0.8) -> str | None:
    """Which two atoms are closer than a share of what their sizes ask for, or None if none are.

    Ions of like charge count with their ionic or their covalent radii, whichever are larger, because anions do not
    bind to each other and the ionic radii of cations are small; those of opposite charge with the smaller. Neutral
    ones count with their covalent radii.

    Args:
        atoms: any cell and periodicity.
        ions: of all elements.
        ratio: shortest allowed distance, in sums of radii.
    """
    of_element = {ion.element: ion for ion in ions}
    mine = [of_element[symbol] for symbol in atoms.get_chemical_symbols()]
    charges = np.array([ion.charge for ion in mine])
    covalent = covalent_radii[atoms.numbers]
    ionic = np.array([_radius(ion) for ion in mine])
    pairs = find_neighbours(atoms, 2.0 * ratio * float(max(covalent.max(), ionic.max())))
    if not len(pairs.centres):
        return None
    i, j = pairs.centres, pairs.neighbours
    sums, product = (covalent[i] + covalent[j], ionic[i] + ionic[j]), charges[i] * charges[j]
    needed = np.where(product > 0, np.maximum(*sums), np.where(product < 0, np.minimum(*sums), sums[0]))
    lengths = np.linalg.norm(pairs.vectors, axis=1)
    worst = int((lengths / needed).argmin())
    if lengths[worst] >= ratio * needed[worst]:
        return None
    return (
        f"brings {mine[i[worst]]} and {mine[j[worst]]} to {lengths[worst]:.2f} Å of each other, closer than "
        f"{ratio * needed[worst]:.2f} Å"
    )


def _radius(ion: Ion) -> float:
    """Å; the covalent radius where there is no ionic one."""
    radius = ionic_radius(ion)
    return float(covalent_radii[atomic_numbers[ion.element]]) if radius is None else radius
