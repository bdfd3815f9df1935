"""Supercells with one point defect each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.data import atomic_numbers, covalent_radii

from forgefield.atoms.primitive_cell import primitive_cell
from forgefield.atoms.records import Array
from forgefield.atoms.site_symmetry import distinct_atoms
from forgefield.atoms.voids import distances_to_atoms, voids
from forgefield.properties.crystal import RELAXED_TOLERANCE, bare_crystal
from forgefield.properties.supercell_choice import choose_supercell


@dataclass(frozen=True, slots=True)
class DefectCell:
    """A supercell with one defect.

    Attributes:
        name: such as ``vacancy O``, with a number where sites of an element differ.
        kind: ``vacancy``, ``antisite`` or ``interstitial``.
        atoms: the supercell, not relaxed.
        removed: element of the missing atom, or "".
        added: element of the additional atom, or "".
        site: (3,) where the defect was made, Å.
    """

    name: str
    kind: str
    atoms: Atoms
    removed: str
    added: str
    site: Array


def host_cell(atoms: Atoms, minimum_length: float, max_atoms: int) -> Atoms:
    """The supercell without a defect.

    Raises:
        ForgefieldError: the smallest supercell that is long enough has too many atoms.
    """
    crystal = bare_crystal(atoms)
    return make_supercell(crystal, np.array(choose_supercell(crystal, minimum_length, max_atoms)))


def defect_cells(
    atoms: Atoms, host: Atoms, vacancies: bool, antisites: bool, interstitials: int, closest: float
) -> tuple[DefectCell, ...]:
    """One defect for each kind of site and element.

    Args:
        atoms: the crystal.
        host: a supercell of it.
        vacancies: whether to take out an atom of each kind of site.
        antisites: whether to put each other element of the crystal there.
        interstitials: number of voids, the largest first, that get an atom of each element.
        closest: shortest distance of interstitials to other atoms, in sums of covalent radii.
    """
    found: list[DefectCell] = []
    if vacancies or antisites:
        found += _substitutions(host, vacancies, antisites)
    if interstitials:
        found += _interstitials(atoms, host, interstitials, closest)
    return tuple(found)


def _substitutions(host: Atoms, vacancies: bool, antisites: bool) -> Iterator[DefectCell]:
    sites = distinct_atoms(host, RELAXED_TOLERANCE)
    seen: Counter[str] = Counter()
    for index in sites:
        symbol = host.symbols[index]
        seen[symbol] += 1
        number = "" if (host.symbols[sites] == symbol).sum() == 1 else f" {seen[symbol]}"
        site = host.positions[index].copy()
        if vacancies:
            atoms = host.copy()
            del atoms[index]
            yield DefectCell(f"vacancy {symbol}{number}", "vacancy", atoms, symbol, "", site)
        for element in sorted(set(host.get_chemical_symbols()) - {symbol}) if antisites else ():
            atoms = host.copy()
            atoms.symbols[index] = element
            yield DefectCell(
                f"antisite {element} on {symbol}{number}", "antisite", atoms, symbol, element, site
            )


def _interstitials(crystal: Atoms, host: Atoms, most: int, closest: float) -> Iterator[DefectCell]:
    primitive = primitive_cell(bare_crystal(crystal), RELAXED_TOLERANCE)
    positions, _ = voids(primitive, RELAXED_TOLERANCE)
    for element in sorted(set(host.get_chemical_symbols())):
        radii = covalent_radii[atomic_numbers[element]] + covalent_radii[primitive.numbers]
        roomy = [site for site in positions if (distances_to_atoms(primitive, site) / radii).min() >= closest]
        for number, site in enumerate(roomy[:most], start=1):
            atoms = host + Atoms(element, positions=[site])
            atoms.wrap()
            label = "" if len(roomy[:most]) == 1 else f" {number}"
            yield DefectCell(f"interstitial {element}{label}", "interstitial", atoms, "", element, site)
