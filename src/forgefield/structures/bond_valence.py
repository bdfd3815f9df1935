"""Bond valences: how large an ionic crystal should be, and which charges its sites carry.

A bond of length r between a cation i and an anion j has the valence exp((R_ij − r) / 0.37 Å), and the valences around
an ion add up to its charge. R_ij = r_i + r_j − r_i r_j (√c_i − √c_j)² / (c_i r_i + c_j r_j) with one size r and one
electronegativity c of each element: O'Keeffe and Brese, J. Am. Chem. Soc. 113, 3226 (1991).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.optimize import brentq

from forgefield.atoms.neighbours import find_neighbours
from forgefield.atoms.records import Array
from forgefield.structures.ions import Ion, ionic_radius

SOFTNESS = 0.37
"""Length over which the valence of a bond falls to 1/e, Å."""
# Valences of bonds that are longer than this are below exp(−8) of a strong one.
_REACH = 6.0


def known_valences(ions: Sequence[Ion]) -> bool:
    """Whether there are cations and anions, and a bond length for each pair of them."""
    pairs = [_single_bond(one, other) for one in ions for other in ions if one.charge > 0 > other.charge]
    return bool(pairs) and None not in pairs


def site_valences(atoms: Atoms, ions: Sequence[Ion], scale: float = 1.0) -> Array:
    """(N,) sum of the valences of the bonds between ions of opposite charge around each atom.

    Args:
        atoms: N atoms.
        ions: of all elements; :func:`known_valences` holds.
        scale: lengths are multiplied by this.
    """
    bonds = _bonds(atoms, ions, scale)
    valences = np.exp((bonds.single - bonds.lengths) / SOFTNESS)
    return np.bincount(bonds.centres, valences, minlength=len(atoms)).astype(np.float64)


def ideal_scale(atoms: Atoms, ions: Sequence[Ion]) -> float | None:
    """By what to multiply lengths so that the sum of all bond valences is that of all charges.

    The volume that follows is off by 4 % in rocksalt, 3 % in zincblende and 2 % in fluorite crystals, and by 6 % in
    113 crystals of the AFLOW library (medians), where pymatgen's data-mined lattice scaling is off by 11 %.

    Returns:
        None if :func:`known_valences` does not hold, or no scale within a factor of two of that at which ions touch
        fits.
    """
    if not known_valences(ions):
        return None
    charges = {ion.element: ion.charge for ion in ions}
    wanted = sum(abs(charges[symbol]) for symbol in atoms.get_chemical_symbols())
    touching = _touching_scale(atoms, ions)
    if wanted == 0 or touching is None:
        return None
    low, high = 0.5 * touching, 2.0 * touching
    bonds = _bonds(atoms, ions, low)

    def excess(scale: float) -> float:
        valences = np.exp((bonds.single - scale / low * bonds.lengths) / SOFTNESS)
        return float(np.log(max(valences.sum(), 1e-30) / wanted))

    if excess(low) < 0.0 or excess(high) > 0.0:
        return None
    return float(brentq(excess, low, high, xtol=1e-8))


@dataclass(frozen=True, slots=True)
class _Bonds:
    """Pairs of ions of opposite charge, from both sides.

    Attributes:
        centres: (P,) index of the ion.
        lengths: (P,) Å, scaled.
        single: (P,) length of a bond of valence 1, Å.
    """

    centres: NDArray[np.int64]
    lengths: Array
    single: Array


def _bonds(atoms: Atoms, ions: Sequence[Ion], scale: float) -> _Bonds:
    kinds = {ion.element: number for number, ion in enumerate(ions)}
    mine = np.array([kinds[symbol] for symbol in atoms.get_chemical_symbols()])
    opposite = [[one.charge * other.charge < 0 for other in ions] for one in ions]
    single = [[_single_bond(one, other) or 0.0 for other in ions] for one in ions]
    pairs = find_neighbours(atoms, _REACH / scale)
    of_pair = mine[pairs.centres], mine[pairs.neighbours]
    bonded = np.array(opposite)[of_pair]
    lengths = scale * np.linalg.norm(pairs.vectors[bonded], axis=1)
    return _Bonds(pairs.centres[bonded], lengths, np.array(single)[of_pair][bonded])


def _touching_scale(atoms: Atoms, ions: Sequence[Ion]) -> float | None:
    """At which the shortest bond has valence 1; None without bonds."""
    for reach in (1.0, 0.5, 0.25, 0.125):
        bonds = _bonds(atoms, ions, reach)
        if len(bonds.lengths):
            return reach / float((bonds.lengths / bonds.single).min())
    return None


@cache
def _single_bond(one: Ion, other: Ion) -> float | None:
    """Length of a bond of valence 1, Å; None if it is not known.

    Where an element has no parameters, ions in sixfold coordination touch: at the sum of their ionic radii a bond has
    a sixth of the cation's charge.
    """
    sizes = [_parameters().get(ion.element) for ion in (one, other)]
    if sizes[0] and sizes[1]:
        (r_i, c_i), (r_j, c_j) = sizes[0], sizes[1]
        return r_i + r_j - r_i * r_j * (math.sqrt(c_i) - math.sqrt(c_j)) ** 2 / (c_i * r_i + c_j * r_j)
    radii = [ionic_radius(ion) for ion in (one, other)]
    charge = max(one.charge, other.charge)
    if radii[0] is None or radii[1] is None or charge <= 0:
        return None
    return radii[0] + radii[1] + SOFTNESS * math.log(charge / 6.0)


@cache
def _parameters() -> dict[str, tuple[float, float]]:
    from pymatgen.core.bond_valence import BV_PARAMS

    return {element.symbol: (values["r"], values["c"]) for element, values in BV_PARAMS.items()}
