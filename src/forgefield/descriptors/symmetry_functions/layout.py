"""The functions of a set sorted into what the compiled kernels share: tables of numbers.

Blocks belong to a centre element c or to a pair (c, e) of centre and neighbour element; row c·E + e of a `…starts`
table is where the latter's entries start. Weighted functions become one entry for each element or pair of elements,
with the atomic numbers as weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain, combinations_with_replacement
from typing import NamedTuple

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from forgefield.atoms.records import Array
from forgefield.descriptors.symmetry_functions import definition as kinds
from forgefield.descriptors.symmetry_functions.definition import CutoffFunction, SymmetryFunction
from forgefield.descriptors.symmetry_functions.wide import MAX_DEGREE, products

Integers = NDArray[np.int64]
_WEIGHTED = {12: 2, 13: 3, 23: 20, 24: 21, 25: 22}


class Radial(NamedTuple):
    """Gaussians of a pair's distance, rows shared by radial and wide angular functions; the latter's come first."""

    starts: Integers  # (C·E + 1,) of rows
    gaussians: Array  # (rows, 2) eta, shift
    cutoffs: Integers  # (rows,) which cutoff
    sum_starts: Integers  # (C·E + 1,) of sums
    sums: Integers  # (sums, 2) row within the pair's, index of the value
    weights: Array  # (sums,)
    compact_starts: Integers  # (C·E + 1,) of compact functions
    compact: Array  # (compact, 5) inner radius, cutoff, core, whether asymmetric, weight
    compact_values: Integers  # (compact,) index of the value


class Triplets(NamedTuple):
    """Angular functions that need each pair of neighbours: blocks of one pair of elements, cutoff and shift."""

    starts: Integers  # (C + 1,) of blocks
    blocks: Integers  # (blocks, 4) e1, e2, cutoff, whether the neighbours' distance enters
    shifts: Array  # (blocks,)
    eta_starts: Integers  # (blocks + 1,)
    etas: Array
    power_starts: Integers  # (blocks + 1,)
    powers: Array  # (powers, 2) lambda, zeta
    function_starts: Integers  # (etas + 1,) functions of each eta
    functions: Integers  # (functions, 2) power within the block's, index of the value
    factors: Array  # (functions,) 2^(1 - zeta) times weights
    most: int  # rows of the largest block: etas or powers


class Compact(NamedTuple):
    """Compact angular functions: blocks of one pair of elements and one radial part."""

    starts: Integers  # (C + 1,) of blocks
    blocks: Integers  # (blocks, 3) e1, e2, whether the neighbours' distance enters
    radial: Array  # (blocks, 4) inner radius, cutoff, core, whether asymmetric
    function_starts: Integers  # (blocks + 1,)
    angles: Array  # (functions, 3) left and right angle in radians, weight
    values: Integers  # (functions,) index of the value


class Tables(NamedTuple):
    """All that the kernels know of a set. Lengths are in the functions' unit, which is `length` Å."""

    length: float
    n_species: int
    cutoffs: Array  # (Q,) distinct cutoffs
    reach: Array  # (C,) largest cutoff of each centre
    cutoff_kind: int
    cutoff_inner: float
    radial_starts: Integers
    radial_gaussians: Array
    radial_cutoffs: Integers
    radial_sum_starts: Integers
    radial_sums: Integers
    radial_weights: Array
    radial_compact_starts: Integers
    radial_compact: Array
    radial_compact_values: Integers
    triplet_starts: Integers
    triplet_blocks: Integers
    triplet_shifts: Array
    triplet_eta_starts: Integers
    triplet_etas: Array
    triplet_power_starts: Integers
    triplet_powers: Array
    triplet_function_starts: Integers
    triplet_functions: Integers
    triplet_factors: Array
    triplet_most: int
    wide_degree: int
    wide_rows: Integers
    wide_degrees: Integers
    wide_starts: Integers
    wide_blocks: Integers
    wide_function_starts: Integers
    wide_coefficients: Array
    wide_own: Array
    wide_values: Integers
    wide_multiplicities: Array
    compact_starts: Integers
    compact_blocks: Integers
    compact_radial: Array
    compact_function_starts: Integers
    compact_angles: Array
    compact_values: Integers
    most_rows: int
    most_blocks: int


