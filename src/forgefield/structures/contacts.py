"""Ions that come too close."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from forgefield.atoms.neighbours import find_neighbours
from forgefield.structures.ions import Ion, ionic_radius


def contact_problem(atoms: Atoms, ions: Sequence[Ion], ratio: float = 0.8) -> str | None:
    """Which two atoms are closer than a share of what their sizes ask for, or None if none are.

    Args:
        atoms: any cell and periodicity.
        ions: of all elements.
        ratio: shortest allowed distance, in units of :func:`touching_distance`.
    """
    kinds = {ion.element: number for number, ion in enumerate(ions)}
    table = np.array([[touching_distance(one, other) for other in ions] for one in ions])
    mine = np.array([kinds[symbol] for symbol in atoms.get_chemical_symbols()])
    pairs = find_neighbours(atoms, ratio * float(table.max()))
    if not len(pairs.centres):
        return None
    needed = ratio * table[mine[pairs.centres], mine[pairs.neighbours]]
    lengths = np.linalg.norm(pairs.vectors, axis=1)
    worst = int((lengths / needed).argmin())
    if lengths[worst] >= needed[worst]:
        return None
    one, other = (ions[mine[index]] for index in (pairs.centres[worst], pairs.neighbours[worst]))
    return (
        f"brings {one} and {other} to {lengths[worst]:.2f} Å of each other, closer than {needed[worst]:.2f} Å"
    )


@cache
def touching_distance(one: Ion, other: Ion) -> float:
    """The distance at which two atoms touch, Å.

    Ions of like charge count with their ionic or their covalent radii, whichever are larger, because anions do not
    bind to each other and the ionic radii of cations are small; those of opposite charge with the smaller. Neutral
    ones count with their covalent radii.
    """
    covalent = sum(_covalent(ion) for ion in (one, other))
    ionic = sum(ionic_radius(ion) or _covalent(ion) for ion in (one, other))
    if one.charge * other.charge == 0:
        return covalent
    return max(covalent, ionic) if one.charge * other.charge > 0 else min(covalent, ionic)


def _covalent(ion: Ion) -> float:
    return float(covalent_radii[atomic_numbers[ion.element]])
