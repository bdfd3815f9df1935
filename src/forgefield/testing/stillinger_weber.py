"""Stillinger and Weber's silicon in compiled code: a crystal that melts, on which simulations are tried.

Stillinger & Weber, Phys. Rev. B 31, 5262 (1985).
"""

from __future__ import annotations

from math import exp

import numpy as np
from ase import Atoms
from numba import njit

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Array
from forgefield.testing.bonds import CompiledPotential, cosine_of, find_bonds, spread

_ENERGY, _LENGTH = 2.1683, 2.0951
"""ε, eV, and σ, Å."""
_A, _B = 7.049556277, 0.6022245584
_CUTOFF = 1.80 * _LENGTH
"""a σ, Å, where all derivatives of all terms vanish."""
_LAMBDA, _GAMMA = 21.0, 1.20


class StillingerWeberSilicon(CompiledPotential):
    """E = ½ Σ ε A (B (σ/r_ij)⁴ − 1) h(r_ij; 1) + ½ Σ ε λ h(r_ij; γ) h(r_ik; γ) (cos θ_jik + 1/3)².

    The second sum runs over atoms i and their neighbours j ≠ k; h(r; γ) = exp(γσ/(r − aσ)) up to the cutoff aσ.
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
    ranges, slopes, gradients = np.empty(most), np.empty(most), np.empty((most, 3))
    for i in range(n):
        found = find_bonds(
            i, offsets[i], offsets[i + 1], positions, translations, neighbours, images, _CUTOFF,
            which, lengths, units,
        )  # fmt: skip
        energies[i] = _bonds(found, lengths, units, ranges, slopes, gradients)
        spread(i, found, which, lengths, units, gradients, forces, virials)
    return energies, forces, virials


@njit(cache=True)
def _bonds(found, lengths, units, ranges, slopes, gradients):  # type: ignore[no-untyped-def]
    """An atom's energy; fills in its gradient with respect to the vectors to its neighbours."""
    energy = 0.0
    for a in range(found):
        length = lengths[a]
        beyond = _LENGTH / (length - _CUTOFF)
        decay = beyond * beyond / _LENGTH
        fourth = _B * (_LENGTH / length) ** 4
        half = 0.5 * _ENERGY * _A * exp(beyond)
        energy += half * (fourth - 1.0)
        slope = -half * (4.0 * fourth / length + (fourth - 1.0) * decay)
        ranges[a] = exp(_GAMMA * beyond)
        slopes[a] = -_GAMMA * decay * ranges[a]
        for x in range(3):
            gradients[a, x] = slope * units[a, x]
    for a in range(found):
        for b in range(a):
            cosine = cosine_of(units, a, b)
            bend = cosine + 1.0 / 3.0
            stiffness = _ENERGY * _LAMBDA * bend
            energy += stiffness * bend * ranges[a] * ranges[b]
            turn = 2.0 * stiffness * ranges[a] * ranges[b]
            along_a = stiffness * bend * slopes[a] * ranges[b] - turn * cosine / lengths[a]
            along_b = stiffness * bend * slopes[b] * ranges[a] - turn * cosine / lengths[b]
            for x in range(3):
                gradients[a, x] += along_a * units[a, x] + turn / lengths[a] * units[b, x]
                gradients[b, x] += along_b * units[b, x] + turn / lengths[b] * units[a, x]
    return energy
