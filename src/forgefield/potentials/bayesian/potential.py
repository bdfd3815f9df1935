"""The Bayesian potential: columns and weights joined behind the `Potential` contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from forgefield.atoms.neighbours import with_vectors
from forgefield.atoms.pair_list import PairList, find_pairs
from forgefield.atoms.records import Array, Evaluation, Neighbours, Uncertainty
from forgefield.descriptors.fused_harmonics import MAX_FUSED_DEGREE
from forgefield.potentials.bayesian import io
from forgefield.potentials.bayesian.frozen import FrozenLinear
from forgefield.potentials.bayesian.model import BayesianModel, LinearBasis, bound_columns
from forgefield.potentials.bayesian.onset import all_bound, boundness
from forgefield.potentials.bayesian.spec import BayesianSpec
from forgefield.potentials.contract import Potential
from forgefield.potentials.gradients import forces_from_pairs, stress_from_virial, virials_from_pairs

_NO_VOLUME = 1e-8


class BayesianPotential(Potential):
    """A posterior: predictions are its mean, uncertainties its standard deviations, without the labels' noise.

    Args:
        spec: settings of the family.
        species: chemical symbols, in the order of the model's elements.
        model: fitted columns and weights.
    """

    def __init__(self, spec: BayesianSpec, species: tuple[str, ...], model: BayesianModel) -> None:
        self.spec = spec
        self.species = species
        self.cutoff = spec.cutoff
        self.model = model
        self.descriptor = model.basis.descriptor
        self.frozen = _frozen(spec, species, model)

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """Posterior mean; with `uncertainty`, also the exact posterior standard deviations."""
        index = self.descriptor.species_index(atoms)
        listed = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        placed = listed.placed(atoms)
        bound = all_bound(placed, listed, self.cutoff)
        near = with_vectors(listed, atoms) if uncertainty or not bound or self.frozen is None else None
        if self.frozen is not None:
            energies, forces, virial = self.frozen.evaluate(placed, listed, index)
        elif near is not None:
            energies, forces, virial = _summed(near, *self._mean(near, index))
        if near is not None and not bound:
            parts = _summed(near, *self._unbound(near, index))
            energies, forces, virial = energies + parts[0], forces + parts[1], virial + parts[2]
        return Evaluation(
            energy=float(energies.sum()),
            energies=energies,
            forces=forces,
            stress=stress_from_virial(atoms, virial),
            uncertainty=self._uncertainty(atoms, near, index) if uncertainty and near is not None else None,
        )

    def virials(self, atoms: Atoms, pairs: PairList | None = None) -> Array:
        """(N, 3, 3), eV, of the posterior mean."""
        index = self.descriptor.species_index(atoms)
        listed = find_pairs(atoms, self.cutoff) if pairs is None else pairs
        placed = listed.placed(atoms)
        bound = all_bound(placed, listed, self.cutoff)
        if self.frozen is not None and bound:
            return self.frozen.virials(placed, listed, index)
        near = with_vectors(listed, atoms)
        gradients = self._mean(near, index)[1]
        if not bound:
            gradients = gradients + self._unbound(near, index)[1]
        return virials_from_pairs(near, gradients, len(atoms))

    def features(self, atoms: Atoms) -> Array:
        """(N, D) 2- and 3-body features of each atom's surroundings in units of their typical size."""
        index = self.descriptor.species_index(atoms)
        values = self.descriptor.values(self.descriptor.neighbours(atoms), index)
        scaled: Array = values / self.model.basis.scales[index]
        return scaled

    def save(self, folder: Path) -> None:
        """Write settings, weights and their covariance."""
        io.save(folder, self.spec, self.species, self.model)

    @classmethod
    def load(cls, folder: Path) -> BayesianPotential:
        """Read what `save` wrote."""
        return cls(*io.load(folder))

    def _mean(self, pairs: Neighbours, index: NDArray[np.int64]) -> tuple[Array, Array]:
        """(N,) energies and (P, 3) gradients of the pairs, as if all atoms were bound."""
        model, features = self.model, self.descriptor.values(pairs, index)
        energies, slopes = model.basis.atomic(features, index, model.weights)
        return model.bound_energies[index] + energies, self.descriptor.pull(pairs, index, slopes)

    def _unbound(self, pairs: Neighbours, index: NDArray[np.int64]) -> tuple[Array, Array]:
        """What atoms that are not, or not wholly, bound change in the same."""
        gain = (self.model.bound_energies - self.model.free_energies)[index]
        bound, slopes = boundness(pairs, self.cutoff)
        return gain * (bound - 1), gain[pairs.centres, None] * slopes

    def _uncertainty(self, atoms: Atoms, pairs: Neighbours, index: NDArray[np.int64]) -> Uncertainty:
        n_elements, n_columns = len(self.species), len(self.model.weights)
        columns = self.model.basis.rows(pairs, index)
        bound = bound_columns(pairs, index, n_elements, self.cutoff)
        weights, constants = self.model.root[:n_columns], self.model.root[n_columns:]
        energy, forces, virial = (
            of @ weights + constant @ constants
            for of, constant in zip(vars(columns).values(), vars(bound).values(), strict=True)
        )
        components = _lengths(forces).reshape(-1, 3)
        volume = abs(float(np.linalg.det(atoms.cell.array)))
        return Uncertainty(
            energy=float(np.sqrt(energy @ energy)),
            forces=np.sqrt((components**2).sum(axis=1)),
            components=components,
            stress=_lengths(virial) / volume if volume > _NO_VOLUME else np.zeros(6),
        )


def _summed(pairs: Neighbours, energies: Array, gradients: Array) -> tuple[Array, Array, Array]:
    """The energies, forces (N, 3) and virial (3, 3) of pair gradients (P, 3)."""
    return energies, forces_from_pairs(pairs, gradients, len(energies)), pairs.vectors.T @ gradients


def _lengths(rows: Array) -> Array:
    return np.sqrt(np.einsum("nc,nc->n", rows, rows))


def _frozen(spec: BayesianSpec, species: tuple[str, ...], model: BayesianModel) -> FrozenLinear | None:
    """The fused kernel, of linear models up to the degree that it knows."""
    if not isinstance(model.basis, LinearBasis) or spec.l_max > MAX_FUSED_DEGREE:
        return None
    weights = model.weights.reshape(len(species), -1)
    return FrozenLinear(
        species, spec.cutoff, spec.n_radial, spec.l_max, spec.self_term, weights, model.bound_energies
    )
