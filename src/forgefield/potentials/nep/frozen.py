"""A model frozen for simulation: its arrays as the fused kernel wants them, and work space that stays between calls."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Array
from forgefield.descriptors.fused_neighbours import FIELDS, places_needed
from forgefield.descriptors.fused_tiles import aligned_zeros, padded
from forgefield.potentials.nep.kernel import NepArrays, run, work_size
from forgefield.potentials.nep.parameters import NepParameters


@dataclass(frozen=True)
class Outcome:
    """Energies (N,) in eV, forces (N, 3) in eV/Å, virial Σ r ⊗ ∂E/∂r (3, 3) in eV, per-atom virials (N, 9) in eV."""

    energies: Array
    forces: Array
    virial: Array
    atom_virials: Array | None


class FrozenNep:
    """Evaluates one model; not for use from several Python threads at once.

    Args:
        model: numbers of the model, without its repulsion.
    """

    def __init__(self, model: NepParameters) -> None:
        self.arrays = _arrays(model)
        self.n_features = model.n_descriptors
        self._two_cutoffs = bool((self.arrays.angular_cutoffs < self.arrays.radial_cutoffs).any())
        self._numbers, self._indices = np.zeros((0, 0)), np.zeros((0, 0), dtype=np.int64)
        self._forces = np.zeros((0, 0, 3))

    def evaluate(
        self,
        placed: tuple[Array, Array],
        pairs: PairList,
        species: NDArray[np.int64],
        atom_virials: bool = False,
    ) -> Outcome:
        """All predictions for N atoms, `placed` by the pair list."""
        n_atoms, n_threads = len(species), numba.get_num_threads()
        energies, virials = np.empty(n_atoms), np.empty((n_threads, 9))
        shares = np.empty((n_threads, n_atoms if atom_virials else 0, 9))
        if self._forces.shape[:2] != (n_threads, n_atoms):
            self._forces = np.empty((n_threads, n_atoms, 3))
        self._run(placed, pairs, species, energies, self._forces, virials, shares, np.empty((0, 0)))
        forces = self._forces.sum(axis=0)
        return Outcome(
            energies, forces, virials.sum(axis=0).reshape(3, 3), shares.sum(axis=0) if atom_virials else None
        )

    def features(self, placed: tuple[Array, Array], pairs: PairList, species: NDArray[np.int64]) -> Array:
        """(N, D) descriptors, not scaled."""
        n_threads = numba.get_num_threads()
        features = np.empty((len(species), self.n_features))
        nothing = np.empty((n_threads, 0, 3)), np.empty((n_threads, 9)), np.empty((n_threads, 0, 9))
        self._run(placed, pairs, species, np.empty(len(species)), *nothing, features)
        return features

    def _run(
        self, placed: tuple[Array, Array], pairs: PairList, species: NDArray[np.int64], energies: Array,
        forces: Array, virials: Array, shares: Array, features: Array,
    ) -> None:  # fmt: skip
        most = int(np.diff(pairs.offsets).max(initial=0))
        n_species, n_threads = len(self.arrays.radial_cutoffs), numba.get_num_threads()
        places = places_needed(most, n_species, self._two_cutoffs)
        size = FIELDS * places + work_size(self.arrays.sizes, places, n_species)
        if self._numbers.shape[0] != n_threads or self._numbers.shape[1] < size:
            self._numbers = aligned_zeros(n_threads, padded(size))
            self._indices = np.zeros((n_threads, places + 4 * n_species), dtype=np.int64)
        run(*placed, pairs.offsets, pairs.neighbours, pairs.images, species, places, self.arrays,
            self._numbers, self._indices, energies, forces, virials, shares, features)  # fmt: skip


def _arrays(model: NepParameters) -> NepArrays:
    n_species = len(model.species)
    mean = lambda values: (values[:, None] + values) / 2  # noqa: E731
    outer, inner = mean(model.radial_cutoffs), mean(model.angular_cutoffs)
    radial, angular = model.radial.transpose(2, 3, 1, 0), model.angular.transpose(2, 3, 1, 0)
    radial, angular = _of_plain_polynomials(radial), _of_plain_polynomials(angular)
    shared = bool((outer == inner).all())
    if shared:
        functions = max(radial.shape[2], angular.shape[2])
        radial, angular = _widen(radial, functions), _widen(angular, functions)
    weights = np.broadcast_to(model.inward, (n_species, *model.inward.shape[1:])) * model.q_scaler
    thresholds, outward = (
        np.broadcast_to(each, (n_species, each.shape[1])) for each in (model.thresholds, model.outward)
    )
    sizes = np.array(
        [*radial.shape[2:], *angular.shape[2:], model.l_max, model.four_body, model.five_body,
         model.inward.shape[1], model.n_descriptors, shared]
    )  # fmt: skip
    return NepArrays(
        outer, inner, sizes, _rows(radial), _rows(radial.swapaxes(2, 3)), _rows(angular), _rows(angular.swapaxes(2, 3)),
        _rows(weights.swapaxes(1, 2), 32), _rows(weights, 32), _rows(thresholds, 32), _rows(outward, 32),
        np.full(n_species, -model.bias),
    )  # fmt: skip


def _of_plain_polynomials(coefficients: Array) -> Array:
    """Coefficients (S, S, k, n) of T_k f_c from those of (T_k + 1)/2 f_c."""
    plain = coefficients / 2
    plain[:, :, 0] += plain.sum(axis=2)
    return plain


def _widen(coefficients: Array, functions: int) -> Array:
    """Coefficients (S, S, k, n) with zeros for functions that they lack."""
    missing = functions - coefficients.shape[2]
    return np.pad(coefficients, ((0, 0), (0, 0), (0, missing), (0, 0)))


def _rows(matrix: Array, multiple: int = 8) -> Array:
    """Flat, each row padded with zeros to a multiple."""
    width = padded(matrix.shape[-1], multiple)
    wide = aligned_zeros(*matrix.shape[:-1], width)
    wide[..., : matrix.shape[-1]] = matrix
    return wide.ravel()
