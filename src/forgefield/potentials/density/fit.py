"""The density family's side of training: structures → batches → energies, forces and virials with gradients.

Forces are linear in ∂E/∂A, so training needs the positions only through `pull` and its adjoint `push`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from forgefield.atoms.records import Array, Labels, Neighbours
from forgefield.descriptors.density import DensityExpansion, concatenate
from forgefield.potentials.density.model import DensityModel
from forgefield.potentials.density.potential import DensityPotential
from forgefield.potentials.density.spec import DensitySpec
from forgefield.potentials.training_data import Prediction


@dataclass(frozen=True)
class Prepared:
    """One structure with what does not change during training."""

    pairs: Neighbours
    species: NDArray[np.int64]
    values: Array


@dataclass(frozen=True)
class Batch:
    """Several structures as one, and which atom belongs to which."""

    pairs: Neighbours
    species: NDArray[np.int64]
    values: Tensor
    structure: Tensor
    n_structures: int


class _PairGradients(torch.autograd.Function):
    """∂E/∂A (M, N, S, R, L) → ∂E/∂r (M, P, 3), with `push` as its backward pass."""

    @staticmethod
    def forward(cotangents: Tensor, expansion: DensityExpansion, batch: Batch) -> Tensor:
        pulled = [expansion.pull(batch.pairs, batch.species, each.numpy()) for each in cotangents.detach()]
        return torch.from_numpy(np.stack(pulled))

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
        _, ctx.expansion, ctx.batch = inputs

    @staticmethod
    def backward(ctx, *gradients: Tensor):  # type: ignore[no-untyped-def]
        (tangents,) = gradients
        pushed = [ctx.expansion.push(ctx.batch.pairs, ctx.batch.species, each.numpy()) for each in tangents]
        return torch.from_numpy(np.stack(pushed)), None, None


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
        pairs = self.expansion.neighbours(atoms)
        index = self.expansion.species_index(atoms)
        return Prepared(pairs, index, self.expansion.values(pairs, index))

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
        sizes = torch.tensor([len(item.species) for item in prepared])
        return Batch(
            pairs=concatenate([item.pairs for item in prepared]),
            species=np.concatenate([item.species for item in prepared]),
            values=torch.from_numpy(np.concatenate([item.values for item in prepared])),
            structure=torch.repeat_interleave(torch.arange(len(prepared)), sizes),
            n_structures=len(prepared),
        )

    def predict(self, batch: Batch) -> Prediction:
        """Energies (M, B), forces (M, N, 3) and virials (M, B, 6) of a batch, differentiable in the weights."""
        differentiable = torch.is_grad_enabled()
        with torch.enable_grad():
            copies = batch.values.expand(self.members, *batch.values.shape).clone().requires_grad_()
            atomic = self.model(copies, torch.from_numpy(batch.species))
            (cotangents,) = torch.autograd.grad(atomic.sum(), copies, create_graph=differentiable)
        if not differentiable:
            atomic, cotangents = atomic.detach(), cotangents.detach()
        gradients: Tensor = _PairGradients.apply(cotangents, self.expansion, batch)
        centres, neighbours = torch.from_numpy(batch.pairs.centres), torch.from_numpy(batch.pairs.neighbours)
        forces = gradients.new_zeros(self.members, len(batch.species), 3)
        forces = forces.index_add(1, centres, gradients).index_add(1, neighbours, -gradients)
        r = torch.from_numpy(batch.pairs.vectors)
        rows, columns = [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]
        pair_virials = (r[:, rows] * gradients[:, :, columns] + r[:, columns] * gradients[:, :, rows]) / 2
        sums = gradients.new_zeros(self.members, batch.n_structures, 6)
        return Prediction(
            energies=atomic.new_zeros(self.members, batch.n_structures).index_add(1, batch.structure, atomic),
            forces=forces,
            virials=sums.index_add(1, batch.structure[centres], pair_virials),
        )

    def potential(self) -> DensityPotential:
        """A copy of the model as it is now."""
        return DensityPotential(self.spec, self.species, copy.deepcopy(self.model).requires_grad_(False))