def lay_out(
    species: Sequence[str],
    functions_of: dict[str, tuple[SymmetryFunction, ...]],
    cutoff_function: CutoffFunction,
    length: float,
) -> Tables:
    """Sort a set's functions into tables.

    Args:
        species: E element symbols.
        functions_of: per element, its functions in the order of the values.
        cutoff_function: of all functions.
        length: Å in one unit of the functions' lengths.
    """
    everything = [f for of_element in functions_of.values() for f in of_element]
    cutoffs = sorted({f.cutoff for f in everything})
    entries = [_entries(species, functions_of[centre]) for centre in species]
    reach = [max((f.cutoff for f in functions_of[centre]), default=0.0) for centre in species]
    radial, rows = _radial(species, entries, cutoffs)
    wide = products(species, [[x for x in part if _is_wide(x)] for part in entries], rows)
    triplets, compact = _triplets(entries, cutoffs), _compact(entries)
    general = (
        length,
        len(species),
        np.array(cutoffs),
        np.array(reach),
        cutoff_function.kind,
        cutoff_function.inner,
    )
    most_rows = max(1, int(np.diff(radial.starts).max()))
    most_blocks = max(1, int(np.diff(triplets.starts).max()))
    return Tables._make((*general, *radial, *triplets, *wide, *compact, most_rows, most_blocks))


class Entry(NamedTuple):
    """One function for given neighbour elements: its weight and the index of its value."""

    function: SymmetryFunction
    kind: int
    elements: tuple[int, ...]
    weight: float
    value: int


def _entries(species: Sequence[str], functions: Sequence[SymmetryFunction]) -> list[Entry]:
    found = []
    for value, f in enumerate(functions):
        kind = _WEIGHTED.get(f.kind, f.kind)
        if kind == f.kind:
            places = tuple(sorted(species.index(e) for e in f.neighbours))
            found.append(Entry(f, kind, places, 1.0, value))
            continue
        for chosen in combinations_with_replacement(range(len(species)), 2 if f.is_angular else 1):
            weight = math.prod(float(atomic_numbers[species[e]]) for e in chosen)
            found.append(Entry(f, kind, chosen, weight, value))
    return found


def _is_wide(entry: Entry) -> bool:
    zeta = entry.function.zeta
    return entry.kind == kinds.WIDE and zeta == round(zeta) and zeta <= MAX_DEGREE


def _row(f: SymmetryFunction) -> tuple[float, float, float]:
    return f.cutoff, f.eta, f.shift


def core_number(subtype: str) -> float:
    """The core function of a compact subtype: 1…4 for the polynomials, 0 for the exponential."""
    return 0.0 if subtype == "e" else float(subtype[1])


def _starts(sizes: Iterable[int]) -> Integers:
    return np.concatenate([[0], np.cumsum(list(sizes), dtype=np.int64)]).astype(np.int64)


def _radial(
    species: Sequence[str], entries: list[list[Entry]], cutoffs: list[float]
) -> tuple[Radial, list[list[tuple[float, float, float]]]]:
    rows: list[list[tuple[float, float, float]]] = []
    sums: list[list[tuple[int, int, float]]] = []
    compact: list[list[tuple[float, float, float, float, float, int]]] = []
    for part in entries:
        for e in range(len(species)):
            wide = {_row(x.function) for x in part if e in x.elements and _is_wide(x)}
            radial = [x for x in part if x.elements == (e,) and x.kind == kinds.RADIAL]
            own = sorted(wide) + sorted({_row(x.function) for x in radial} - wide)
            rows.append(own)
            sums.append([(own.index(_row(x.function)), x.value, x.weight) for x in radial])
            compact.append(
                [
                    (x.function.inner_radius, x.function.cutoff, core_number(x.function.subtype),
                     float(x.function.subtype.endswith("a")), x.weight, x.value)
                    for x in part if x.elements == (e,) and x.kind == kinds.COMPACT_RADIAL
                ]
            )  # fmt: skip
    flat_rows, flat_sums, flat_compact = list(chain(*rows)), list(chain(*sums)), list(chain(*compact))
    table = Radial(
        starts=_starts(map(len, rows)),
        gaussians=np.array([row[1:] for row in flat_rows], dtype=np.float64).reshape(-1, 2),
        cutoffs=np.array([cutoffs.index(row[0]) for row in flat_rows], dtype=np.int64),
        sum_starts=_starts(map(len, sums)),
        sums=np.array([each[:2] for each in flat_sums], dtype=np.int64).reshape(-1, 2),
        weights=np.array([each[2] for each in flat_sums], dtype=np.float64),
        compact_starts=_starts(map(len, compact)),
        compact=np.array([each[:5] for each in flat_compact], dtype=np.float64).reshape(-1, 5),
        compact_values=np.array([each[5] for each in flat_compact], dtype=np.int64),
    )
    return table, rows


