"""One name for one structure, and a seal on its labels."""

from __future__ import annotations

import hashlib

import numpy as np
from ase import Atoms

from forgefield.atoms.records import Labels

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


def label_seal(key: str, labels: Labels) -> str:
    """Hash of a structure's key with its energy, forces and stress to the last bit, by which damage is noticed."""
    digest = hashlib.sha256(key.encode())
    for values in (np.float64(labels.energy), labels.forces, labels.stress):
        digest.update(b"" if values is None else np.ascontiguousarray(values, dtype="<f8").tobytes())
    # Extended XYZ takes twelve bare digits for a number, and some of them for infinity.
    return f"sha256-{digest.hexdigest()[:12]}"
