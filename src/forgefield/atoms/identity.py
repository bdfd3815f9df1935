"""One name for one structure."""

from __future__ import annotations

import hashlib

import numpy as np
from ase import Atoms

_DECIMALS = 6


def structure_key(atoms: Atoms) -> str:
    """Hash of species, positions, cell, periodicity and initial magnetic moments (20 hex digits).

    Coordinates count to 1e-6 Å, so a structure keeps its key through extended XYZ and SQLite.
    """
    digest = hashlib.sha256()
    digest.update(np.asarray(atoms.numbers, dtype="<i8").tobytes())
    digest.update(np.asarray(atoms.pbc, dtype="u1").tobytes())
    for array in (atoms.cell.array, atoms.positions, atoms.get_initial_magnetic_moments()):
        # Adding zero turns -0.0 into 0.0, which would hash differently.
        digest.update((np.round(np.asarray(array, dtype="<f8"), _DECIMALS) + 0.0).tobytes())
    return digest.hexdigest()[:20]
