"""A set of symmetry functions as a descriptor: see `SymmetryFunctions`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numba
import numpy as np
from ase import Atoms
from numba import njit, prange
from numpy.typing import NDArray

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.neighbours import with_vectors
from forgefield.atoms.pair_list import find_pairs
from forgefield.atoms.records import Array, Neighbours
from forgefield.atoms.species import species_index
from forgefield.descriptors.symmetry_functions.definition import CutoffFunction, SymmetryFunction
from forgefield.descriptors.symmetry_functions.fused import (
    backpropagate,
    describe,
    differentiate,
    gather_vectors,
)
from forgefield.descriptors.symmetry_functions.layout import Tables, lay_out
from forgefield.descriptors.symmetry_functions.workspace import of_thread, workspaces


class SymmetryFunctions:
    """The values of a set of symmetry functions around each atom.

    Args:
        species: element symbols; their order is that of the species index.
        functions: in any order; all lengths in one unit.
        cutoff_function: of all functions but the compact ones.
        length: Å in one unit of the functions' lengths.

    Attributes:
        functions_of: per centre element, its functions in the order given; that of the values.
        width: largest number of functions of any element; values are (N, width), padded by zeros.
        cutoff: Å, the largest.

    Raises:
        ForgefieldError: a function that names an element outside `species`, or none at all.
    """

    def __init__(
        self,
        species: tuple[str, ...],
        functions: Sequence[SymmetryFunction],
        cutoff_function: CutoffFunction,
        length: float = 1.0,
    ) -> None:
        for function in functions:
            strange = [e for e in (function.centre, *function.neighbours) if e not in species]
            if strange:
                raise ForgefieldError(
                    f"a symmetry function of type {function.kind} names element {strange[0]}, "
                    f"which is not among {', '.join(species)}",
                    "list all elements, or remove the function",
                )
        if not functions:
            raise ForgefieldError("there are no symmetry functions", "give at least one")
        self.species, self.cutoff_function, self.length = tuple(species), cutoff_function, float(length)
        self.functions_of = {e: tuple(f for f in functions if f.centre == e) for e in self.species}
        self.width = max(len(of_element) for of_element in self.functions_of.values())
        self.cutoff = max(function.cutoff for function in functions) * self.length

    @cached_property
    def tables(self) -> Tables:
        """What the compiled kernels need to know of the functions."""
        return lay_out(self.species, self.functions_of, self.cutoff_function, self.length)

    def species_index(self, atoms: Atoms) -> NDArray[np.int64]:
        """(N,) index of each atom's element in `species`; a `ForgefieldError` names one that is not there."""
        return species_index(atoms, self.species)

    def neighbours(self, atoms: Atoms) -> Neighbours:
        """Pairs within the largest cutoff."""
        return with_vectors(find_pairs(atoms, self.cutoff), atoms)

    def values(self, pairs: Neighbours, species: NDArray[np.int64]) -> Array:
        """(N, width) values, without unit; `species` is (N,), from `species_index`."""
        values = np.zeros((len(species), self.width))
        self._sweep(_VALUES, pairs, species, values, pairs.vectors)
        return values

    def pull(self, pairs: Neighbours, species: NDArray[np.int64], cotangent: Array) -> Array:
        """(P, 3) gradient of Σ cotangent·values with respect to each pair vector, 1/Å."""
        gradients = np.zeros(pairs.vectors.shape)
        self._sweep(_PULL, pairs, species, np.ascontiguousarray(cotangent), gradients)
        return gradients

    def push(self, pairs: Neighbours, species: NDArray[np.int64], tangent: Array) -> Array:
        """(N, width) derivative of the values when each pair vector moves along tangent (P, 3), Å."""
        values = np.zeros((len(species), self.width))
        self._sweep(_PUSH, pairs, species, values, np.ascontiguousarray(tangent))
        return values

    def _sweep(
        self, task: int, pairs: Neighbours, species: NDArray[np.int64], per_atom: Array, per_pair: Array
    ) -> None:
        threads = numba.get_num_threads()
        most = int(np.diff(pairs.offsets).max(initial=0))
        work = workspaces(self.tables, self.width, threads, most)
        _sweep(
            task,
            self.tables,
            work,
            pairs.vectors,
            pairs.neighbours,
            pairs.offsets,
            species,
            per_atom,
            per_pair,
        )


_VALUES, _PULL, _PUSH = 0, 1, 2
_BLOCK = 8  # atoms that a thread takes at a time, so that each gets its share of all elements


@njit(cache=True, parallel=True)
def _sweep(task, tables, work, vectors, neighbours, offsets, species, per_atom, per_pair):  # type: ignore[no-untyped-def]
    n_atoms, n_threads = len(species), len(work.number)
    for thread in prange(n_threads):
        mine = of_thread(work, thread)
        for start in range(thread * _BLOCK, n_atoms, n_threads * _BLOCK):
            for i in range(start, min(start + _BLOCK, n_atoms)):
                _visit(task, i, tables, mine, vectors, neighbours, offsets, species, per_atom, per_pair)


@njit(cache=True)
def _visit(task, i, tables, work, vectors, neighbours, offsets, species, per_atom, per_pair):  # type: ignore[no-untyped-def]
    """One atom. All three tasks in one function, since each of its own would take as long to compile."""
    width = per_atom.shape[1]
    gather_vectors(i, vectors, neighbours, offsets, species, tables, work)
    describe(species[i], tables, work)
    if task == _PULL:
        work.cotangent[:width] = per_atom[i]
        backpropagate(species[i], tables, work)
        for at in range(work.number[0]):
            for axis in range(3):
                per_pair[work.pairs[at], axis] = work.gradients[axis, work.places[at]]
        return
    if task == _PUSH:
        for at in range(work.number[0]):
            for axis in range(3):
                work.tangent[axis, work.places[at]] = per_pair[work.pairs[at], axis]
        differentiate(species[i], tables, work)
    per_atom[i] = work.values[:width]
