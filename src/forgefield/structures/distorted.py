"""Perturbed and stressed crystals: sites moved, groups turned, cells stretched, squeezed and sheared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from forgefield.atoms.contacts import closest_contact
from forgefield.atoms.identity import structure_key
from forgefield.atoms.neighbours import find_neighbours
from forgefield.atoms.records import Candidate
from forgefield.structures.clusters import BOND
from forgefield.structures.compound_spec import DistortionSpec
from forgefield.structures.distortions import rotated_sites, sheared, translated_sites
from forgefield.structures.source_result import LeftOut, SourceResult
from forgefield.structures.strain import scaled_to_volume
from forgefield.structures.supercell import supercell


def distorted(parents: Sequence[Candidate], spec: DistortionSpec, rng: np.random.Generator) -> SourceResult:
    """Each crystal with single sites moved, coordination polyhedra turned, and its cell at other volumes and sheared.

    Sites and polyhedra are moved in a supercell, the cell is changed in the crystal as it is. Those in which two atoms
    come too close are left out and listed.

    Args:
        parents: crystals.
        spec: amplitudes and numbers.
        rng: source of randomness; the same state gives the same structures.
    """
    made: list[Candidate] = []
    left_out: list[LeftOut] = []
    for parent in parents:
        allowed = spec.min_distance_ratio * min(1.0, closest_contact(parent.atoms, 1.5).ratio)
        for kind, atoms, note in _all(parent.atoms, spec, rng):
            contact = closest_contact(atoms, allowed)
            if contact.ratio < allowed:
                one, other = (atoms.symbols[index] for index in contact.pair)
                problem = f"brings {one} and {other} to {contact.distance:.2f} Å of each other"
                left_out.append(LeftOut(f"{parent.trajectory}, {note}", problem))
                continue
            trajectory = f"{parent.trajectory}/{kind}"
            made.append(Candidate(atoms, "distortion", trajectory, structure_key(parent.atoms), note))
    return SourceResult(tuple(made), tuple(left_out))


def _all(atoms: Atoms, spec: DistortionSpec, rng: np.random.Generator) -> Iterator[tuple[str, Atoms, str]]:
    # Each kind has its own stream, so that another number of one leaves the others as they were.
    moves, turns, shears = rng.spawn(3)
    large = supercell(atoms, max(spec.max_atoms, len(atoms)))
    for number, length in enumerate(np.repeat(spec.moves, spec.count)):
        site = int(moves.integers(len(large)))
        direction = moves.normal(size=3)
        vector = length * direction / np.linalg.norm(direction)
        note = f"{large.symbols[site]} moved by {length:g} Å"
        yield f"move-{number:03d}", translated_sites(large, [site], vector), note
    for number, angle in enumerate(np.repeat(spec.turns, spec.count)):
        site = int(turns.integers(len(large)))
        note = f"polyhedron around {large.symbols[site]} turned by {angle:g}°"
        turned = rotated_sites(
            large, _polyhedron(large, site), turns.normal(size=3), float(angle), large.positions[site]
        )
        yield f"turn-{number:03d}", turned, note
    for number, change in enumerate(spec.volumes):
        yield f"volume-{number:03d}", scaled_to_volume(atoms, 1.0 + change), f"volume {change:+.1%}"
    for number, amount in enumerate(np.repeat(spec.shears, spec.count)):
        along, normal = (int(axis) for axis in shears.permutation(3)[:2])
        note = f"planes normal to {'xyz'[normal]} sheared along {'xyz'[along]} by {amount:+.1%}"
        yield f"shear-{number:03d}", sheared(atoms, along, normal, float(amount)), note


def _polyhedron(atoms: Atoms, site: int) -> list[int]:
    """The site and the atoms bound to it, each once."""
    radii = covalent_radii[atoms.numbers]
    pairs = find_neighbours(atoms, 2.0 * BOND * float(radii.max()))
    mine = slice(pairs.offsets[site], pairs.offsets[site + 1])
    others = pairs.neighbours[mine]
    bound = np.linalg.norm(pairs.vectors[mine], axis=1) < BOND * (radii[site] + radii[others])
    return [site, *sorted({int(other) for other in others[bound]} - {site})]
