"""The Lennard-Jones potential, whose minima are known: what samplers are tried on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from numba import njit

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import PairList, find_pairs
from forgefield.atoms.records import Array, Evaluation
from forgefield.potentials.contract import Potential


class LennardJones(Potential):
    """One element, ε = 1 eV and σ = 1 Å, so that energies are multiples of ε and lengths of σ.

    Without a cutoff (clusters), E = Σ 4 (r⁻¹² − r⁻⁶). With one, a + b r² is added to each pair's energy, so that energy
    and force vanish there (Stoddard & Ford, Phys. Rev. A 8, 1504 (1973)).

    Args:
        symbol: the element.
        cutoff: Å; infinite for clusters.
    """

    def __init__(self, symbol: str = "H", cutoff: float = np.inf) -> None:
        self.species, self.cutoff = (symbol,), cutoff

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """Energy, forces and stress.

        Raises:
            ForgefieldError: a periodic structure, though there is no cutoff.
        """
        if np.isinf(self.cutoff):
            if atoms.pbc.any():
                raise ForgefieldError(
                    "a Lennard-Jones potential without a cutoff has no end in a periodic structure",
                    "give a cutoff",
                )
            energies, forces = _cluster(atoms.positions)
            return Evaluation(float(energies.sum()), energies, forces, np.zeros(6))
        listed = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        placed, translations = listed.placed(atoms)
        energies, forces, virial = _listed(
            placed, translations, listed.offsets, listed.neighbours, listed.images, self.cutoff
        )
        stress = np.zeros(6)
        if atoms.pbc.all():
            stress = virial.ravel()[[0, 4, 8, 5, 2, 1]] / abs(np.linalg.det(atoms.cell.array))
        return Evaluation(float(energies.sum()), energies, forces, stress)

    def save(self, folder: Path) -> None:
        """Nothing: there are no parameters."""


@njit(cache=True)
def _cluster(positions: Array) -> tuple[Array, Array]:
    n = len(positions)
    energies, forces = np.zeros(n), np.zeros((n, 3))
    for i in range(n):
        for j in range(i):
            x = positions[i, 0] - positions[j, 0]
            y = positions[i, 1] - positions[j, 1]
            z = positions[i, 2] - positions[j, 2]
            inverse = 1.0 / (x * x + y * y + z * z)
            sixth = inverse * inverse * inverse
            half = 2.0 * sixth * (sixth - 1.0)
            energies[i] += half
            energies[j] += half
            slope = 24.0 * sixth * (2.0 * sixth - 1.0) * inverse
            forces[i, 0] += slope * x
            forces[i, 1] += slope * y
            forces[i, 2] += slope * z
            forces[j, 0] -= slope * x
            forces[j, 1] -= slope * y
            forces[j, 2] -= slope * z
    return energies, forces


@njit(cache=True)
def _listed(positions, translations, offsets, neighbours, images, cutoff):  # type: ignore[no-untyped-def]
    n = len(positions)
    energies, forces, virial = np.zeros(n), np.zeros((n, 3)), np.zeros((3, 3))
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
                    virial[axis, other] += 0.5 * slope * vector[axis] * vector[other]
    return energies, forces, virial
