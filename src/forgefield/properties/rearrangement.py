"""How far a relaxation has taken a structure from where it began."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from forgefield.atoms.records import Array
from forgefield.sampling.relaxation import Relaxed

FAR = 1.0
"""A move of an atom beyond which it has left its place, Å."""


def moves(before: Atoms, after: Atoms) -> Array:
    """(N,) how far each atom has moved within the cell, Å, the motion of all together taken out.

    Where the cell has changed too, fractional coordinates are compared in the new cell.
    """
    scaled = after.get_scaled_positions(wrap=False) - before.get_scaled_positions(wrap=False)
    if before.cell.rank != 3:
        vectors = after.positions - before.positions
    else:
        vectors = find_mic(scaled @ after.cell.array, after.cell.array, after.pbc)[0]
    # Most atoms of a slab or around a defect hardly move; the median ignores those that do.
    return np.asarray(np.linalg.norm(vectors - np.median(vectors, axis=0), axis=1))


def relaxation_warnings(name: str, before: Atoms, relaxed: Relaxed, far: float = FAR) -> tuple[str, ...]:
    """What a relaxation did that its energy does not show.

    Args:
        name: of the structure, for the message.
        before: where it began.
        relaxed: where it ended.
        far: move of an atom that is worth a warning, Å.
    """
    found = []
    if not relaxed.converged:
        found.append(
            f"{name}: the relaxation did not converge in {relaxed.steps} steps "
            f"(largest force {relaxed.max_force:.2g} eV/Å)"
        )
    moved = moves(before, relaxed.atoms)
    if moved.max() > far:
        atom = int(moved.argmax())
        found.append(
            f"{name}: atom {atom} ({relaxed.atoms.symbols[atom]}) moved by {moved[atom]:.2f} Å in the relaxation, "
            f"and {int((moved > far).sum())} of {len(moved)} moved farther than {far:g} Å"
        )
    return tuple(found)
