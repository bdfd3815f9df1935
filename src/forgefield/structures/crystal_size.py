"""How large a crystal of given species should be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from scipy.optimize import brentq

from forgefield.atoms.neighbours import find_neighbours
from forgefield.atoms.records import Array
from forgefield.structures.bond_valence import SOFTNESS, ideal_scale
from forgefield.structures.ions import Ion, ionic_radius
from forgefield.structures.prototypes import ground_state_name, prototype

_REACH = 7.0


def predicted_scale(atoms: Atoms, ions: Sequence[Ion]) -> float:
    """By what to multiply the lengths of a crystal.

    Bond valences decide where there are cations and anions. Elsewhere, each element has the size ρ with which
    Σ_j exp((2ρ − r_j) / 0.37 Å) is 1 in its ground state, and the mean over the atoms of
    Σ_j exp((ρ_i + ρ_j − r_ij) / 0.37 Å) is to be 1.

    Args:
        atoms: a crystal.
        ions: of all its elements.
    """
    scale = ideal_scale(atoms, ions)
    return _metallic_scale(atoms) if scale is None else scale


def scaled(atoms: Atoms, scale: float) -> Atoms:
    """Copy of the crystal with all lengths multiplied."""
    copy = atoms.copy()
    copy.set_cell(copy.cell.array * scale, scale_atoms=True)
    return copy


def packing(atoms: Atoms, ions: Sequence[Ion]) -> float:
    """Share of a crystal's volume that its atoms fill, as balls of their ionic or else covalent radii."""
    radii = {ion.element: ionic_radius(ion) or covalent_radii[atomic_numbers[ion.element]] for ion in ions}
    balls = sum(4.0 / 3.0 * np.pi * radii[symbol] ** 3 for symbol in atoms.get_chemical_symbols())
    return float(balls / atoms.get_volume())


def _metallic_scale(atoms: Atoms) -> float:
    sizes = np.array([_element_size(symbol) for symbol in atoms.get_chemical_symbols()])
    start = (sizes.mean() + 0.4) * 2.0 / _nearest(atoms)
    low, high = 0.25 * start, 4.0 * start
    pairs = find_neighbours(atoms, _REACH / low)
    lengths, sums = np.linalg.norm(pairs.vectors, axis=1), sizes[pairs.centres] + sizes[pairs.neighbours]

    def excess(scale: float) -> float:
        return float(np.log(_valence(scale * lengths - sums, len(atoms))))

    return float(brentq(excess, low, high, xtol=1e-8))


@cache
def _element_size(element: str) -> float:
    """ρ, Å."""
    crystal = prototype(element, ground_state_name(element))
    lengths = np.linalg.norm(find_neighbours(crystal, _REACH + _nearest(crystal)).vectors, axis=1)
    return -0.5 * SOFTNESS * float(np.log(_valence(lengths, len(crystal))))


def _valence(excess_lengths: Array, n_atoms: int) -> float:
    return max(float(np.exp(-excess_lengths / SOFTNESS).sum()) / n_atoms, 1e-300)


def _nearest(atoms: Atoms) -> float:
    """Shortest distance of a crystal, Å; at least one image of an atom is within the shortest cell vector."""
    reach = 1.05 * float(atoms.cell.lengths().min())
    return float(np.linalg.norm(find_neighbours(atoms, reach).vectors, axis=1).min())
