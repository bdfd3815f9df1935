"""Clusters cut from a crystal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from forgefield.atoms.identity import structure_key
from forgefield.atoms.neighbours import find_neighbours
from forgefield.atoms.records import Array, Candidate
from forgefield.structures.compound_spec import ClusterSpec
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ions import Ion, charges_of
from forgefield.structures.source_result import LeftOut, SourceResult

# Atoms closer than this many sums of covalent radii belong together.
BOND = 1.3
_ATTEMPTS = 20


def bulk_clusters(
    parents: Sequence[Candidate],
    spec: ClusterSpec,
    rng: np.random.Generator,
    ions: Sequence[Ion] = (),
    duplicate_tolerance: float = 0.01,
) -> SourceResult:
    """Balls of atoms around random points of crystals, ``spec.count`` from each, without periodicity.

    Where ions are given, the outermost atoms of the sign that is in excess are taken off until the cluster is neutral.
    Every element of the crystal is in each cluster, and each hangs together.

    Args:
        parents: crystals.
        spec: numbers, sizes, vacuum.
        rng: source of randomness; the same state gives the same clusters.
        ions: if given, of all elements of the parents.
        duplicate_tolerance: Å, as in :func:`~forgefield.structures.duplicates.remove_duplicates`.
    """
    made: list[Candidate] = []
    left_out: list[LeftOut] = []
    for parent in parents:
        own: list[Candidate] = []
        for _ in range(_ATTEMPTS * spec.count):
            atoms = _ball(parent.atoms, spec, rng, ions)
            if atoms is None:
                continue
            note = f"{len(atoms)} atoms of {parent.trajectory}, {spec.vacuum:g} Å of vacuum"
            name = f"cluster/{parent.trajectory}/{len(own):03d}"
            own = remove_duplicates(
                [*own, Candidate(atoms, "cluster", name, structure_key(parent.atoms), note)],
                duplicate_tolerance,
            )
            if len(own) == spec.count:
                break
        made.extend(own)
        if len(own) < spec.count:
            left_out.append(
                LeftOut(
                    f"clusters of {parent.trajectory}",
                    f"{len(own)} instead of {spec.count} different {'neutral ' if ions else ''}clusters of "
                    f"{spec.atoms[0]} to {spec.atoms[1]} atoms were found; widen the range of atoms",
                )
            )
    return SourceResult(tuple(remove_duplicates(made, duplicate_tolerance)), tuple(left_out))


def in_vacuum(atoms: Atoms, vacuum: float) -> Atoms:
    """Copy in the middle of a cell with ``vacuum`` Å on all sides, without periodicity."""
    copy = Atoms(atoms.numbers, atoms.positions)
    copy.center(vacuum=vacuum)
    copy.pbc = False
    return copy


def hangs_together(atoms: Atoms) -> bool:
    """Whether bonds up to 1.3 sums of covalent radii connect all atoms."""
    radii = covalent_radii[atoms.numbers]
    pairs = find_neighbours(atoms, 2.0 * BOND * float(radii.max()))
    bound = np.linalg.norm(pairs.vectors, axis=1) < BOND * (radii[pairs.centres] + radii[pairs.neighbours])
    graph = csr_array(
        (np.ones(int(bound.sum())), (pairs.centres[bound], pairs.neighbours[bound])),
        shape=(len(atoms), len(atoms)),
    )
    return int(connected_components(graph, directed=False)[0]) == 1


def _ball(atoms: Atoms, spec: ClusterSpec, rng: np.random.Generator, ions: Sequence[Ion]) -> Atoms | None:
    """The atoms nearest to a random point, or None if they do not make a cluster."""
    wanted = int(rng.integers(spec.atoms[0], spec.atoms[1] + 1))
    centre = rng.random(3) @ atoms.cell.array
    numbers, positions = _surroundings(atoms, centre, wanted)
    kept = np.arange(wanted)
    if ions:
        charges = charges_of(ions)
        of_atom = np.array([charges[symbol] for symbol in Atoms(numbers).get_chemical_symbols()])
        kept = _neutral(of_atom[:wanted])
    cluster = Atoms(numbers[kept], positions[kept])
    if len(cluster) < spec.atoms[0] or set(cluster.numbers) != set(atoms.numbers):
        return None
    return in_vacuum(cluster, spec.vacuum) if hangs_together(cluster) else None


def _surroundings(atoms: Atoms, centre: Array, count: int) -> tuple[NDArray[np.int64], Array]:
    """(count,) atomic numbers and (count, 3) positions around a point, nearest first."""
    radius = (3.0 * count * atoms.get_volume() / len(atoms) / (4.0 * np.pi)) ** (1.0 / 3.0)
    while True:
        # Cells on each side that a ball of this radius may reach.
        reach = np.ceil(radius * np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0) + 1.0).astype(int)
        ranges = [np.arange(-n, n + 1) for n in reach]
        shifts = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3) @ atoms.cell.array
        positions = (atoms.positions[None] + shifts[:, None]).reshape(-1, 3)
        distances = np.linalg.norm(positions - centre, axis=1)
        if (distances < radius).sum() >= count:
            break
        radius *= 1.3
    nearest = np.argsort(distances, kind="stable")[:count]
    return np.tile(atoms.numbers, len(shifts))[nearest], positions[nearest] - centre


def _neutral(charges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which atoms remain when the outermost ones of the excess sign are taken off, first those that fit the excess."""
    kept = list(range(len(charges)))
    while kept and (excess := int(charges[kept].sum())):
        same = [atom for atom in kept if charges[atom] * excess > 0]
        fitting = [atom for atom in same if abs(charges[atom]) <= abs(excess)]
        kept.remove((fitting or same)[-1])
    return np.array(kept, dtype=np.int64)
