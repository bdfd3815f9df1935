"""How close two atoms may come, from the composition's own reference data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from forgefield.atoms.neighbours import find_neighbours
from forgefield.atoms.records import Array
from forgefield.atoms.species import species_index
from forgefield.selection.diversity_schedule import distance_ratio
from forgefield.selection.diversity_spec import DiversitySpec
from forgefield.selection.screen import Limits, Screening, screen

_SEARCH = 6.0
"""Å; pairs of elements that come no closer in the data are not bounded by them."""


@dataclass(frozen=True, slots=True)
class ReferenceBounds:
    """Bounds of a structure that the potential may be asked about.

    Attributes:
        species: chemical symbols.
        shortest: (S, S) shortest allowed distances, Å; 0 where the data say nothing.
        limits: volume per atom, and distances in covalent radii, which guard the pairs that the data do not hold.
    """

    species: tuple[str, ...]
    shortest: Array
    limits: Limits


def shortest_distances(structures: Sequence[Atoms], species: tuple[str, ...]) -> Array:
    """(S, S) shortest distance between atoms of two elements in any of the structures, Å; infinity beyond 6 Å.

    Raises:
        ForgefieldError: an element that is not in ``species``.
    """
    shortest = np.full((len(species), len(species)), np.inf)
    for atoms in structures:
        pairs = find_neighbours(atoms, _SEARCH)
        index = species_index(atoms, species)
        # Each pair is listed from both sides, so the matrix comes out symmetric.
        np.minimum.at(
            shortest, (index[pairs.centres], index[pairs.neighbours]), np.linalg.norm(pairs.vectors, axis=1)
        )
    return shortest


def reference_bounds(
    known: Sequence[Atoms], species: tuple[str, ...], limits: Limits, spec: DiversitySpec, cycle: int
) -> ReferenceBounds:
    """The bounds of one cycle.

    Args:
        known: labelled structures.
        species: chemical symbols.
        limits: from `selection.screen.limits_from`.
        spec: settings; its ``min_distances`` go before the data.
        cycle: from 1 on; the allowed distances shrink from cycle to cycle.

    Raises:
        ForgefieldError: an element that is not in ``species``, or a cycle below 1.
    """
    found = shortest_distances(known, species)
    shortest = np.where(np.isfinite(found), distance_ratio(spec, cycle) * found, 0.0)
    for pair, distance in spec.min_distances.items():
        if all(symbol in species for symbol in pair.split("-")):
            first, second = (species.index(symbol) for symbol in pair.split("-"))
            shortest[first, second] = shortest[second, first] = distance
    return ReferenceBounds(species, shortest, limits)


def screen_by_reference(candidates: Sequence[Atoms], bounds: ReferenceBounds) -> Screening:
    """Refuse structures as `selection.screen.screen` does, and those with closer atoms than the data allow.

    Raises:
        ForgefieldError: an element that is not among the bounds' species.
    """
    reasons = [reason or _objection(atoms, bounds) for atoms, reason in _screened(candidates, bounds.limits)]
    return Screening(mask=np.array([reason == "" for reason in reasons], dtype=bool), reasons=tuple(reasons))


def _screened(candidates: Sequence[Atoms], limits: Limits) -> list[tuple[Atoms, str]]:
    return list(zip(candidates, screen(candidates, limits).reasons, strict=True))


def _objection(atoms: Atoms, bounds: ReferenceBounds) -> str:
    search = float(bounds.shortest.max())
    if search <= 0.0:
        return ""
    pairs, index = find_neighbours(atoms, search), species_index(atoms, bounds.species)
    distances = np.linalg.norm(pairs.vectors, axis=1)
    allowed = bounds.shortest[index[pairs.centres], index[pairs.neighbours]]
    if not (distances < allowed).any():
        return ""
    worst = int((distances / np.where(allowed > 0.0, allowed, 1e-9)).argmin())
    i, j = int(pairs.centres[worst]), int(pairs.neighbours[worst])
    return (
        f"{atoms.symbols[i]}{i}–{atoms.symbols[j]}{j} at {distances[worst]:.2f} Å "
        f"(limit from the data {allowed[worst]:.2f})"
    )
