"""Crystals in which a share of one species is replaced by another, in distinct orderings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.atoms.site_symmetry import site_permutations
from forgefield.structures.compound_spec import FractionalSpec
from forgefield.structures.crystal_size import predicted_scale, scaled
from forgefield.structures.duplicates import remove_duplicates
from forgefield.structures.ions import Ion, ion_from_text, ionic_radius, known_ions, listed
from forgefield.structures.source_result import LeftOut, SourceResult
from forgefield.structures.supercell import supercell

# Up to this number of orderings all are looked at, beyond it as many are drawn.
_ENUMERATED = 5_000
_DRAWS = 50

Sites = NDArray[np.int64]


def fractional_substitutions(
    parents: Sequence[Candidate],
    ions: Sequence[Ion],
    spec: FractionalSpec,
    rng: np.random.Generator,
    duplicate_tolerance: float = 0.01,
) -> SourceResult:
    """Replace ``spec.share`` of ``spec.replace`` by ``spec.by``, in up to ``spec.count`` orderings of each parent.

    The smallest supercell in which the share comes out within ``spec.tolerance`` is taken. Orderings that a symmetry
    operation takes into each other count as one. Lengths grow with the mean of the ionic radii.

    Args:
        parents: crystals; those that contain other elements than ``ions``, or lack the one to replace, are listed.
        ions: the ions of the parents.
        spec: which ion is replaced by which, share and limits.
        rng: source of randomness; the same state gives the same orderings.
        duplicate_tolerance: Å, as in :func:`~forgefield.structures.duplicates.remove_duplicates`.

    Raises:
        ForgefieldError: unknown ions, an ion to replace that is not among ``ions``, or one to take its place that is,
            or has another charge.
    """
    old, new = ion_from_text(spec.replace), known_ions([ion_from_text(spec.by)])[0]
    _check(known_ions(ions), old, new)
    made: list[Candidate] = []
    left_out: list[LeftOut] = []
    for parent in parents:
        name = f"{parent.trajectory} ({parent.atoms.get_chemical_formula('metal')})"
        problem = _unsuitable(parent.atoms, ions, old)
        if problem:
            left_out.append(LeftOut(name, problem))
            continue
        cell = _cell(parent.atoms, old, spec)
        if cell is None:
            left_out.append(
                LeftOut(
                    name,
                    f"no cell with at most {spec.max_atoms} atoms lets {new} take {spec.share:.0%} of the {old} sites; "
                    "raise max_atoms or tolerance",
                )
            )
            continue
        sites = np.flatnonzero(cell.symbols == old.element)
        replaced = round(spec.share * len(sites))
        now = (*(ion for ion in ions if ion != old or replaced < len(sites)), new)
        orderings = _distinct_orderings(cell, sites, replaced, spec.count, rng)
        for number, ordering in enumerate(orderings):
            atoms = cell.copy()
            atoms.symbols[ordering] = new.element
            scale = _lengthening(cell, ions, atoms, now)
            made.append(
                Candidate(
                    scaled(atoms, scale),
                    "fractional",
                    f"fractional/{parent.trajectory}/{old.element}-{new.element}-{spec.share:g}-{number:03d}",
                    structure_key(parent.atoms),
                    f"{new} on {replaced} of {len(sites)} {old} sites, ordering {number + 1} of "
                    f"{len(orderings)}, lengths × {scale:.3f}",
                )
            )
    if not parents:
        left_out.append(
            LeftOut(f"{new} for {old}", "there is no crystal to replace it in; give other sources too")
        )
    return SourceResult(tuple(remove_duplicates(made, duplicate_tolerance)), tuple(left_out))


def _check(ions: tuple[Ion, ...], old: Ion, new: Ion) -> None:
    if old not in ions:
        raise ForgefieldError(
            f"{old} cannot be replaced in a compound of {listed(ions)}", f"name one of {listed(ions)}"
        )
    if new.element in {ion.element for ion in ions}:
        raise ForgefieldError(
            f"{new} cannot take the place of {old}: there is {new.element} in {listed(ions)} already",
            "name another element, or ask for antisites among the point defects",
        )
    if new.charge != old.charge:
        raise ForgefieldError(
            f"{new} in the place of {old} would charge the crystal",
            f"name an ion of charge {old.charge:+d}" if old.charge else "give it without a charge",
        )


def _unsuitable(atoms: Atoms, ions: Sequence[Ion], old: Ion) -> str | None:
    present = set(atoms.get_chemical_symbols())
    foreign = sorted(present - {ion.element for ion in ions})
    if foreign:
        return f"contains {', '.join(foreign)}, not only {listed(ions)}"
    return None if old.element in present else f"lacks {old.element}"


def _cell(atoms: Atoms, old: Ion, spec: FractionalSpec) -> Atoms | None:
    """The smallest supercell in which the share comes out."""
    own = int((atoms.symbols == old.element).sum())
    for index in range(1, spec.max_atoms // len(atoms) + 1):
        replaced = round(spec.share * index * own)
        if replaced and abs(replaced / (index * own) - spec.share) <= spec.tolerance:
            return supercell(atoms, index * len(atoms), index * len(atoms))
    return None


def _lengthening(before: Atoms, ions: Sequence[Ion], after: Atoms, new_ions: Sequence[Ion]) -> float:
    """Ratio of the mean ionic radii; where one is not known, of the sizes that the crystals are predicted to have."""
    sums = []
    for atoms, known in ((before, ions), (after, new_ions)):
        symbols = list(atoms.symbols)
        radii = [(ionic_radius(ion), symbols.count(ion.element)) for ion in known]
        sums.append(sum(radius * n for radius, n in radii if radius is not None))
        if any(radius is None for radius, _ in radii):
            return predicted_scale(after, new_ions) / predicted_scale(before, ions)
    return sums[1] / sums[0]


def _distinct_orderings(
    cell: Atoms, sites: Sites, replaced: int, count: int, rng: np.random.Generator
) -> list[Sites]:
    """Subsets of the sites, none of them the image of another, in an order that only the generator decides."""
    permutations = np.unique(site_permutations(cell)[:, sites], axis=0)
    if math.comb(len(sites), replaced) <= _ENUMERATED:
        places = np.array(list(itertools.combinations(range(len(sites)), replaced)))
    else:
        draws = [np.sort(rng.permutation(len(sites))[:replaced]) for _ in range(_DRAWS * count)]
        places = np.array(draws)
    images = _first_images(places, permutations)
    distinct = np.unique(images, axis=0)
    chosen = rng.permutation(len(distinct))[:count]
    return list(distinct[np.sort(chosen)])


def _first_images(places: Sites, permutations: Sites) -> Sites:
    """(S, R) sorted atoms of the image of each subset that comes first in lexicographic order."""
    best = np.sort(permutations[0][places], axis=1)
    for permutation in permutations[1:]:
        image = np.sort(permutation[places], axis=1)
        differs = image != best
        first = differs.argmax(axis=1)
        rows = np.arange(len(places))
        earlier = differs.any(axis=1) & (image[rows, first] < best[rows, first])
        best[earlier] = image[earlier]
    return best