def _triplets(entries: list[list[Entry]], cutoffs: list[float]) -> Triplets:
    blocks: list[dict[tuple[int, int, int, int, float], list[Entry]]] = []
    for part in entries:
        mine: dict[tuple[int, int, int, int, float], list[Entry]] = {}
        for x in part:
            if x.kind == kinds.NARROW or (x.kind == kinds.WIDE and not _is_wide(x)):
                narrow = int(x.kind == kinds.NARROW)
                key = (*x.elements, cutoffs.index(x.function.cutoff), narrow, x.function.shift)
                mine.setdefault(key, []).append(x)  # type: ignore[arg-type]
        blocks.append(mine)
    etas, powers, functions = [], [], []
    for members in (members for mine in blocks for members in mine.values()):
        etas.append(sorted({x.function.eta for x in members}))
        powers.append(sorted({(x.function.lambda_, x.function.zeta) for x in members}))
        for eta in etas[-1]:
            functions.append(
                [
                    (powers[-1].index((x.function.lambda_, x.function.zeta)), x.value,
                     x.weight * 2.0 ** (1.0 - x.function.zeta))
                    for x in members if x.function.eta == eta
                ]
            )  # fmt: skip
    keys = [key for mine in blocks for key in mine]
    flat = list(chain(*functions))
    return Triplets(
        starts=_starts(map(len, blocks)),
        blocks=np.array([key[:4] for key in keys], dtype=np.int64).reshape(-1, 4),
        shifts=np.array([key[4] for key in keys], dtype=np.float64),
        eta_starts=_starts(map(len, etas)),
        etas=np.array(list(chain(*etas)), dtype=np.float64),
        power_starts=_starts(map(len, powers)),
        powers=np.array(list(chain(*powers)), dtype=np.float64).reshape(-1, 2),
        function_starts=_starts(map(len, functions)),
        functions=np.array([each[:2] for each in flat], dtype=np.int64).reshape(-1, 2),
        factors=np.array([each[2] for each in flat], dtype=np.float64),
        most=max([1, *map(len, etas), *map(len, powers)]),
    )


def _compact(entries: list[list[Entry]]) -> Compact:
    blocks: list[dict[tuple[float, ...], list[Entry]]] = []
    for part in entries:
        mine: dict[tuple[float, ...], list[Entry]] = {}
        for x in part:
            f = x.function
            if x.kind in (kinds.COMPACT_NARROW, kinds.COMPACT_WIDE):
                key = (*x.elements, float(x.kind == kinds.COMPACT_NARROW), f.inner_radius, f.cutoff,
                       core_number(f.subtype), float(f.subtype.endswith("a")))  # fmt: skip
                mine.setdefault(key, []).append(x)
        blocks.append(mine)
    keys = [key for mine in blocks for key in mine]
    members = [x for mine in blocks for members in mine.values() for x in members]
    angles = [
        (math.radians(x.function.left_angle), math.radians(x.function.right_angle), x.weight) for x in members
    ]
    return Compact(
        starts=_starts(map(len, blocks)),
        blocks=np.array([key[:3] for key in keys], dtype=np.int64).reshape(-1, 3),
        radial=np.array([key[3:] for key in keys], dtype=np.float64).reshape(-1, 4),
        function_starts=_starts(len(members) for mine in blocks for members in mine.values()),
        angles=np.array(angles, dtype=np.float64).reshape(-1, 3),
        values=np.array([x.value for x in members], dtype=np.int64),
    )
