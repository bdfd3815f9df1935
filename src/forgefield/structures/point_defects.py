"""Vacancies, antisites and interstitials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from forgefield.atoms.identity import structure_key
from forgefield.atoms.primitive_cell import primitive_cell
from forgefield.atoms.records import Candidate
from forgefield.atoms.site_symmetry import distinct_atoms
from forgefield.atoms.voids import distances_to_atoms, voids
from forgefield.structures.compound_spec import DefectSpec
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.source_result import LeftOut, SourceResult
from forgefield.structures.supercell import supercell

# How far atoms of crystals from databases are from where symmetry puts them, Å.
_RELAXED = 0.01


def point_defects(
    parents: Sequence[Candidate], spec: DefectSpec, duplicate_tolerance: float = 0.01
) -> SourceResult:
    """One defect in a supercell of each crystal, for every kind of site and species.

    Vacancies at each kind of site and, if asked for, atoms half way into them; antisites of each other element of the
    crystal there; interstitials of each element in the largest voids, which are vertices of the Voronoi polyhedra. The
    cells are not charged, and nothing relaxes.

    Args:
        parents: crystals.
        spec: which defects, size of the supercell, room for interstitials.
        duplicate_tolerance: Å, as in :func:`~forgefield.structures.duplicates.remove_duplicates`.
    """
    made: list[Candidate] = []
    left_out: list[LeftOut] = []
    for parent in parents:
        primitive = primitive_cell(parent.atoms, _RELAXED)
        if len(primitive) > spec.max_atoms:
            left_out.append(
                LeftOut(
                    f"defects of {parent.trajectory}",
                    f"its primitive cell has {len(primitive)} atoms, more than max_atoms {spec.max_atoms}",
                )
            )
            continue
        host = supercell(primitive, spec.max_atoms)
        defects = [*_vacancies(host, spec), *_antisites(host, spec), *_interstitials(host, primitive, spec)]
        for kind, atoms in defects:
            trajectory = f"defect/{parent.trajectory}/{kind.replace(' ', '-')}"
            note = f"{kind} in {host.get_chemical_formula('metal')} of {parent.trajectory}"
            made.append(Candidate(atoms, "defect", trajectory, structure_key(parent.atoms), note))
        if spec.interstitials and not any(kind.startswith("interstitial") for kind, _ in defects):
            left_out.append(
                LeftOut(
                    f"interstitials of {parent.trajectory}",
                    f"no void keeps atoms at {spec.min_distance_ratio:g} sums of covalent radii; lower "
                    "min_distance_ratio",
                )
            )
    return SourceResult(tuple(remove_duplicates(made, duplicate_tolerance)), tuple(left_out))


def _vacancies(host: Atoms, spec: DefectSpec) -> Iterator[tuple[str, Atoms]]:
    # Without its only atom a cell would be empty.
    if not spec.vacancies or len(host) < 2:
        return
    for number, index in enumerate(distinct_atoms(host, _RELAXED)):
        atoms = host.copy()
        del atoms[index]
        yield f"vacancy {number} {host.symbols[index]}", atoms
        if spec.hops and (hopping := _half_way(host, index)) is not None:
            yield f"hop {number} {host.symbols[index]}", hopping


def _half_way(host: Atoms, index: int) -> Atoms | None:
    """The host without an atom, the nearest other one of its element half way into the hole; None if there is none."""
    alike = [i for i in range(len(host)) if i != index and host.numbers[i] == host.numbers[index]]
    if not alike:
        return None
    vectors = host.get_distances(index, alike, mic=True, vector=True)
    nearest = int(np.linalg.norm(vectors, axis=1).argmin())
    atoms = host.copy()
    atoms.positions[alike[nearest]] -= 0.5 * vectors[nearest]
    del atoms[index]
    atoms.wrap()
    return atoms


def _antisites(host: Atoms, spec: DefectSpec) -> Iterator[tuple[str, Atoms]]:
    if not spec.antisites:
        return
    for number, index in enumerate(distinct_atoms(host, _RELAXED)):
        for element in sorted(set(host.get_chemical_symbols()) - {host.symbols[index]}):
            atoms = host.copy()
            atoms.symbols[index] = element
            yield f"antisite {number} {element} on {host.symbols[index]}", atoms


def _interstitials(host: Atoms, primitive: Atoms, spec: DefectSpec) -> Iterator[tuple[str, Atoms]]:
    if not spec.interstitials:
        return
    positions, _ = voids(primitive, _RELAXED)
    for element in sorted(set(host.get_chemical_symbols())):
        radius = covalent_radii[atomic_numbers[element]]
        taken = 0
        for position in positions:
            room = distances_to_atoms(primitive, position) / (radius + covalent_radii[primitive.numbers])
            if taken == spec.interstitials or room.min() < spec.min_distance_ratio:
                continue
            atoms = host + Atoms(element, positions=[position])
            atoms.wrap()
            yield f"interstitial {taken} {element}", atoms
            taken += 1
