"""Clusters without order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array, Candidate
from forgefield.structures.charge_balance import BalancedFormula
from forgefield.structures.clusters import BOND, hangs_together, in_vacuum
from forgefield.structures.compound_spec import ClusterSpec
from forgefield.structures.contacts import touching_distance
from forgefield.structures.ions import Ion
from forgefield.structures.source_result import LeftOut, SourceResult

_PROPOSALS = 200
_ATTEMPTS = 20


def random_clusters(
    formulas: Sequence[BalancedFormula], spec: ClusterSpec, rng: np.random.Generator
) -> SourceResult:
    """Disordered round clusters of whole formula units, ``spec.count`` of each formula, without periodicity.

    Atom after atom is set next to one that is there already, at that of several random places with room that is
    nearest to the middle.

    Args:
        formulas: neutral formulas.
        spec: numbers, sizes, vacuum, room.
        rng: source of randomness; the same state gives the same clusters.

    Raises:
        ForgefieldError: no multiple of a formula has an allowed number of atoms.
    """
    made: list[Candidate] = []
    left_out: list[LeftOut] = []
    for formula in formulas:
        units = _allowed_units(formula, spec)
        own: list[Candidate] = []
        for _ in range(_ATTEMPTS * spec.count):
            if len(own) == spec.count:
                break
            atoms = _grown(formula, int(rng.choice(units)), spec, rng)
            if atoms is None:
                continue
            note = f"{len(atoms)} atoms at random, {spec.vacuum:g} Å of vacuum"
            own.append(Candidate(atoms, "cluster", f"cluster/{formula}/random-{len(own):03d}", note=note))
        made.extend(own)
        if len(own) < spec.count:
            left_out.append(
                LeftOut(
                    f"random clusters of {formula}",
                    f"{len(own)} instead of {spec.count}: the others found no room; lower min_distance_ratio",
                )
            )
    return SourceResult(tuple(made), tuple(left_out))


def _allowed_units(formula: BalancedFormula, spec: ClusterSpec) -> list[int]:
    size = sum(formula.counts)
    units = list(range(-(-spec.atoms[0] // size), spec.atoms[1] // size + 1))
    if not units:
        raise ForgefieldError(
            f"no multiple of {formula} has {spec.atoms[0]} to {spec.atoms[1]} atoms",
            f"widen the range of atoms of clusters; {formula} has {size} atoms",
        )
    return units


def _grown(formula: BalancedFormula, units: int, spec: ClusterSpec, rng: np.random.Generator) -> Atoms | None:
    ions = [ion for ion, n in zip(formula.ions, formula.counts, strict=True) for _ in range(n * units)]
    order = [ions[index] for index in rng.permutation(len(ions))]
    cluster = Atoms(order[0].element, positions=np.zeros((1, 3)))
    placed, waiting = [order[0]], order[1:]
    while waiting:
        # An ion of the other sign finds a place more easily.
        excess = sum(ion.charge for ion in placed)
        index = next((n for n, ion in enumerate(waiting) if ion.charge * excess < 0), 0)
        ion = waiting.pop(index)
        position = _place(cluster.positions, placed, ion, spec.min_distance_ratio, rng)
        if position is None:
            return None
        cluster += Atoms(ion.element, positions=[position])
        placed.append(ion)
    return in_vacuum(cluster, spec.vacuum) if hangs_together(cluster) else None


def _place(
    positions: Array, placed: Sequence[Ion], ion: Ion, ratio: float, rng: np.random.Generator
) -> Array | None:
    """Of random places next to the ions that are there, the one nearest to their middle among those with room."""
    radii = np.array([covalent_radii[atomic_numbers[other.element]] for other in (*placed, ion)])
    partners = rng.integers(len(placed), size=_PROPOSALS)
    directions = rng.normal(size=(_PROPOSALS, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    lengths = rng.uniform(0.85, 0.9 * BOND, size=_PROPOSALS) * (radii[partners] + radii[-1])
    proposals = positions[partners] + directions * lengths[:, None]
    needed = ratio * np.array([touching_distance(other, ion) for other in placed])
    away = np.linalg.norm(proposals[:, None] - positions[None], axis=2)
    fitting = proposals[(away >= needed).all(axis=1)]
    if not len(fitting):
        return None
    return np.asarray(fitting[np.linalg.norm(fitting - positions.mean(axis=0), axis=1).argmin()])
