"""The Lennard-Jones potential, whose minima are known: what samplers are tried on."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numba import njit

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Array
from forgefield.atoms.species import species_index
from forgefield.testing.bonds import CompiledPotential


class LennardJones(CompiledPotential):
    """One element, ε = 1 eV and σ = 1 Å, so that energies are multiples of ε and lengths of σ.

    Without a cutoff (clusters), E = Σ 4 (r⁻¹² − r⁻⁶). With one, a + b r² is added to each pair's energy, so that energy
    and force vanish there (Stoddard & Ford, Phys. Rev. A 8, 1504 (1973)).

    Args:
        symbol: the element.
        cutoff: Å; infinite for clusters.

    Raises:
        ForgefieldError: of an evaluation, a periodic structure though there is no cutoff.
    """

    def __init__(self, symbol: str = "H", cutoff: float = np.inf) -> None:
        self.species, self.cutoff = (symbol,), cutoff

    def _contributions(self, atoms: Atoms, pairs: PairList | None) -> tuple[Array, Array, Array]:
        if np.isfinite(self.cutoff):
            return super()._contributions(atoms, pairs)
        if atoms.pbc.any():
            raise ForgefieldError(
                "a Lennard-Jones potential without a cutoff has no end in a periodic structure",
                "give a cutoff",
            )
        species_index(atoms, self.species)
        return _cluster(atoms.positions)

    def _listed(self, atoms: Atoms, pairs: PairList) -> tuple[Array, Array, Array]:
        placed = pairs.placed(atoms)
        return _pairs_within(*placed, pairs.offsets, pairs.neighbours, pairs.images, self.cutoff)


@njit(cache=True)
def _cluster(positions: Array) -> tuple[Array, Array, Array]:
    n = len(positions)
    energies, forces, virials = np.zeros(n), np.zeros((n, 3)), np.zeros((n, 3, 3))
    vector = np.empty(3)
    for i in range(n):
        for j in range(i):
            square = 0.0
            for axis in range(3):
                vector[axis] = positions[i, axis] - positions[j, axis]
                square += vector[axis] * vector[axis]
            inverse = 1.0 / square
            sixth = inverse * inverse * inverse
            half = 2.0 * sixth * (sixth - 1.0)
            energies[i] += half
            energies[j] += half
            slope = 24.0 * sixth * (2.0 * sixth - 1.0) * inverse
            for axis in range(3):
                force = slope * vector[axis]
                forces[i, axis] += force
                forces[j, axis] -= force
                for other in range(3):
                    share = 0.5 * vector[other] * force
                    virials[i, other, axis] += share
                    virials[j, other, axis] += share
    return energies, forces, virials


@njit(cache=True)
def _pairs_within(positions, translations, offsets, neighbours, images, cutoff):  # type: ignore[no-untyped-def]
    n = len(positions)
    energies, forces, virials = np.zeros(n), np.zeros((n, 3)), np.zeros((n, 3, 3))
    limit = cutoff * cutoff
    last = limit**-3
    bend = 12.0 * last * (2.0 * last - 1.0) / limit
    lift = -4.0 * last * (last - 1.0) - bend * limit
    vector = np.empty(3)
    for i in range(n):
        for pair in range(offsets[i], offsets[i + 1]):
            square = 0.0
            for axis in range(3):
                vector[axis] = (
                    positions[neighbours[pair], axis] + translations[images[pair], axis] - positions[i, axis]
                )
                square += vector[axis] * vector[axis]
            if square >= limit:
                continue
            sixth = 1.0 / (square * square * square)
            energies[i] += 0.5 * (4.0 * sixth * (sixth - 1.0) + lift + bend * square)
            # dE/dr over r.
            slope = -24.0 * sixth * (2.0 * sixth - 1.0) / square + 2.0 * bend
            for axis in range(3):
                forces[i, axis] += slope * vector[axis]
                for other in range(3):
                    virials[i, axis, other] -= 0.5 * slope * vector[axis] * vector[other]
    return energies, forces, virials
