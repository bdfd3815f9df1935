"""The density family's side of training: structures → batches → energies, forces and virials with gradients.

Forces are linear in ∂E/∂A, so training needs the positions only through `pull` and its adjoint `push`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from ase import Atoms

from forgefield.atoms.records import Labels
from forgefield.descriptors.density import DensityExpansion
from forgefield.potentials.density.compiled import CompiledEnergies, parameters_of
from forgefield.potentials.density.model import DensityModel
from forgefield.potentials.density.potential import DensityPotential
from forgefield.potentials.density.spec import DensitySpec
from forgefield.potentials.gradients import Batch, Prepared, assemble, collate, prepare
from forgefield.potentials.training_data import Prediction


class DensityProblem:
    """Fits a `DensityModel`; implements the engine's `Problem`.

    Args:
        spec: settings of the family.
        species: chemical symbols.
        seed: of the initial weights.
    """

    def __init__(self, spec: DensitySpec, species: tuple[str, ...], seed: int) -> None:
        self.spec = spec
        self.species = species
        self.expansion = DensityExpansion(species, spec.cutoff, spec.n_radial, spec.l_max)
        self.model = DensityModel(spec, len(species), seed)
        self.members = spec.members

    def prepare(self, atoms: Atoms) -> Prepared:
        """Neighbours and A of one structure."""
        return prepare(self.expansion, atoms)

    def initialise(self, prepared: Sequence[Prepared], labels: Sequence[Labels]) -> None:
        """Standardise features and set free-atom energies from the training data.

        An element's free-atom energy is that of its single-atom structure; without one, the least-squares
        energy per atom of the element over all structures.
        """
        counts = np.array([np.bincount(item.species, minlength=len(self.species)) for item in prepared])
        energies = np.array([each.energy for each in labels])
        free = np.array([len(item.species) == 1 and not len(item.pairs.centres) for item in prepared])
        bound = ~free
        # Least norm shares the energy out where compositions are too few to tell the elements apart.
        mean_energies = np.linalg.lstsq(counts[bound], energies[bound], rcond=None)[0]
        for element, network in enumerate(self.model.elements):
            alone = free & (counts[:, element] == 1)
            free_energy = float(energies[alone][0]) if alone.any() else float(mean_energies[element])
            mine = [
                item.values[item.species == element]
                for item, kept in zip(prepared, bound, strict=True)
                if kept
            ]
            network.standardise(
                torch.from_numpy(np.concatenate(mine)), free_energy, float(mean_energies[element])
            )

    def collate(self, prepared: Sequence[Prepared]) -> Batch:
        """Join structures into one batch."""
        return collate(prepared)

    def predict(self, batch: Batch) -> Prediction:
        """Energies (M, B), forces (M, N, 3) and virials (M, B, 6) of a batch, differentiable in the weights."""
        parameters = [each for network in self.model.elements for each in parameters_of(network)]
        atomic, cotangents, _ = CompiledEnergies.apply(self.model, batch.values, batch.species, *parameters)
        return assemble(self.expansion, atomic, cotangents, batch)

    def potential(self) -> DensityPotential:
        """A copy of the model as it is now."""
        return DensityPotential(self.spec, self.species, copy.deepcopy(self.model).requires_grad_(False))
