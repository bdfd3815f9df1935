"""What classical potentials in compiled code share: from energies of atoms and their bonds to an `Evaluation`."""

from __future__ import annotations

from abc import abstractmethod
from math import sqrt
from pathlib import Path

from ase import Atoms
from numba import njit

from forgefield.atoms.pair_list import PairList, find_pairs
from forgefield.atoms.records import Array, Evaluation
from forgefield.atoms.species import species_index
from forgefield.potentials.contract import Potential
from forgefield.potentials.gradients import stress_from_virial


class CompiledPotential(Potential):
    """A potential whose energies, forces and virials come from one pass over the pair list."""

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """Energy, forces and stress."""
        energies, forces, virials = self._contributions(atoms, pairs)
        return Evaluation(
            float(energies.sum()), energies, forces, stress_from_virial(atoms, -virials.sum(axis=0))
        )

    def save(self, folder: Path) -> None:
        """Nothing: there are no parameters."""

    def virials(self, atoms: Atoms, pairs: PairList | None = None) -> Array:
        """(N, 3, 3), eV."""
        return self._contributions(atoms, pairs)[2]

    def _contributions(self, atoms: Atoms, pairs: PairList | None) -> tuple[Array, Array, Array]:
        species_index(atoms, self.species)
        return self._listed(atoms, find_pairs(atoms, self.cutoff) if pairs is None else pairs)

    @abstractmethod
    def _listed(self, atoms: Atoms, pairs: PairList) -> tuple[Array, Array, Array]:
        """Energies (N,), eV, forces (N, 3), eV/Å, and virials (N, 3, 3), eV, of atoms of known species."""


@njit(cache=True)
def find_bonds(  # type: ignore[no-untyped-def]
    i, first, last, positions, translations, neighbours, images, cutoff, which, lengths, units
):
    """Neighbours of atom i closer than the cutoff: their indices, distances and directions; returns how many."""
    found = 0
    for pair in range(first, last):
        j, image = neighbours[pair], images[pair]
        x = positions[j, 0] + translations[image, 0] - positions[i, 0]
        y = positions[j, 1] + translations[image, 1] - positions[i, 1]
        z = positions[j, 2] + translations[image, 2] - positions[i, 2]
        square = x * x + y * y + z * z
        if square < cutoff * cutoff:
            length = sqrt(square)
            which[found], lengths[found] = j, length
            units[found, 0], units[found, 1], units[found, 2] = x / length, y / length, z / length
            found += 1
    return found


@njit(cache=True)
def spread(i, found, which, lengths, units, gradients, forces, virials):  # type: ignore[no-untyped-def]
    """Add what the gradients (found, 3) of atom i's energy by the vectors to its neighbours do to forces and virials.

    The neighbour's virial is −r_ij ⊗ ∂U_i/∂r_ij (Fan et al., Phys. Rev. B 92, 094301 (2015)).
    """
    for a in range(found):
        j = which[a]
        for y in range(3):
            slope = gradients[a, y]
            forces[i, y] += slope
            forces[j, y] -= slope
            for x in range(3):
                virials[j, x, y] -= lengths[a] * units[a, x] * slope


@njit(cache=True)
def cosine_of(units, a, b):  # type: ignore[no-untyped-def]
    """Of the angle between two bonds."""
    return units[a, 0] * units[b, 0] + units[a, 1] * units[b, 1] + units[a, 2] * units[b, 2]
