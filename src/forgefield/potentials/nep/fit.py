"""The nep family's side of training: structures → batches → energies, forces and virials with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from forgefield.atoms.records import Array, Labels
from forgefield.potentials.gradients import Batch, Prepared, collate, last_layer_columns, predict, prepare
from forgefield.potentials.nep.freeze import frozen_parameters
from forgefield.potentials.nep.model import NepModel, basis_of
from forgefield.potentials.nep.potential import NepPotential
from forgefield.potentials.nep.spec import NepSpec
from forgefield.potentials.training_data import Prediction
from forgefield.potentials.zbl import Zbl


@dataclass(frozen=True)
class NepPrepared(Prepared):
    """A structure and what the repulsion contributes to it: energy in eV, forces in eV/Å, virial (6,) in eV."""

    energy: float
    forces: Array
    virial: Array


@dataclass(frozen=True)
class NepBatch(Batch):
    """Several structures, and the repulsion's energies (B,), forces (N, 3) and virials (B, 6)."""

    energies: Tensor
    forces: Tensor
    virials: Tensor


class NepProblem:
    """Fits a `NepModel`; implements the engine's `Problem`.

    Args:
        spec: settings of the family.
        species: chemical symbols.
        seed: of the initial weights.
    """

    members = 1

    def __init__(self, spec: NepSpec, species: tuple[str, ...], seed: int) -> None:
        self.spec, self.species = spec, species
        self.basis = basis_of(spec, species)
        self.model = NepModel(spec, len(species), seed)
        self.zbl = Zbl(species, *spec.zbl) if spec.zbl else None
        self.q_scaler = np.ones(self.model.elements[0].n_descriptors)

    def prepare(self, atoms: Atoms) -> NepPrepared:
        """Neighbours, sums over the basis and the repulsion of one structure."""
        own = vars(prepare(self.basis, atoms))
        if self.zbl is None:
            return NepPrepared(**own, energy=0.0, forces=np.zeros((len(atoms), 3)), virial=np.zeros(6))
        repulsion = self.zbl.evaluate(atoms)
        volume = abs(np.linalg.det(atoms.cell.array))
        return NepPrepared(
            **own, energy=repulsion.energy, forces=repulsion.forces, virial=repulsion.stress * volume
        )

    def initialise(self, prepared: Sequence[NepPrepared], labels: Sequence[Labels]) -> None:
        """Standardise descriptors and set free-atom energies from the training data.

        An element's free-atom energy is that of its single-atom structure; without one, the least-squares
        energy per atom of the element over all structures.
        """
        counts = np.array([np.bincount(item.species, minlength=len(self.species)) for item in prepared])
        energies = np.array(
            [label.energy - item.energy for label, item in zip(labels, prepared, strict=True)]
        )
        free = np.array([len(item.species) == 1 and not len(item.pairs.centres) for item in prepared])
        bound = ~free if not free.all() else free
        # Least norm shares the energy out where compositions are too few to tell the elements apart.
        mean_energies = np.linalg.lstsq(counts[bound], energies[bound], rcond=None)[0]
        ranges = []
        for element, network in enumerate(self.model.elements):
            alone = free & (counts[:, element] == 1)
            free_energy = float(energies[alone][0]) if alone.any() else float(mean_energies[element])
            sums = np.concatenate(
                [
                    item.values[item.species == element]
                    for item, kept in zip(prepared, bound, strict=True)
                    if kept
                ]
            )
            network.standardise(torch.from_numpy(sums), free_energy, float(mean_energies[element]))
            with torch.no_grad():
                ranges.append(network.scale.numpy())
        self.q_scaler = 0.5 / np.max(ranges, axis=0)

    def collate(self, prepared: Sequence[NepPrepared]) -> NepBatch:
        """Join structures into one batch."""
        return NepBatch(
            **vars(collate(prepared)),
            energies=torch.tensor([item.energy for item in prepared], dtype=torch.float64),
            forces=torch.from_numpy(np.concatenate([item.forces for item in prepared])),
            virials=torch.from_numpy(np.stack([item.virial for item in prepared])),
        )

    def predict(self, batch: NepBatch) -> Prediction:
        """Energies (1, B), forces (1, N, 3) and virials (1, B, 6) of a batch, differentiable in the weights."""
        own = predict(self.basis, self.members, self.model, batch)
        return Prediction(
            own.energies + batch.energies, own.forces + batch.forces, own.virials + batch.virials
        )

    def columns(self, member: int, batch: NepBatch) -> Prediction:
        """What each weight of the last layers contributes: element by element, `outward`."""
        return last_layer_columns(self.basis, [network.outputs for network in self.model.elements], batch)

    def last_layer(self, member: int) -> Array:
        """(C,) weights in the order of `columns`."""
        return np.concatenate([network.outward.detach().numpy() for network in self.model.elements])

    def set_last_layer(self, member: int, weights: Array) -> None:
        """Replace the weights by others (C,)."""
        parts = np.split(weights, len(self.model.elements))
        with torch.no_grad():
            for network, part in zip(self.model.elements, parts, strict=True):
                network.outward.copy_(torch.from_numpy(part))

    def potential(self) -> NepPotential:
        """The model as it is now, frozen."""
        return NepPotential(frozen_parameters(self.spec, self.species, self.model, self.q_scaler))
