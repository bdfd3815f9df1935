"""From a model of a descriptor to forces and virials: what all families that are built on a descriptor share.

Forces are linear in ∂E/∂descriptor, so positions enter training only through the descriptor's `pull` and its adjoint
`push`; autograd never sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from forgefield.atoms.neighbours import concatenate
from forgefield.atoms.records import Array, Neighbours
from forgefield.potentials.training_data import Prediction


class Descriptor(Protocol):
    """Three kernels. `values` may have any shape (N, …) per structure, the same trailing axes for all."""

    def neighbours(self, atoms: Atoms) -> Neighbours:
        """Pairs that the kernels need."""

    def species_index(self, atoms: Atoms) -> NDArray[np.int64]:
        """(N,) index of each atom's element."""

    def values(self, pairs: Neighbours, species: NDArray[np.int64]) -> Array:
        """(N, …) descriptor of each atom."""

    def pull(self, pairs: Neighbours, species: NDArray[np.int64], cotangent: Array) -> Array:
        """(P, 3) gradient of Σ cotangent·values with respect to each pair vector, 1/Å."""

    def push(self, pairs: Neighbours, species: NDArray[np.int64], tangent: Array) -> Array:
        """(N, …) derivative of the values when each pair vector moves along tangent (P, 3): adjoint of `pull`."""


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


def prepare(descriptor: Descriptor, atoms: Atoms) -> Prepared:
    """Neighbours and descriptor of one structure."""
    pairs, index = descriptor.neighbours(atoms), descriptor.species_index(atoms)
    return Prepared(pairs, index, descriptor.values(pairs, index))


def collate(prepared: Sequence[Prepared]) -> Batch:
    """Join structures into one batch."""
    sizes = torch.tensor([len(item.species) for item in prepared])
    return Batch(
        pairs=concatenate([item.pairs for item in prepared]),
        species=np.concatenate([item.species for item in prepared]),
        values=torch.from_numpy(np.concatenate([item.values for item in prepared])),
        structure=torch.repeat_interleave(torch.arange(len(prepared)), sizes),
        n_structures=len(prepared),
    )


def predict(
    descriptor: Descriptor, members: int, atomic_energies: Callable[[Tensor, Tensor], Tensor], batch: Batch
) -> Prediction:
    """Energies, forces and virials of a batch, differentiable in the parameters of `atomic_energies`.

    Args:
        descriptor: its kernels give the positions' share of the derivative.
        members: M, size of the committee.
        atomic_energies: function of values (M, N, …) and species (N,) that gives (M, N) energies, eV.
        batch: B structures with N atoms.
    """
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        copies = batch.values.expand(members, *batch.values.shape).clone().requires_grad_()
        atomic = atomic_energies(copies, torch.from_numpy(batch.species))
        (cotangents,) = torch.autograd.grad(atomic.sum(), copies, create_graph=differentiable)
    if not differentiable:
        atomic, cotangents = atomic.detach(), cotangents.detach()
    gradients: Tensor = _PairGradients.apply(cotangents, descriptor, batch)
    centres, neighbours = torch.from_numpy(batch.pairs.centres), torch.from_numpy(batch.pairs.neighbours)
    forces = gradients.new_zeros(members, len(batch.species), 3)
    forces = forces.index_add(1, centres, gradients).index_add(1, neighbours, -gradients)
    r = torch.from_numpy(batch.pairs.vectors)
    rows, columns = [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]
    pair_virials = (r[:, rows] * gradients[:, :, columns] + r[:, columns] * gradients[:, :, rows]) / 2
    sums = gradients.new_zeros(members, batch.n_structures, 6)
    return Prediction(
        energies=atomic.new_zeros(members, batch.n_structures).index_add(1, batch.structure, atomic),
        forces=forces,
        virials=sums.index_add(1, batch.structure[centres], pair_virials),
    )


class _PairGradients(torch.autograd.Function):
    """∂E/∂values (M, N, …) → ∂E/∂r (M, P, 3), with `push` as its backward pass."""

    @staticmethod
    def forward(cotangents: Tensor, descriptor: Descriptor, batch: Batch) -> Tensor:
        pulled = [descriptor.pull(batch.pairs, batch.species, each.numpy()) for each in cotangents.detach()]
        return torch.from_numpy(np.stack(pulled))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Descriptor, Batch], output: Tensor) -> None:
        _, ctx.descriptor, ctx.batch = inputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (tangents,) = gradients
        pushed = [ctx.descriptor.push(ctx.batch.pairs, ctx.batch.species, each.numpy()) for each in tangents]
        return torch.from_numpy(np.stack(pushed)), None, None


def forces_from_pairs(pairs: Neighbours, gradients: Array, n_atoms: int) -> Array:
    """(N, 3) forces of pair gradients ∂E/∂r_ij (P, 3): the centre is pulled along, the neighbour back."""
    forces = np.empty((n_atoms, 3))
    for axis in range(3):
        forces[:, axis] = np.bincount(pairs.centres, gradients[:, axis], n_atoms)
        forces[:, axis] -= np.bincount(pairs.neighbours, gradients[:, axis], n_atoms)
    return forces


def stress_from_virial(atoms: Atoms, virial: Array) -> Array:
    """(6,) stress, eV/Å³, of the strain derivative Σ r ⊗ ∂E/∂r (3, 3), eV; zeros without a volume."""
    volume = abs(np.linalg.det(atoms.cell.array))
    if volume < 1e-8:
        return np.zeros(6)
    symmetric = (virial + virial.T) / (2 * volume)
    stress: Array = symmetric[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    return stress
