"""Voids of crystals that textbooks name."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.voids import voids


@pytest.mark.parametrize(
    ("atoms", "distances"),
    [
        # Octahedral and tetrahedral; tetrahedral alone; diamond's tetrahedral and hexagonal ones; the cube's centre.
        (bulk("Al", a=4.0), [2.0, np.sqrt(3)]),
        (bulk("Fe", "bcc", a=2.8), [np.sqrt(5) / 4 * 2.8]),
        (bulk("Si", a=5.43), [np.sqrt(3) / 4 * 5.43, np.sqrt(11) / 8 * 5.43]),
        (bulk("NaCl", "rocksalt", a=5.64), [np.sqrt(3) / 4 * 5.64]),
        (bulk("Po", "sc", a=3.3), [np.sqrt(3) / 2 * 3.3]),
    ],
)
def test_voids_of_simple_crystals(atoms: Atoms, distances: list[float]) -> None:
    positions, found = voids(atoms, 0.01)
    np.testing.assert_allclose(found, distances, atol=1e-6)
    assert positions.shape == (len(distances), 3)
