"""The distinct hops by which atoms of a crystal migrate, with both ends in a supercell.

Two hops are one if a symmetry operation of the crystal carries the one onto the other or onto its way back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.atoms.spec import Spec
from forgefield.properties.crystal import CrystalSymmetry, bare_crystal, find_symmetry
from forgefield.properties.force_constants import SupercellMatrix
from forgefield.properties.supercell_choice import wanted_supercell

_SAME = 0.01
"""Å; vectors that differ by less are one."""


class HopSpec(Spec):
    """Which hops are looked for, and in which cell."""

    species: tuple[str, ...] | None = None
    """Elements that migrate; null: all."""
    reach: float = Field(default=1.2, ge=1)
    """Longest hop in units of the shortest one of the same species from the same kind of site."""
    cutoff: float | None = Field(default=None, gt=0)
    """Longest hop, Å, instead of `reach`."""
    minimum_length: float = Field(default=9.0, gt=0)
    """Shortest distance between periodic images in the supercell, Å."""
    max_atoms: int = Field(default=256, ge=2)
    """Largest supercell allowed."""
    supercell: SupercellMatrix | None = None
    """Supercell vectors (rows) in units of the cell's; null: the smallest with `minimum_length`."""


@dataclass(frozen=True, slots=True)
class Jumps:
    """All jumps of one kind of a defect, from each of its sites in the cell, and both ways.

    Attributes:
        starts: (J,) sites they begin at, counted from 0 among those of the defect.
        ends: (J,) sites they end at.
        vectors: (J, 3), Å.
        n_sites: in the cell.
        sites_alike: whether operations of the crystal carry any site into any other.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    vectors: Array
    n_sites: int
    sites_alike: bool


@dataclass(frozen=True, slots=True)
class Hop:
    """One kind of hop.

    Attributes:
        name: such as ``Cu vacancy, 2.55 Å``.
        defect: what migrates, such as ``Cu vacancy``.
        species: of the atom that hops.
        distance: between the ideal sites, Å.
        multiplicity: hops of this kind out of the first site.
        multiplicity_backward: hops of this kind out of the last site.
        jumps: all of this kind in the crystal's cell.
        initial: the supercell before, not relaxed.
        final: the supercell after, the same atoms in the same order.
    """

    name: str
    defect: str
    species: str
    distance: float
    multiplicity: int
    multiplicity_backward: int
    jumps: Jumps
    initial: Atoms
    final: Atoms


@dataclass(frozen=True, slots=True)
class _Pair:
    """Hops of one class: one of them, from site to site along a vector (3,), and all of them."""

    start: int
    end: int
    vector: Array
    jumps: Jumps


def vacancy_hops(atoms: Atoms, spec: HopSpec) -> tuple[Hop, ...]:
    """Hops of atoms into a vacancy next to them, the shortest first.

    Args:
        atoms: the perfect crystal.
        spec: settings.

    Raises:
        ForgefieldError: the crystal lacks a species asked for, or none of its atoms has a neighbour to hop to.
    """
    crystal = bare_crystal(atoms)
    species = spec.species or tuple(sorted(set(crystal.get_chemical_symbols())))
    host = make_supercell(crystal, _supercell(crystal, spec))
    hops = []
    for symbol in species:
        sites = np.flatnonzero(np.array(crystal.get_chemical_symbols()) == symbol)
        if len(sites) == 0:
            raise ForgefieldError(
                f"{crystal.get_chemical_formula()} has no {symbol} to migrate", "correct the species"
            )
        for pair in _classes(crystal, find_symmetry(crystal), sites, spec):
            # The vacancy goes from the pair's start to its end, so the atom goes the other way.
            vacancy, mover = (
                _index_at(host, crystal.positions[pair.start] + shift) for shift in (np.zeros(3), pair.vector)
            )
            initial, final = host.copy(), host.copy()
            final.positions[mover] -= pair.vector
            del initial[vacancy], final[vacancy]
            hops.append(_hop(f"{symbol} vacancy", symbol, sites, pair, initial, final))
    return _named(hops)


def interstitial_hops(atoms: Atoms, symbol: str, position: Array, spec: HopSpec) -> tuple[Hop, ...]:
    """Hops of one interstitial atom between sites equivalent to a given one, the shortest first.

    Args:
        atoms: the perfect crystal.
        symbol: element of the interstitial atom.
        position: (3,) one of its sites, Å.
        spec: settings; its species do not count.

    Raises:
        ForgefieldError: the site is that of an atom.
    """
    crystal = bare_crystal(atoms)
    symmetry = find_symmetry(crystal)
    sites = _equivalent_places(crystal, symmetry, position)
    nearest = neighbor_list("d", crystal + Atoms(symbol, positions=[position]), 1e-1)
    if len(nearest):
        raise ForgefieldError(
            f"the interstitial site {np.round(position, 3).tolist()} is that of an atom",
            "give a place between the atoms",
        )
    with_sites = crystal + Atoms([symbol] * len(sites), positions=sites)
    occupied = np.arange(len(crystal), len(with_sites))
    host = make_supercell(crystal, _supercell(crystal, spec))
    hops = []
    for pair in _classes(with_sites, _extended(crystal, symmetry, with_sites), occupied, spec):
        start = with_sites.positions[pair.start]
        initial, final = (host + Atoms(symbol, positions=[place]) for place in (start, start + pair.vector))
        hops.append(_hop(f"{symbol} interstitial", symbol, occupied, pair, initial, final))
    return _named(hops)


def _supercell(crystal: Atoms, spec: HopSpec) -> SupercellMatrix:
    return wanted_supercell(crystal, spec)


def _classes(
    crystal: Atoms, symmetry: CrystalSymmetry, sites: NDArray[np.int64], spec: HopSpec
) -> list[_Pair]:
    """One hop of each class between sites, the shortest first."""
    starts, ends, vectors = _hops_between(crystal, sites, spec)
    lengths = np.linalg.norm(vectors, axis=1)
    found: list[_Pair] = []
    left = set(range(len(vectors)))
    for k in sorted(left, key=lambda k: (round(float(lengths[k]), 3), starts[k], ends[k], k)):
        if k not in left:
            continue
        start, end, vector = int(starts[k]), int(ends[k]), vectors[k]
        members: set[int] = set()
        for rotation, permutation in zip(symmetry.rotations, symmetry.permutations, strict=True):
            image, first, last = rotation @ vector, permutation[start], permutation[end]
            for one, other, way in ((first, last, image), (last, first, -image)):
                same = (starts == one) & (ends == other) & (np.abs(vectors - way).max(axis=1) < _SAME)
                members.update(np.flatnonzero(same).tolist())
        left -= members
        kind = sorted(members)
        jumps = Jumps(
            starts=np.searchsorted(sites, starts[kind]).astype(np.int64),
            ends=np.searchsorted(sites, ends[kind]).astype(np.int64),
            vectors=vectors[kind],
            n_sites=len(sites),
            sites_alike=len(set(symmetry.permutations.min(axis=0)[sites].tolist())) == 1,
        )
        found.append(_Pair(start, end, vector, jumps))
    return found


def _hops_between(
    crystal: Atoms, sites: NDArray[np.int64], spec: HopSpec
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Start, end (indices of the crystal) and vector of every hop that is short enough."""
    chosen = crystal[sites]
    distances = chosen.get_all_distances(mic=True)
    np.fill_diagonal(distances, np.inf)
    # A site has images of itself, too.
    nearest = np.minimum(distances.min(axis=1), crystal.cell.lengths().min())
    limits = np.full(len(sites), spec.cutoff) if spec.cutoff else spec.reach * nearest
    starts, ends, vectors = neighbor_list("ijD", chosen, float(limits.max()) + _SAME)
    short = np.linalg.norm(vectors, axis=1) <= limits[starts] + _SAME
    if not short.any():
        raise ForgefieldError(
            f"no hop of {chosen.symbols[0]} in {crystal.get_chemical_formula()} is as short as "
            f"{limits.max():.3g} Å",
            f"raise the cutoff; the shortest is {nearest.min():.3g} Å",
        )
    return sites[starts[short]], sites[ends[short]], vectors[short]


