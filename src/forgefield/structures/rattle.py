"""Random displacements of atoms."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import shortest_distance

_DRAWS = 200


def rattled(atoms: Atoms, amplitude: float, rng: np.random.Generator, minimum_distance: float = 0.0) -> Atoms:
    """Copy of the atoms with independent normal displacements, their common shift taken out.

    Draws again, at most 200 times, while two atoms are too close.

    Args:
        atoms: N atoms.
        amplitude: standard deviation along each axis, Å.
        rng: source of randomness.
        minimum_distance: Å.

    Raises:
        ForgefieldError: no draw kept the atoms apart.
    """
    for _ in range(_DRAWS):
        copy = atoms.copy()
        displacements = rng.normal(0.0, amplitude, size=(len(atoms), 3))
        copy.positions += displacements - displacements.mean(axis=0)
        if minimum_distance <= 0.0 or shortest_distance(copy, minimum_distance) >= minimum_distance:
            return copy
    raise ForgefieldError(
        f"{_DRAWS} random displacements of {amplitude} Å all brought two atoms of {atoms.symbols} closer "
        f"than {minimum_distance:.2f} Å",
        "lower the rattle amplitude, the strain or structures.min_distance_ratio",
    )
