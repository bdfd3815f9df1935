"""Which candidates are physically sane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from forgefield.atoms.contacts import closest_contact
from forgefield.atoms.vacuum import has_density


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a sane structure.

    Attributes:
        min_distance_ratio: smallest distance / (sum of covalent radii).
        min_volume: Å³ per atom; counts for structures that fill space.
        max_volume: Å³ per atom.
    """

    min_distance_ratio: float = 0.6
    min_volume: float = 0.0
    max_volume: float = float("inf")


@dataclass(frozen=True, slots=True)
class Screening:
    """What the screen let through.

    Attributes:
        mask: (M,) True where a structure is sane.
        reasons: (M,) why not, "" where it is.
    """

    mask: NDArray[np.bool_]
    reasons: tuple[str, ...]


def limits_from(known: Sequence[Atoms], min_distance_ratio: float, volume_window: float) -> Limits:
    """Limits with a window of volumes that comes from the known structures.

    The range of their volumes per atom, widened by the factor ``volume_window`` on either side. Structures
    that are not periodic in three directions, slabs, and those without any bond (isolated atoms in a box), have no
    density and are left out; without any others the volume is free.

    Args:
        known: labelled structures.
        min_distance_ratio: smallest distance / (sum of covalent radii).
        volume_window: factor ≥ 1.
    """
    volumes = [
        float(atoms.cell.volume) / len(atoms)
        for atoms in known
        if len(atoms) and has_density(atoms) and np.isfinite(closest_contact(atoms, search=1.6).ratio)
    ]
    if not volumes:
        return Limits(min_distance_ratio=min_distance_ratio)
    return Limits(
        min_distance_ratio=min_distance_ratio,
        min_volume=min(volumes) / volume_window,
        max_volume=max(volumes) * volume_window,
    )


def screen(candidates: Sequence[Atoms], limits: Limits) -> Screening:
    """Refuse structures that overlap, whose density is out of bounds, or whose coordinates are not finite."""
    reasons = tuple(_objection(atoms, limits) for atoms in candidates)
    return Screening(mask=np.array([reason == "" for reason in reasons], dtype=bool), reasons=reasons)


def _objection(atoms: Atoms, limits: Limits) -> str:
    if len(atoms) == 0:
        return "no atoms"
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        return "coordinates are not finite"
    if has_density(atoms):
        volume = float(atoms.cell.volume) / len(atoms)
        if not limits.min_volume <= volume <= limits.max_volume:
            return f"{volume:.2f} Å³ per atom lies outside {limits.min_volume:.2f} to {limits.max_volume:.2f}"
    contact = closest_contact(atoms, search=limits.min_distance_ratio)
    if contact.ratio < limits.min_distance_ratio:
        i, j = contact.pair
        return (
            f"{atoms.symbols[i]}{i}–{atoms.symbols[j]}{j} at {contact.distance:.2f} Å, {contact.ratio:.2f} "
            f"of the covalent distance (limit {limits.min_distance_ratio:.2f})"
        )
    return ""
