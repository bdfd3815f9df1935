"""Bond valences: how large an ionic crystal should be, and which charges its sites carry.

A bond of length r between a cation i and an anion j has the valence exp((R_ij − r) / 0.37 Å), and the valences around
an ion add up to its charge. R_ij = r_i + r_j − r_i r_j (√c_i − √c_j)² / (c_i r_i + c_j r_j) with one size r and one
electronegativity c of each element: O'Keeffe and Brese, J. Am. Chem. Soc. 113, 3226 (1991).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.optimize import brentq

from forgefield.atoms.neighbours import find_neighbours
from forgefield.atoms.records import Array
from forgefield.structures.ions import Ion, charges_of
from forgefield.structures.pymatgen_bridge import to_pymatgen

_SOFTNESS = 0.37
# Valences of bonds that are longer than this are below exp(−8) of a strong one.
_REACH = 6.0


def known_valences(ions: Sequence[Ion]) -> bool:
    """Whether there are cations and anions, and parameters for all of their elements."""
    charges = [ion.charge for ion in ions]
    return min(charges) < 0 < max(charges) and all(ion.element in _parameters() for ion in ions)


def site_valences(atoms: Atoms, ions: Sequence[Ion], scale: float = 1.0) -> Array:
    """(N,) sum of the valences of the bonds between ions of opposite charge around each atom.

    Args:
        atoms: N atoms.
        ions: of all elements; :func:`known_valences` holds.
        scale: lengths are multiplied by this.
    """
    bonds = _bonds(atoms, ions, scale)
    valences = np.exp((bonds.single - bonds.lengths) / _SOFTNESS)
    return np.bincount(bonds.centres, valences, minlength=len(atoms)).astype(np.float64)


def ideal_scale(atoms: Atoms, ions: Sequence[Ion]) -> float | None:
    """By what to multiply lengths so that the sum of all bond valences is that of all charges.

    The volume that follows is off by 4 % in rocksalt, 3 % in zincblende and 2 % in fluorite crystals, and by 6 % in
    113 crystals of the AFLOW library (medians), where pymatgen's data-mined lattice scaling is off by 11 %.

    Returns:
        None if parameters are missing, or no scale within a factor of two of that at which ions touch fits.
    """
    if not known_valences(ions):
        return None
    charges = charges_of(ions)
    wanted = sum(abs(charges[symbol]) for symbol in atoms.get_chemical_symbols())
    touching = _touching_scale(atoms, ions)
    if wanted == 0 or touching is None:
        return None
    low, high = 0.5 * touching, 2.0 * touching
    bonds = _bonds(atoms, ions, low)

    def excess(scale: float) -> float:
        valences = np.exp((bonds.single - scale / low * bonds.lengths) / _SOFTNESS)
        return float(np.log(max(valences.sum(), 1e-30) / wanted))

    if excess(low) < 0.0 or excess(high) > 0.0:
        return None
    return float(brentq(excess, low, high, xtol=1e-8))


def predicted_scale(atoms: Atoms, ions: Sequence[Ion]) -> float:
    """As :func:`ideal_scale`, and where that has no answer, as in metals, pymatgen's data-mined lattice scaling.

    Lattice scaling: Chu et al., Comput. Mater. Sci. 146, 184 (2018).
    """
    scale = ideal_scale(atoms, ions)
    if scale is not None:
        return scale
    from pymatgen.core.structure_prediction.volume_predictor import DLSVolumePredictor

    # The predictor looks for neighbours within a few Å and moves a crystal by at most half of its volume.
    for _ in range(10):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="VolumePredictor")
            predicted = DLSVolumePredictor().predict(to_pymatgen(scaled(atoms, scale or 1.0)))
        step = (predicted / (atoms.get_volume() * (scale or 1.0) ** 3)) ** (1.0 / 3.0)
        scale = (scale or 1.0) * float(step)
        if abs(step - 1.0) < 1e-3:
            break
    return float(scale or 1.0)


def scaled(atoms: Atoms, scale: float) -> Atoms:
    """Copy of the crystal with all lengths multiplied."""
    copy = atoms.copy()
    copy.set_cell(copy.cell.array * scale, scale_atoms=True)
    return copy


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
    charges = charges_of(ions)
    symbols = atoms.get_chemical_symbols()
    of_site = np.array([charges[symbol] for symbol in symbols])
    pairs = find_neighbours(atoms, _REACH / scale)
    bonded = of_site[pairs.centres] * of_site[pairs.neighbours] < 0
    centres, neighbours = pairs.centres[bonded], pairs.neighbours[bonded]
    lengths = scale * np.linalg.norm(pairs.vectors[bonded], axis=1)
    sizes, pulls = np.array([_parameters()[symbol] for symbol in symbols]).T
    r_i, r_j, c_i, c_j = sizes[centres], sizes[neighbours], pulls[centres], pulls[neighbours]
    single = r_i + r_j - r_i * r_j * (np.sqrt(c_i) - np.sqrt(c_j)) ** 2 / (c_i * r_i + c_j * r_j)
    return _Bonds(centres, lengths, single)


def _touching_scale(atoms: Atoms, ions: Sequence[Ion]) -> float | None:
    """At which the shortest bond has valence 1; None without bonds."""
    for reach in (1.0, 0.5, 0.25, 0.125):
        bonds = _bonds(atoms, ions, reach)
        if len(bonds.lengths):
            return reach / float((bonds.lengths / bonds.single).min())
    return None


@cache
def _parameters() -> dict[str, tuple[float, float]]:
    from pymatgen.core.bond_valence import BV_PARAMS

    return {element.symbol: (values["r"], values["c"]) for element, values in BV_PARAMS.items()}
