"""Columns of the polynomial kernel: similarities of an atom's surroundings to reference environments, to a power.

k(i, B) = (d̂_i·d̂_B)^ζ with d̂ = d/√(|d|² + ε²). The features d have two units, one for radial sums and one for 3-body
features, in which both are of typical length 1; so d̂·d̂' is for ε → 0 the normalised power spectrum's product of
Bartók, Kondor, Csányi, PRB 87, 184115 (2013), eq. 36, with a 2-body part beside it as in Jinnouchi et al., J. Chem.
Phys. 152, 234102 (2020). ε lets the kernel vanish smoothly where an atom loses its last neighbour. The prior is that
of a sparse Gaussian process (subset of regressors; Bartók et al., PRL 104, 136403 (2010)): columns k(i, B) L⁻ᵀ with the
Cholesky factor L of the references' own kernel have weights with an isotropic prior.

Linear columns are kept beside them: they carry on where nothing is similar to the references. On silicon of the mlearn
set that takes the force error from 0.091 to 0.072 eV/Å (power 4); it would be 0.096 with linear columns alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from forgefield.atoms.records import Array, Neighbours
from forgefield.descriptors.power_spectrum import PowerSpectrum
from forgefield.potentials.bayesian.model import DesignRows, LinearBasis

_SOFTENING = 0.1
"""ε: typical lengths are of order one."""
_JITTER = 1e-8
_BLOCK_ATOMS = 16
"""Atoms whose Jacobian is held at a time."""


@dataclass(frozen=True)
class PolynomialBasis:
    """One column for each reference environment, then those of the linear model.

    Attributes:
        linear: the linear model's columns.
        units: (S, D) unit of each feature in the kernel.
        power: ζ.
        references: for each element (B, D) normalised features d̂.
    """

    linear: LinearBasis
    units: Array
    power: int
    references: tuple[Array, ...]

    @property
    def descriptor(self) -> PowerSpectrum:
        """The features that columns are made of."""
        return self.linear.descriptor

    @property
    def scales(self) -> Array:
        """(S, D) typical size of each feature around atoms of each element."""
        return self.linear.scales

    @property
    def n_references(self) -> int:
        """References of all elements."""
        return sum(len(each) for each in self.references)

    @property
    def n_columns(self) -> int:
        """C."""
        return self.n_references + self.linear.n_columns

    @property
    def factors(self) -> Array:
        """(C,) by which columns are to be multiplied before they have a prior in common."""
        return np.concatenate([np.ones(self.n_references), self.linear.factors])

    @cached_property
    def whitening(self) -> tuple[Array, ...]:
        """For each element (B, B): L⁻ᵀ."""
        return tuple(_whitening(each, self.power) for each in self.references)

    def rows(self, pairs: Neighbours, species: NDArray[np.int64]) -> DesignRows:
        """Columns of a structure, those of references whitened."""
        n_atoms, n_columns = len(species), self.n_references
        energy, forces, virial = (
            np.zeros(n_columns),
            np.zeros((n_atoms, 3, n_columns)),
            np.zeros((6, n_columns)),
        )
        features = self.descriptor.values(pairs, species)
        directions, lengths = normalised(features, self.units[species])
        for first in range(0, n_atoms, _BLOCK_ATOMS):
            last = min(first + _BLOCK_ATOMS, n_atoms)
            jacobian = self.descriptor.pair_jacobian(pairs, species, first, last)
            start = int(pairs.offsets[first])
            centres = pairs.centres[start : start + len(jacobian)]
            for element, columns in self._columns():
                chosen, references = np.flatnonzero(species[centres] == element), self.references[element]
                slopes = (jacobian[chosen] / self.units[element]).reshape(
                    3 * len(chosen), self.units.shape[1]
                )
                products = (slopes @ references.T).reshape(len(chosen), 3, len(references))
                jacobians = slopes.reshape(len(chosen), 3, self.units.shape[1])
                along = np.einsum("pcd,pd->pc", jacobians, directions[centres[chosen]])
                similarities = directions[first:last] @ references.T
                factors = self.power * similarities ** (self.power - 1) / lengths[first:last, None]
                _scatter(
                    products, along, similarities, factors, first, start + chosen, pairs.centres, pairs.neighbours,
                    pairs.vectors, columns.start, forces, virial,
                )  # fmt: skip
        for element, columns in self._columns():
            mine = directions[species == element] @ self.references[element].T
            whitening = self.whitening[element]
            energy[columns] = (mine**self.power).sum(axis=0) @ whitening
            forces[..., columns] = forces[..., columns] @ whitening
            virial[:, columns] = virial[:, columns] @ whitening
        linear = self.linear.rows(pairs, species)
        return DesignRows(
            np.concatenate([energy, linear.energy]),
            np.concatenate([forces.reshape(3 * n_atoms, n_columns), linear.forces], axis=1),
            np.concatenate([virial, linear.virial], axis=1),
        )

    def atomic(self, features: Array, species: NDArray[np.int64], weights: Array) -> tuple[Array, Array]:
        """(N,) atomic energies and (N, D) derivatives."""
        energies, slopes = self.linear.atomic(features, species, weights[self.n_references :])
        for element, columns in self._columns():
            chosen = species == element
            references, scale = self.references[element], self.units[element]
            directions, lengths = normalised(features[chosen], scale)
            strengths = self.whitening[element] @ weights[columns]
            similarities = directions @ references.T
            energies[chosen] += similarities**self.power @ strengths
            inner = self.power * similarities ** (self.power - 1) * strengths
            across = inner @ references - (inner * similarities).sum(axis=1)[:, None] * directions
            slopes[chosen] += across / (lengths[:, None] * scale)
        return energies, slopes

    def _columns(self) -> Iterator[tuple[int, slice]]:
        start = 0
        for element, each in enumerate(self.references):
            yield element, slice(start, start + len(each))
            start += len(each)


def kernel_units(scales: Array, n_sums: int) -> Array:
    """(S, D) units in which an atom's radial sums, which come first, and its 3-body features have length 1 each.

    Args:
        scales: (S, D) typical size of each feature.
        n_sums: number of radial sums.
    """
    units = np.empty(scales.shape)
    for kind in (slice(0, n_sums), slice(n_sums, None)):
        units[:, kind] = np.sqrt((scales[:, kind] ** 2).sum(axis=1, keepdims=True))
    return units


def normalised(features: Array, units: Array) -> tuple[Array, Array]:
    """(N, D) softly normalised features d̂, and the lengths √(|d|² + ε²) (N,) by which they were divided."""
    scaled = features / units
    lengths = np.sqrt(np.einsum("nd,nd->n", scaled, scaled) + _SOFTENING**2)
    return scaled / lengths[:, None], lengths


def _whitening(references: Array, power: int) -> Array:
    kernel = (references @ references.T) ** power
    kernel[np.diag_indices_from(kernel)] += _JITTER * max(
        float(np.trace(kernel)) / max(len(kernel), 1), 1e-300
    )
    inverse: Array = solve_triangular(cholesky(kernel, lower=True), np.eye(len(kernel)), lower=True)
    return inverse.T


@njit(cache=True, fastmath=True)
def _scatter(  # type: ignore[no-untyped-def]
    products, along, similarities, factors, first, chosen, centres, neighbours, vectors, start, forces, virial
):
    """Pair gradients of every column, added to forces and virials.

    ∂k/∂r = ζ (d̂·d̂_B)^(ζ−1)/length · (J·d̂_B − (d̂·d̂_B) J·d̂): `products` (P, 3, B) and `along` (P, 3) are the two
    products with the Jacobian J.
    """
    gradient = np.empty((3, products.shape[2]))
    for q in range(len(chosen)):
        p = chosen[q]
        i, j = centres[p], neighbours[p]
        x, y, z = vectors[p, 0], vectors[p, 1], vectors[p, 2]
        factor, similarity = factors[i - first], similarities[i - first]
        for c in range(3):
            for b in range(products.shape[2]):
                gradient[c, b] = factor[b] * (products[q, c, b] - similarity[b] * along[q, c])
                forces[i, c, start + b] += gradient[c, b]
                forces[j, c, start + b] -= gradient[c, b]
        for b in range(products.shape[2]):
            gx, gy, gz = gradient[0, b], gradient[1, b], gradient[2, b]
            virial[0, start + b] += x * gx
            virial[1, start + b] += y * gy
            virial[2, start + b] += z * gz
            virial[3, start + b] += 0.5 * (y * gz + z * gy)
            virial[4, start + b] += 0.5 * (x * gz + z * gx)
            virial[5, start + b] += 0.5 * (x * gy + y * gx)
