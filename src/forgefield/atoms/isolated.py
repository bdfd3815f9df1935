"""Free atoms."""

from __future__ import annotations

from ase import Atoms


def isolated_atom(element: str, box: float = 10.0) -> Atoms:
    """One atom in the middle of a periodic cube, which plane-wave engines need.

    Args:
        element: symbol.
        box: edge of the cube, Å.
    """
    return Atoms(element, positions=[[box / 2.0] * 3], cell=[box] * 3, pbc=True)