def _equivalent_places(crystal: Atoms, symmetry: CrystalSymmetry, position: Array) -> Array:
    """(M, 3) all places in the cell that operations make of one, itself the first."""
    shifts = _shifts(crystal, symmetry)
    images = np.einsum("gab,b->ga", symmetry.rotations, position) + shifts
    places: list[Array] = [np.asarray(position, dtype=np.float64)]
    for image in images:
        away = (np.array(places) - image) @ np.linalg.inv(crystal.cell.array)
        away -= np.round(away)
        if np.linalg.norm(away @ crystal.cell.array, axis=1).min() > _SAME:
            places.append(image)
    return np.array(places)


def _extended(crystal: Atoms, symmetry: CrystalSymmetry, with_sites: Atoms) -> CrystalSymmetry:
    """The crystal's operations with their permutations of more places."""
    shifts = _shifts(crystal, symmetry)
    inverse = np.linalg.inv(with_sites.cell.array)
    permutations = []
    for rotation, shift in zip(symmetry.rotations, shifts, strict=True):
        away = (with_sites.positions @ rotation.T + shift)[:, None] - with_sites.positions[None]
        away = away @ inverse
        away -= np.round(away)
        permutations.append(np.linalg.norm(away @ with_sites.cell.array, axis=2).argmin(axis=1))
    return CrystalSymmetry(
        symmetry.rotations, np.array(permutations), symmetry.to_standard_axes, symmetry.space_group
    )


def _shifts(crystal: Atoms, symmetry: CrystalSymmetry) -> Array:
    """(G, 3) translation t of every operation x → R x + t, up to a lattice vector, Å."""
    return np.asarray(
        crystal.positions[symmetry.permutations[:, 0]] - symmetry.rotations @ crystal.positions[0]
    )


def _index_at(host: Atoms, place: Array) -> int:
    away = (host.positions - place) @ np.linalg.inv(host.cell.array)
    away -= np.round(away)
    return int(np.linalg.norm(away @ host.cell.array, axis=1).argmin())


def _hop(
    defect: str, symbol: str, sites: NDArray[np.int64], pair: _Pair, initial: Atoms, final: Atoms
) -> Hop:
    distance = float(np.linalg.norm(pair.vector))
    leaving = [int((sites[pair.jumps.starts] == site).sum()) for site in (pair.start, pair.end)]
    return Hop(
        name=f"{defect}, {distance:.2f} Å",
        defect=defect,
        species=symbol,
        distance=distance,
        multiplicity=leaving[0],
        multiplicity_backward=leaving[1],
        jumps=pair.jumps,
        initial=initial,
        final=final,
    )


def _named(hops: list[Hop]) -> tuple[Hop, ...]:
    """The hops with names of their own: those of one name are numbered."""
    often = Counter(hop.name for hop in hops)
    seen: Counter[str] = Counter()
    named = []
    for hop in hops:
        seen[hop.name] += 1
        number = f" ({seen[hop.name]})" if often[hop.name] > 1 else ""
        named.append(replace(hop, name=hop.name + number))
    return tuple(named)
