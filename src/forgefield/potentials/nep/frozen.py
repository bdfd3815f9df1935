"""A model frozen for simulation: its arrays as the fused kernel wants them, and their runner."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Array
from forgefield.descriptors.fused_runner import FusedRunner
from forgefield.descriptors.fused_tiles import padded_rows
from forgefield.potentials.nep.kernel import NepArrays, run, work_size
from forgefield.potentials.nep.parameters import NepParameters


@dataclass(frozen=True)
class Outcome:
    """Energies (N,) in eV, forces (N, 3) in eV/Å, virial Σ r ⊗ ∂E/∂r (3, 3) in eV, and atoms' virials
    (N, 9) in eV, (0, 9) where they were not asked for."""

    energies: Array
    forces: Array
    virial: Array
    atom_virials: Array


class FrozenNep:
    """Evaluates one model; not for use from several Python threads at once.

    Args:
        model: numbers of the model, without its repulsion.
    """

    def __init__(self, model: NepParameters) -> None:
        self.arrays = _arrays(model)
        self.n_features = model.n_descriptors
        self._runner = FusedRunner(
            run, self.arrays, len(model.species), partial(work_size, self.arrays),
            two_cutoffs=bool((self.arrays.angular_cutoffs < self.arrays.radial_cutoffs).any()),
        )  # fmt: skip

    def evaluate(
        self,
        placed: tuple[Array, Array],
        pairs: PairList,
        species: NDArray[np.int64],
        atom_virials: bool = False,
    ) -> Outcome:
        """All predictions for N atoms, `placed` by the pair list."""
        return Outcome(*self._runner.run(placed, pairs, species, np.empty((0, 0)), atom_virials=atom_virials))

    def features(self, placed: tuple[Array, Array], pairs: PairList, species: NDArray[np.int64]) -> Array:
        """(N, D) descriptors, not scaled."""
        features = np.empty((len(species), self.n_features))
        self._runner.run(placed, pairs, species, features)
        return features


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
        outer, inner, sizes,
        padded_rows(radial), padded_rows(radial.swapaxes(2, 3)),
        padded_rows(angular), padded_rows(angular.swapaxes(2, 3)),
        padded_rows(weights.swapaxes(1, 2), 32), padded_rows(weights, 32),
        padded_rows(thresholds, 32), padded_rows(outward, 32),
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
