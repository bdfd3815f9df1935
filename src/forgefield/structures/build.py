"""All initial structures of a system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.isolated import isolated_atom
from forgefield.atoms.neighbours import shortest_distance
from forgefield.atoms.records import Candidate
from forgefield.structures.compound import Compound, compound_structures, no_structures
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.files import structures_from_files
from forgefield.structures.point_defects import point_defects
from forgefield.structures.prototypes import ground_state_name, known_element, known_prototype, prototype
from forgefield.structures.random_search import random_crystals
from forgefield.structures.rattle import rattled
from forgefield.structures.slabs import slabs
from forgefield.structures.source_result import Collected, SourceResult, joined
from forgefield.structures.spec import StructuresSpec
from forgefield.structures.strain import random_strain, scaled_to_volume, strained
from forgefield.structures.supercell import supercell

# Settings of sources that know elements only.
_ELEMENT_ONLY = ("strain", "rattle", "companions")
_COMMON = ("diamond", "hexagonal-diamond", "beta-tin", "sc", "bcc", "fcc", "hcp")


def initial_structures(
    spec: StructuresSpec,
    species: tuple[str, ...],
    rng: np.random.Generator,
    compound: Compound | None = None,
    cache: Path | None = None,
) -> Collected:
    """Structures to begin with, most important first, without duplicates.

    For an element: the main prototype along its energy–volume path, randomly strained and rattled in its
    smallest cell and in a supercell; rattled supercells; the other prototypes; random crystals; slabs and defects, if
    asked for. For a compound:
    crystals from all sources and what is made from them (:func:`~forgefield.structures.compound.compound_structures`).
    For both: the free atoms and the user's files.

    Args:
        spec: what to make.
        species: elements of the system.
        rng: source of randomness; the same state gives the same structures.
        compound: ions and formulas of a system of several elements; without them only files and free atoms are there.
        cache: folder for answers of databases; needed with ``compound``.

    Raises:
        ForgefieldError: unknown element or prototype, unreadable files, settings that no structure fulfils, or
            settings that are of use for elements only.
    """
    for element in species:
        known_element(element)
    own = structures_from_files(spec.files, species, spec.files_are_trajectories)
    found = Collected(())
    if len(species) == 1:
        made = tuple(_of_element(spec, species[0], rng))
        cut = _slabs_and_defects(spec, species[0])
        broken = tuple(_with_rattled(cut.candidates, spec, *rng.spawn(1)))
        found = Collected((*made, *broken), cut.left_out)
    else:
        _check_compound(spec, species)
        if compound is not None and cache is not None:
            found = compound_structures(spec, compound, own, cache, rng)
    free = [
        Candidate(
            isolated_atom(element, spec.isolated_box),
            "isolated-atom",
            f"isolated-atom/{element}",
            note=f"free atom in a cube of {spec.isolated_box:g} Å",
        )
        for element in species
        if spec.isolated_atom
    ]
    candidates = [*found.candidates, *free, *own]
    kept = tuple(remove_duplicates(candidates, spec.duplicate_tolerance))
    if all(each.source == "isolated-atom" for each in kept):
        raise no_structures(found)
    return Collected(kept, found.left_out, found.sources)


def chosen_prototypes(spec: StructuresSpec, element: str) -> tuple[str, ...]:
    """Names of the prototypes, the main one first."""
    ground = ground_state_name(element)
    if spec.prototypes == "auto":
        return (ground, *(name for name in _COMMON if name != ground))
    names = tuple(dict.fromkeys(known_prototype(name) for name in spec.prototypes))
    return (ground, *(name for name in names if name != ground)) if ground in names else names


def _check_compound(spec: StructuresSpec, species: tuple[str, ...]) -> None:
    asked = [name for name in _ELEMENT_ONLY if name in spec.model_fields_set]
    if "prototypes" in spec.model_fields_set and spec.prototypes not in ("auto", ()):
        asked.insert(0, "prototypes")
    if asked:
        raise ForgefieldError(
            f"structures.{asked[0]} makes structures of one element only, but the species are "
            f"{', '.join(species)}",
            "set prototypes to auto or []"
            if asked[0] == "prototypes"
            else f"take structures.{asked[0]} out of the input",
        )


def _of_element(spec: StructuresSpec, element: str, rng: np.random.Generator) -> Iterator[Candidate]:
    names = chosen_prototypes(spec, element)
    # Each source has its own stream, so that another number of one leaves the others, and their labels, as
    # they were.
    small, large, rattles, companions, randoms = rng.spawn(5)
    for name in names[:1]:
        yield from _volume_path(spec, element, name)
        yield from _strains(spec, element, name, small, large)
        yield from _rattles(spec, element, name, rattles)
    for name in names[1:]:
        yield from _companion(spec, element, name, companions)
    reference = prototype(element, names[0] if names else ground_state_name(element))
    volume = reference.get_volume() / len(reference)
    crystals = random_crystals(
        element,
        spec.random.count,
        spec.random.atoms,
        (volume * (1.0 - spec.random.volume), volume * (1.0 + spec.random.volume)),
        _minimum_distance(spec, reference),
        randoms,
    )
    for index, atoms in enumerate(crystals):
        note = f"{len(atoms)} atoms at {atoms.get_volume() / len(atoms):.1f} Å³/atom"
        yield Candidate(atoms, "random", f"random/{index:03d}", note=note)


def _slabs_and_defects(spec: StructuresSpec, element: str) -> SourceResult:
    """Those of the main prototype that are asked for."""
    parents = [
        Candidate(prototype(element, name), "prototype", f"prototype/{name}", note=name)
        for name in chosen_prototypes(spec, element)[:1]
    ]
    made = []
    if spec.slabs is not None:
        made.append(slabs(parents, spec.slabs, duplicate_tolerance=spec.duplicate_tolerance))
    if spec.defects is not None:
        made.append(point_defects(parents, spec.defects, spec.duplicate_tolerance))
    return joined(made)


def _with_rattled(
    candidates: Sequence[Candidate], spec: StructuresSpec, rng: np.random.Generator
) -> Iterator[Candidate]:
    """Each as it is, and rattled, which frees it from the symmetry of the cut."""
    for each in candidates:
        yield each
        atoms = rattled(each.atoms, spec.strain.rattle, rng, _minimum_distance(spec, each.atoms))
        note = f"{each.note}, rattled by {spec.strain.rattle:g} Å"
        yield replace(each, atoms=atoms, trajectory=f"{each.trajectory}/rattled", note=note)


def _volume_path(spec: StructuresSpec, element: str, name: str) -> Iterator[Candidate]:
    primitive = prototype(element, name)
    for change in _evenly(spec.strain.volume, spec.strain.volume_count):
        source = "prototype" if change == 0.0 else "strain"
        yield Candidate(
            scaled_to_volume(primitive, 1.0 + change),
            source,
            f"prototype/{name}/volume",
            structure_key(primitive),
            f"{name}, volume {change:+.1%}",
        )


def _strains(
    spec: StructuresSpec, element: str, name: str, small: np.random.Generator, large: np.random.Generator
) -> Iterator[Candidate]:
    primitive = prototype(element, name)
    cells = (
        ("small", _small(primitive), spec.strain.small_count, small),
        ("large", _large(spec.max_atoms, primitive), spec.strain.large_count, large),
    )
    for size, cell, count, rng in cells:
        for index in range(count):
            sheared = strained(cell, random_strain(spec.strain.shear, rng))
            yield Candidate(
                rattled(sheared, spec.strain.rattle, rng, _minimum_distance(spec, sheared)),
                "strain",
                f"prototype/{name}/strain-{size}-{index:03d}",
                structure_key(primitive),
                f"{name}, strain within ±{spec.strain.shear:.1%}, rattle {spec.strain.rattle:g} Å",
            )


def _rattles(spec: StructuresSpec, element: str, name: str, rng: np.random.Generator) -> Iterator[Candidate]:
    primitive = prototype(element, name)
    large = _large(spec.rattle.max_atoms or spec.max_atoms, primitive)
    amplitudes = [amplitude for amplitude in spec.rattle.amplitudes for _ in range(spec.rattle.count)]
    for index, amplitude in enumerate(amplitudes):
        change = rng.uniform(-spec.rattle.volume, spec.rattle.volume)
        cell = scaled_to_volume(large, 1.0 + change)
        yield Candidate(
            rattled(cell, amplitude, rng, _minimum_distance(spec, cell)),
            "rattle",
            f"prototype/{name}/rattle-{index:03d}",
            structure_key(primitive),
            f"{name}, volume {change:+.1%}, rattle {amplitude:g} Å",
        )


def _small(primitive: Atoms) -> Atoms:
    # A lone atom feels no force.
    return supercell(primitive, max(2, len(primitive)))


def _large(max_atoms: int, primitive: Atoms) -> Atoms:
    return supercell(primitive, max(max_atoms, 2, len(primitive)))


def _companion(
    spec: StructuresSpec, element: str, name: str, rng: np.random.Generator
) -> Iterator[Candidate]:
    primitive = prototype(element, name)
    cell = supercell(primitive, max(spec.companions.max_atoms, len(primitive)))
    for change in _evenly(spec.companions.volume, spec.companions.volumes):
        scaled = scaled_to_volume(cell, 1.0 + change)
        atoms = rattled(scaled, spec.companions.rattle, rng, _minimum_distance(spec, scaled))
        note = f"{name}, volume {change:+.1%}, rattle {spec.companions.rattle:g} Å"
        yield Candidate(atoms, "prototype", f"prototype/{name}/volume", structure_key(primitive), note)


def _evenly(largest: float, count: int) -> list[float]:
    """Numbers from −largest to +largest with 0 among them; for an even count the last one is left out."""
    if count == 0:
        return []
    spaced = np.linspace(-largest, largest, count + 1 - count % 2) if count > 1 else np.zeros(1)
    return [float(round(value, 12)) for value in spaced[:count]]


def _minimum_distance(spec: StructuresSpec, undistorted: Atoms) -> float:
    bond = 2.0 * float(covalent_radii[atomic_numbers[undistorted.get_chemical_symbols()[0]]])
    return spec.min_distance_ratio * min(bond, shortest_distance(undistorted, bond))
