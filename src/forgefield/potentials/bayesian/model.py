"""A potential that is linear in its weights: columns of energies, forces and virials, and what the weights are.

An atom's energy is that of a free atom, plus a constant of its element as far as it is bound (`onset.py`), plus columns
times weights. A `Basis` makes the columns: `LinearBasis` one for each feature and element of the centre,
`PolynomialBasis` one more for each reference environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.records import Array, Neighbours
from forgefield.descriptors.power_spectrum import PowerSpectrum
from forgefield.potentials.bayesian.onset import boundness
from forgefield.potentials.bayesian.spec import BayesianSpec
from forgefield.potentials.gradients import forces_from_pairs

_SMALLEST_SCALE = 0.01
"""Share of the largest scale of a feature below which none falls, so that what was never seen is not amplified."""


@dataclass(frozen=True)
class DesignRows:
    """One structure's predictions as linear functions of C weights.

    Attributes:
        energy: (C,), energy.
        forces: (3N, C), force components, atom after atom.
        virial: (6, C), Σ r ⊗ ∂E/∂r, Voigt order.
    """

    energy: Array
    forces: Array
    virial: Array


class Basis(Protocol):
    """The columns of a model."""

    @property
    def descriptor(self) -> PowerSpectrum:
        """The features that columns are made of."""

    @property
    def scales(self) -> Array:
        """(S, D) typical size of each feature around atoms of each element."""

    @property
    def n_columns(self) -> int:
        """C, without the constants of the elements."""

    @property
    def factors(self) -> Array:
        """(C,) by which columns are to be multiplied before they have a prior in common."""

    def rows(self, pairs: Neighbours, species: NDArray[np.int64]) -> DesignRows:
        """Columns of a structure of N atoms; `species` is (N,)."""

    def atomic(self, features: Array, species: NDArray[np.int64], weights: Array) -> tuple[Array, Array]:
        """(N,) atomic energies, and their derivatives (N, D) by the features (N, D)."""


@dataclass(frozen=True)
class LinearBasis:
    """One column for each feature and each element of the centre.

    Attributes:
        descriptor: its D features.
        scales: (S, D) typical size of each feature.
    """

    descriptor: PowerSpectrum
    scales: Array

    @property
    def n_columns(self) -> int:
        """C = S·D."""
        return self.scales.size

    @property
    def factors(self) -> Array:
        """(C,) by which columns are to be multiplied before they have a prior in common."""
        result: Array = 1 / self.scales.ravel()
        return result

    def rows(self, pairs: Neighbours, species: NDArray[np.int64]) -> DesignRows:
        """Columns of a structure, in the features' own units."""
        return DesignRows(*self.descriptor.rows(pairs, species, len(self.scales)))

    def atomic(self, features: Array, species: NDArray[np.int64], weights: Array) -> tuple[Array, Array]:
        """(N,) atomic energies and (N, D) derivatives."""
        slopes = weights.reshape(self.scales.shape)[species]
        return np.einsum("nd,nd->n", features, slopes), slopes


@dataclass(frozen=True)
class FeatureMoments:
    """Sums from which the typical size of features follows, element by element.

    Attributes:
        squares: (S, D) Σ features².
        counts: (S,) atoms.
    """

    squares: Array
    counts: Array

    @staticmethod
    def empty(n_elements: int, n_features: int) -> FeatureMoments:
        """Of no atom."""
        return FeatureMoments(np.zeros((n_elements, n_features)), np.zeros(n_elements))

    def plus(self, features: Array, species: NDArray[np.int64]) -> FeatureMoments:
        """With the atoms of a structure, features (N, D)."""
        squares, counts = self.squares.copy(), self.counts.copy()
        np.add.at(squares, species, features**2)
        np.add.at(counts, species, 1.0)
        return FeatureMoments(squares, counts)

    def scales(self, n_sums: int) -> Array:
        """(S, D) root mean squares, none far below the largest of its kind; 1 where nothing was seen.

        Args:
            n_sums: number of radial sums, which stand before the 3-body features and have sizes of their own.
        """
        sizes = np.sqrt(self.squares / np.maximum(self.counts, 1.0)[:, None])
        for kind in (slice(0, n_sums), slice(n_sums, None)):
            largest = sizes[:, kind].max(axis=1, keepdims=True, initial=0.0)
            sizes[:, kind] = np.maximum(sizes[:, kind], _SMALLEST_SCALE * largest)
        return np.where(sizes > 0, sizes, 1.0)


@dataclass(frozen=True)
class BayesianModel:
    """A fitted model.

    Attributes:
        basis: makes C columns.
        free_energies: (S,) energy of a free atom of each element, eV.
        bound_energies: (S,) energy of a bound one, columns apart, eV.
        weights: (C,) posterior mean.
        root: (C + S, R); root·rootᵀ is the posterior covariance of the weights and of the bound atoms' energies.
    """

    basis: Basis
    free_energies: Array
    bound_energies: Array
    weights: Array
    root: Array


def bound_columns(
    pairs: Neighbours, species: NDArray[np.int64], n_elements: int, cutoff: float
) -> DesignRows:
    """One column for each element: how many of its atoms are bound, with derivatives."""
    n_atoms = len(species)
    bound, slopes = boundness(pairs, cutoff)
    energy: Array = np.bincount(species, bound, n_elements).astype(np.float64)
    forces, virial = np.zeros((n_atoms, 3, n_elements)), np.zeros((6, n_elements))
    if slopes.any():
        for element in range(n_elements):
            mine = slopes * (species[pairs.centres] == element)[:, None]
            forces[..., element] = forces_from_pairs(pairs, mine, n_atoms)
            tensor = pairs.vectors.T @ mine
            virial[:, element] = ((tensor + tensor.T) / 2)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    return DesignRows(energy, forces.reshape(3 * n_atoms, n_elements), virial)


def descriptor_of(spec: BayesianSpec, species: tuple[str, ...]) -> PowerSpectrum:
    """The features of a family's settings."""
    return PowerSpectrum(species, spec.cutoff, spec.n_radial, spec.l_max, spec.self_term)
