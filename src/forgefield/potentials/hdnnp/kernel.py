"""The frozen potential: symmetry functions, networks and forces in one compiled pass over the atoms.

Per atom: gather its neighbours, describe them, run its element's network forwards and backwards, turn the gradient
into forces. Each thread has its own workspace and force buffer, which live as long as the system's size does.
"""

from __future__ import annotations

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Array
from forgefield.descriptors.symmetry_functions.descriptor import SymmetryFunctions
from forgefield.descriptors.symmetry_functions.fused import (
    backpropagate,
    describe,
    gather,
    scatter,
)
from forgefield.descriptors.symmetry_functions.workspace import of_thread, workspaces
from forgefield.potentials.hdnnp.network import Networks, energy_and_gradient, scratch_shape

_BLOCK = 4  # atoms that a thread takes at a time, so that all threads get their share of each element


# A function of its own, because Numba drops writes to a tuple's arrays within a parallel loop as unused.
@njit(cache=True, fastmath=True)
def _run_networks(element, networks, first, last, share, scratch, work):  # type: ignore[no-untyped-def]
    """Sum of the members' outputs; work.cotangent becomes share times its gradient."""
    work.cotangent[:] = 0.0
    total = 0.0
    for member in range(first, last):
        total += energy_and_gradient(member, element, networks, work.values, share, scratch, work.cotangent)
    return total


@njit(cache=True, fastmath=True, parallel=True)
def _evaluate(  # type: ignore[no-untyped-def]
    positions, translations, offsets, neighbours, images, species, tables, work, networks, scratch,
    energies, forces, virials, atom_virials,
):  # fmt: skip
    n_groups, n_atoms = energies.shape
    n_threads = len(forces)
    size = networks.layers.shape[0] // n_groups
    share = networks.scale / size
    for thread in prange(n_threads):
        mine = of_thread(work, thread)
        forces[thread] = 0.0
        virials[thread] = 0.0
        atom_virials[thread] = 0.0
        for start in range(thread * _BLOCK, n_atoms, n_threads * _BLOCK):
            for i in range(start, min(start + _BLOCK, n_atoms)):
                element = species[i]
                gather(i, positions, translations, offsets, neighbours, images, species, tables, mine)
                for group in range(n_groups):
                    # Each time anew, because going backwards overwrites what it needs.
                    describe(element, tables, mine)
                    first = group * size
                    total = _run_networks(
                        element, networks, first, first + size, share, scratch[thread], mine
                    )
                    energies[group, i] = share * total + networks.energies[element]
                    backpropagate(element, tables, mine)
                    scatter(
                        i, tables.length, mine, forces[thread, group], virials[thread, group],
                        atom_virials[thread],
                    )  # fmt: skip


class FusedKernel:
    """Energies, forces and virial of a potential; keeps its buffers between calls.

    Args:
        functions: the descriptor.
        networks: from `pack`.
    """

    def __init__(self, functions: SymmetryFunctions, networks: Networks) -> None:
        self.functions, self.networks = functions, networks
        self.members = len(networks.layers)
        self._capacity = (0, -1)
        self._forces = self._virials = np.zeros((0, 0, 0, 3))

    def evaluate(
        self,
        pairs: PairList,
        placed: tuple[Array, Array],
        species: NDArray[np.int64],
        each: bool = False,
    ) -> tuple[Array, Array, Array]:
        """Atomic energies (G, N) eV, forces (G, N, 3) eV/Å and virials Σ r ⊗ ∂E/∂r (G, 3, 3) eV.

        Args:
            pairs: all pairs within the cutoff; farther ones are skipped.
            placed: positions and translations, from ``pairs.placed(atoms)``.
            species: (N,) element of each atom.
            each: G members of the committee one by one; otherwise G is 1, the mean of all.
        """
        return self._run(pairs, placed, species, self.members if each else 1, 0)[:3]

    def virials(self, pairs: PairList, placed: tuple[Array, Array], species: NDArray[np.int64]) -> Array:
        """(N, 3, 3) virials of atoms, eV, of the mean of all members; arguments as of `evaluate`."""
        return self._run(pairs, placed, species, 1, len(species))[3]

    def _run(
        self,
        pairs: PairList,
        placed: tuple[Array, Array],
        species: NDArray[np.int64],
        groups: int,
        shares: int,
    ) -> tuple[Array, Array, Array, Array]:
        self._reserve(len(species), int(np.diff(pairs.offsets).max(initial=0)), groups)
        energies = np.empty((groups, len(species)))
        atom_virials = np.empty((len(self._forces), shares, 3, 3))
        _evaluate(
            *placed, pairs.offsets, pairs.neighbours, pairs.images, species, self.functions.tables, self._work,
            self.networks, self._scratch, energies, self._forces, self._virials,
            atom_virials,
        )  # fmt: skip
        return energies, self._forces.sum(axis=0), self._virials.sum(axis=0), atom_virials.sum(axis=0)

    def _reserve(self, n_atoms: int, most: int, groups: int) -> None:
        threads, width = get_num_threads(), self.functions.width
        if self._forces.shape[:3] != (threads, groups, n_atoms):
            self._forces = np.zeros((threads, groups, n_atoms, 3))
            self._virials = np.zeros((threads, groups, 3, 3))
        if self._capacity[0] != threads or self._capacity[1] < most:
            self._capacity = (threads, most + most // 8)
            self._work = workspaces(self.functions.tables, width, *self._capacity)
            self._scratch = np.zeros((threads, *scratch_shape(self.networks, width)))
