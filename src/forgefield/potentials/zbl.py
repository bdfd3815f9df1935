"""The repulsion of screened nuclei, Ziegler, Biersack & Littmark (1985), switched off smoothly between two distances.

E(r) = k Z_i Z_j / r · φ(r/a) · f_c(r) for each pair, φ a sum of four exponentials and f_c = (1 + cos π(r − r_in)/
(r_out − r_in))/2 between the inner and the outer cutoff, as neuroevolution potentials have it (Liu et al., PRB 108,
054312 (2023)). Constants are GPUMD's, so that its files mean the same here.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numba import njit, prange
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import PairList, find_pairs
from forgefield.atoms.records import Array, Evaluation
from forgefield.potentials.gradients import stress_from_virial

_COULOMB = 14.399645
_INVERSE_LENGTH = 2.134563
_UNIVERSAL = (0.18175, 3.1998, 0.50986, 0.94229, 0.28022, 0.4029, 0.02817, 0.20162)


@njit(cache=True, parallel=True)
def _run(positions, translations, offsets, neighbours, images, species, table):  # type: ignore[no-untyped-def]
    """Energies, forces and per-atom virials; `table` (S, S, 12): cutoffs, k Z Z, 1/a, four factors and exponents."""
    n_atoms = len(species)
    energies, forces, virials = np.zeros(n_atoms), np.zeros((n_atoms, 3)), np.zeros((n_atoms, 9))
    for i in prange(n_atoms):
        for p in range(offsets[i], offsets[i + 1]):
            j, image = neighbours[p], images[p]
            entry = table[species[i], species[j]]
            dx = positions[j, 0] + translations[image, 0] - positions[i, 0]
            dy = positions[j, 1] + translations[image, 1] - positions[i, 1]
            dz = positions[j, 2] + translations[image, 2] - positions[i, 2]
            square = dx * dx + dy * dy + dz * dz
            if square >= entry[1] * entry[1]:
                continue
            r = np.sqrt(square)
            phi = slope = 0.0
            for k in range(4):
                term = entry[4 + 2 * k] * np.exp(-entry[5 + 2 * k] * entry[3] * r)
                phi += term
                slope -= entry[5 + 2 * k] * entry[3] * term
            value = entry[2] * phi / r
            slope = (entry[2] * slope - value) / r
            if r > entry[0]:
                wave = np.pi / (entry[1] - entry[0])
                smooth = 0.5 + 0.5 * np.cos(wave * (r - entry[0]))
                slope = slope * smooth - 0.5 * wave * value * np.sin(wave * (r - entry[0]))
                value *= smooth
            energies[i] += 0.5 * value
            # The full list holds each pair twice, so each side takes its own force.
            fx, fy, fz = slope * dx / r, slope * dy / r, slope * dz / r
            forces[i, 0] += fx
            forces[i, 1] += fy
            forces[i, 2] += fz
            virials[i, 0] -= 0.5 * dx * fx
            virials[i, 1] -= 0.5 * dx * fy
            virials[i, 2] -= 0.5 * dx * fz
            virials[i, 3] -= 0.5 * dy * fx
            virials[i, 4] -= 0.5 * dy * fy
            virials[i, 5] -= 0.5 * dy * fz
            virials[i, 6] -= 0.5 * dz * fx
            virials[i, 7] -= 0.5 * dz * fy
            virials[i, 8] -= 0.5 * dz * fz
    return energies, forces, virials


class Zbl:
    """Repulsion of all pairs of some species.

    Args:
        species: chemical symbols.
        inner: Å, below which it has its full strength.
        outer: Å, beyond which it vanishes.
        pairs: (S (S + 1)/2, 10) for pairs 1-1, 1-2, …, 2-2, …: own inner and outer cutoff and four (factor, exponent)
            pairs of the screening function, in place of the universal ones.

    Raises:
        ForgefieldError: cutoffs that are not 0 ≤ inner < outer.
    """

    def __init__(
        self, species: tuple[str, ...], inner: float, outer: float, pairs: Array | None = None
    ) -> None:
        self.species, self.inner, self.outer, self.pairs = species, inner, outer, pairs
        charges = np.array([atomic_numbers[symbol] for symbol in species], dtype=float)
        powers = charges**0.23
        n_species = len(species)
        table = np.empty((n_species, n_species, 12))
        table[..., 2] = _COULOMB * np.outer(charges, charges)
        table[..., 3] = _INVERSE_LENGTH * (powers[:, None] + powers)
        if pairs is None:
            table[..., :2], table[..., 4:] = (inner, outer), _UNIVERSAL
        else:
            rows, columns = np.triu_indices(n_species)
            for one, other in ((rows, columns), (columns, rows)):
                table[one, other, :2], table[one, other, 4:] = pairs[:, :2], pairs[:, 2:]
        if (table[..., 0] < 0).any() or (table[..., 1] <= table[..., 0]).any():
            raise ForgefieldError(
                f"the repulsion has cutoffs {table[..., 0].min()} and {table[..., 1].min()} Å",
                "choose 0 ≤ inner < outer",
            )
        self.cutoff = float(table[..., 1].max())
        self._table = table

    def contributions(
        self, placed: tuple[Array, Array], pairs: PairList, species: NDArray[np.int64]
    ) -> tuple[Array, Array, Array]:
        """Energies (N,) in eV, forces (N, 3) in eV/Å and virials (N, 9) in eV, −r ⊗ ∂E/∂r, of atoms `placed` by the
        list."""
        energies, forces, virials = _run(
            *placed, pairs.offsets, pairs.neighbours, pairs.images, species, self._table
        )
        return energies, forces, virials

    def evaluate(self, atoms: Atoms, pairs: PairList | None = None) -> Evaluation:
        """Energy, forces and stress of a structure.

        Args:
            atoms: N atoms.
            pairs: at least all pairs within the cutoff; found here if not given.

        Raises:
            ForgefieldError: an element that is not among the species.
        """
        energies, forces, virials = self._contributions_of(atoms, pairs)
        stress = stress_from_virial(atoms, -virials.sum(axis=0).reshape(3, 3))
        return Evaluation(float(energies.sum()), energies, forces, stress)

    def virials(self, atoms: Atoms, pairs: PairList | None = None) -> Array:
        """(N, 3, 3) virials of atoms, eV, as `Potential.virials` has them; arguments and errors are those of
        `evaluate`."""
        return self._contributions_of(atoms, pairs)[2].reshape(-1, 3, 3)

    def _contributions_of(self, atoms: Atoms, pairs: PairList | None) -> tuple[Array, Array, Array]:
        unknown = [symbol for symbol in atoms.symbols if symbol not in self.species]
        if unknown:
            raise ForgefieldError(
                f"element {unknown[0]} is not among the repulsion's species {', '.join(self.species)}",
                "evaluate structures of these elements only",
            )
        index = np.array([self.species.index(symbol) for symbol in atoms.symbols], dtype=np.int64)
        pairs = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        return self.contributions(pairs.placed(atoms), pairs, index)
