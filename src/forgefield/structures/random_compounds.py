"""Random crystals of compounds with a random space group."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from forgefield.atoms.records import Candidate
from forgefield.atoms.site_symmetry import space_group
from forgefield.structures.cell_limits import room_problem
from forgefield.structures.charge_balance import BalancedFormula
from forgefield.structures.compound_spec import CrystalSpec
from forgefield.structures.contacts import touching_distance
from forgefield.structures.crystal_size import predicted_scale, scaled
from forgefield.structures.random_search import attempted_crystals, reduced_primitive
from forgefield.structures.source_result import LeftOut, SourceResult

# Attempts for each crystal that is wanted. One in ten succeeds, and one takes some 100 ms.
_ATTEMPTS = 60
# PyXtal is told to keep this share of the sums of radii; it takes minutes over more.
_SEARCHED = 0.8


def random_compounds(
    formulas: Sequence[BalancedFormula],
    count: int,
    limits: CrystalSpec,
    volume: float,
    rng: np.random.Generator,
    sizes: Mapping[str, float] | None = None,
) -> SourceResult:
    """Crystals of random space group, number of formula units, lattice and positions, made by PyXtal.

    PyXtal: Fredericks et al., Comput. Phys. Commun. 261, 107810 (2021). A crystal is scaled to a random volume near
    that of known crystals of its formula, or near that at which its bond valences add up to its charges. Formulas take
    turns. Of a formula there are fewer than its share, and that is listed, when the attempts (60 for each
    crystal) are used up.

    Args:
        formulas: neutral formulas.
        count: how many crystals to make, of all formulas together.
        limits: what crystals must be like; the primitive cells have ``min_atoms`` to ``max_atoms`` atoms.
        volume: largest relative difference from the predicted volume, both ways.
        rng: source of randomness; the same state gives the same crystals.
        sizes: Å³/atom of known crystals, by formula; where bond valences are few, as in odd coordination, the volume
            that they ask for is off by a factor of up to two.

    Raises:
        ForgefieldError: PyXtal is not installed.
    """
    shares = [len(range(first, count, len(formulas))) for first in range(len(formulas))]
    made: list[list[Candidate]] = []
    left_out: list[LeftOut] = []
    # Each formula has its own stream, so that the fate of one leaves the others as they were.
    for formula, share, stream in zip(formulas, shares, rng.spawn(len(formulas)), strict=True):
        size = (sizes or {}).get(str(formula))
        own = list(itertools.islice(_crystals(formula, share, limits, volume, stream, size), share))
        made.append(own)
        if len(own) < share:
            problem = f"{len(own)} instead of {share}: {_reason(formula, limits)}"
            left_out.append(LeftOut(f"random crystals of {formula}", problem))
    turns = itertools.chain.from_iterable(itertools.zip_longest(*made))
    return SourceResult(tuple(candidate for candidate in turns if candidate is not None), tuple(left_out))


def _crystals(
    formula: BalancedFormula,
    share: int,
    limits: CrystalSpec,
    volume: float,
    rng: np.random.Generator,
    size: float | None,
) -> Iterator[Candidate]:
    units = _units(formula, limits)
    if not units:
        return
    counts = {ion.element: n for ion, n in zip(formula.ions, formula.counts, strict=True)}
    ratio = min(limits.min_distance_ratio, _SEARCHED)
    distances = [
        (one.element, other.element, ratio * touching_distance(one, other))
        for one, other in itertools.combinations_with_replacement(formula.ions, 2)
    ]
    attempts = attempted_crystals(counts, (units[0], units[-1]), _ATTEMPTS * share, rng, distances)
    number = 0
    for attempt in attempts:
        change = rng.uniform(-volume, volume)
        crystal = reduced_primitive(attempt)
        if not limits.min_atoms <= len(crystal) <= limits.max_atoms:
            continue
        own = crystal.get_volume() / len(crystal)
        scale = predicted_scale(crystal, formula.ions) if size is None else (size / own) ** (1.0 / 3.0)
        crystal = scaled(crystal, scale * (1.0 + change) ** (1.0 / 3.0))
        if room_problem(crystal, formula.ions, limits):
            continue
        volume_per_atom = crystal.get_volume() / len(crystal)
        note = f"{len(crystal)} atoms at {volume_per_atom:.1f} Å³/atom, space group {space_group(crystal)}"
        yield Candidate(crystal, "random", f"random/{formula}/{number:03d}", note=note)
        number += 1


def _units(formula: BalancedFormula, limits: CrystalSpec) -> range:
    """How many formula units a cell may have."""
    size = sum(formula.counts)
    return range(-(-limits.min_atoms // size), limits.max_atoms // size + 1)


def _reason(formula: BalancedFormula, limits: CrystalSpec) -> str:
    if not _units(formula, limits):
        return f"no multiple of it has {limits.min_atoms} to {limits.max_atoms} atoms"
    return "the others had no room or were sparse; lower min_distance_ratio or min_packing"
