"""The density family's side of training: structures → batches → energies, forces and virials with gradients.

Forces are linear in ∂E/∂A, so training needs the positions only through `pull` and its adjoint `push`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from forgefield.atoms.records import Array, Labels
from forgefield.descriptors.density import DensityExpansion
from forgefield.potentials.density.compiled import CompiledEnergies, ElementPass, parameters_of
from forgefield.potentials.density.model import DensityModel, ElementNetwork
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

    def columns(self, member: int, batch: Batch) -> Prediction:
        """What each weight of a member's last layer contributes: element by element, `linear`, then `readout`."""
        flat = batch.values.numpy().reshape(len(batch.species), -1, batch.values.shape[-1])
        parts = []
        for element, network in enumerate(self.model.elements):
            chosen = np.flatnonzero(batch.species == element)
            if not len(chosen):
                parts.append(_no_columns(network, batch))
                continue
            for contribution, slope in ElementPass(network, member, flat, chosen).last_layer():
                atomic = np.zeros((1, len(flat)))
                atomic[0, chosen] = contribution
                cotangent = torch.from_numpy(slope).reshape(1, *batch.values.shape)
                parts.append(assemble(self.expansion, torch.from_numpy(atomic), cotangent, batch))
        return Prediction(
            *(torch.cat(each) for each in zip(*(vars(part).values() for part in parts), strict=True))
        )

    def last_layer(self, member: int) -> Array:
        """(C,) weights of a member in the order of `columns`."""
        return np.concatenate([each[member, :, 0].detach().numpy() for each in self._last_layers()])

    def set_last_layer(self, member: int, weights: Array) -> None:
        """Replace the weights of a member by others (C,)."""
        start = 0
        for parameter in self._last_layers():
            size = parameter.shape[1]
            parameter.data[member, :, 0] = torch.from_numpy(weights[start : start + size])
            start += size

    def _last_layers(self) -> list[Tensor]:
        return [each for network in self.model.elements for each in (network.linear, network.readout)]

    def potential(self) -> DensityPotential:
        """A copy of the model as it is now."""
        return DensityPotential(self.spec, self.species, copy.deepcopy(self.model).requires_grad_(False))


def _no_columns(network: ElementNetwork, batch: Batch) -> Prediction:
    """Columns of an element that is not in the batch."""
    count = network.linear.shape[1] + network.readout.shape[1]
    n_atoms, n_structures = len(batch.species), batch.n_structures
    shapes = ((count, n_structures), (count, n_atoms, 3), (count, n_structures, 6))
    return Prediction(*(torch.zeros(shape, dtype=torch.float64) for shape in shapes))
