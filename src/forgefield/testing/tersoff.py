"""Tersoff's silicon in compiled code: a crystal with many minima on which samplers are tried.

Tersoff, Phys. Rev. B 39, 5566 (1989).
"""

from __future__ import annotations

from math import cos, exp, pi, sin

import numpy as np
from ase import Atoms
from numba import njit

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Array
from forgefield.testing.bonds import CompiledPotential, cosine_of, find_bonds, spread

_REPULSION, _ATTRACTION = 1830.8, 471.18
"""A and B, eV."""
_STEEP, _SHALLOW = 2.4799, 1.7322
"""λ and μ, 1/Å."""
_BETA, _POWER = 1.1e-6, 0.78734
_C, _D, _H = 1.0039e5, 16.217, -0.59825
_WHOLE, _CUTOFF = 2.7, 3.0
"""R and S, Å; between them f_C falls from 1 to 0."""


class TersoffSilicon(CompiledPotential):
    """E = ½ Σ f_C(r_ij) [A e^(−λ r_ij) − b_ij B e^(−μ r_ij)], b_ij = (1 + (β ζ_ij)ⁿ)^(−1/2n).

    ζ_ij is the sum of f_C(r_ik) g(θ_ijk) over the other neighbours of i. Diamond and lonsdaleite have the same energy,
    as only nearest neighbours see each other.
    """

    species, cutoff = ("Si",), _CUTOFF

    def _listed(self, atoms: Atoms, pairs: PairList) -> tuple[Array, Array, Array]:
        most = int(np.diff(pairs.offsets).max(initial=0))
        return _evaluate(*pairs.placed(atoms), pairs.offsets, pairs.neighbours, pairs.images, most)


@njit(cache=True)
def _evaluate(positions, translations, offsets, neighbours, images, most):  # type: ignore[no-untyped-def]
    n = len(positions)
    energies, forces, virials = np.zeros(n), np.zeros((n, 3)), np.zeros((n, 3, 3))
    which, lengths, units = np.empty(most, dtype=np.int64), np.empty(most), np.empty((most, 3))
    weights, slopes, gradients = np.empty(most), np.empty(most), np.empty((most, 3))
    for i in range(n):
        found = find_bonds(
            i, offsets[i], offsets[i + 1], positions, translations, neighbours, images, _CUTOFF,
            which, lengths, units,
        )  # fmt: skip
        for a in range(found):
            weights[a], slopes[a] = _weight(lengths[a])
        energies[i] = _bonds(found, lengths, units, weights, slopes, gradients)
        spread(i, found, which, lengths, units, gradients, forces, virials)
    return energies, forces, virials


@njit(cache=True)
def _bonds(found, lengths, units, weights, slopes, gradients):  # type: ignore[no-untyped-def]
    """An atom's energy; fills in its gradient with respect to the vectors to its neighbours."""
    energy = 0.0
    gradients[:found] = 0.0
    for a in range(found):
        zeta = 0.0
        for b in range(found):
            if b != a:
                zeta += weights[b] * _angular(cosine_of(units, a, b))[0]
        repulsion, attraction = (
            _REPULSION * exp(-_STEEP * lengths[a]),
            _ATTRACTION * exp(-_SHALLOW * lengths[a]),
        )
        order, bend = _bond_order(zeta)
        pair = repulsion - order * attraction
        energy += 0.5 * weights[a] * pair
        steepness = -_STEEP * repulsion + _SHALLOW * order * attraction
        gradients[a] += 0.5 * (slopes[a] * pair + weights[a] * steepness) * units[a]
        pull = -0.5 * weights[a] * attraction * bend
        for b in range(found):
            if b != a:
                cosine = cosine_of(units, a, b)
                value, derivative = _angular(cosine)
                turn = pull * weights[b] * derivative
                gradients[b] += pull * slopes[b] * value * units[b]
                gradients[a] += turn / lengths[a] * (units[b] - cosine * units[a])
                gradients[b] += turn / lengths[b] * (units[a] - cosine * units[b])
    return energy


@njit(cache=True)
def _weight(length: float) -> tuple[float, float]:
    """f_C and its slope, 1/Å."""
    if length < _WHOLE:
        return 1.0, 0.0
    phase = pi * (length - _WHOLE) / (_CUTOFF - _WHOLE)
    return 0.5 + 0.5 * cos(phase), -0.5 * sin(phase) * pi / (_CUTOFF - _WHOLE)


@njit(cache=True)
def _angular(cosine: float) -> tuple[float, float]:
    """g = 1 + c²/d² − c²/(d² + (h − cos θ)²) and its derivative."""
    below = _D * _D + (_H - cosine) ** 2
    share = _C * _C / below
    return 1.0 + (_C / _D) ** 2 - share, -2.0 * share * (_H - cosine) / below


@njit(cache=True)
def _bond_order(zeta: float) -> tuple[float, float]:
    """b and its derivative."""
    # Its slope has no bound at zero, where f_C, which multiplies it, vanishes faster.
    if zeta < 1e-12:
        return 1.0, 0.0
    term = (_BETA * zeta) ** _POWER
    order = (1.0 + term) ** (-0.5 / _POWER)
    return order, -0.5 * order * term / ((1.0 + term) * zeta)


def lattice_constant() -> float:
    """Å; of the conventional cell of diamond, whose bonds are so long that the energy is lowest.

    Each of four bonds has ζ = 3 g(arccos −1/3).
    """
    order = _bond_order(3.0 * _angular(-1.0 / 3.0)[0])[0]
    bond = np.log(_STEEP * _REPULSION / (_SHALLOW * order * _ATTRACTION)) / (_STEEP - _SHALLOW)
    return float(4.0 * bond / np.sqrt(3.0))
