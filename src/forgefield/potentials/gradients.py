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
from numba import njit
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
    return assemble(descriptor, atomic, cotangents, batch)


def assemble(descriptor: Descriptor, atomic: Tensor, cotangents: Tensor, batch: Batch) -> Prediction:
    """Predictions of a batch from atomic energies (M, N) and their derivatives by the descriptor (M, N, …)."""
    forces, virials = _ForcesAndVirials.apply(cotangents, descriptor, batch)
    energies = atomic.new_zeros(len(atomic), batch.n_structures).index_add(1, batch.structure, atomic)
    return Prediction(energies, forces, virials)


def last_layer_columns(
    descriptor: Descriptor, elements: Sequence[Callable[[Tensor], Tensor]], batch: Batch
) -> Prediction:
    """What each weight of the last layers contributes to a batch when it is one: C in place of M in every shape.

    Args:
        descriptor: its kernels give the positions' share of the derivative.
        elements: for each element, the function of its atoms' values (n, …) that gives (n, C_e), eV: what its weights
            multiply. C is the sum of all C_e.
        batch: B structures with N atoms.
    """
    species, blocks = torch.from_numpy(batch.species), []
    with torch.enable_grad():
        values = batch.values.clone().requires_grad_()
        for index, element in enumerate(elements):
            chosen = torch.nonzero(species == index).squeeze(1)
            outputs = element(values[chosen])
            blocks.append(outputs.new_zeros(len(species), outputs.shape[1]).index_copy(0, chosen, outputs))
        contributions = torch.cat(blocks, dim=1)
        slopes = [
            torch.autograd.grad(column.sum(), values, retain_graph=True)[0]
            for column in contributions.unbind(1)
        ]
    return assemble(descriptor, contributions.detach().T, torch.stack(slopes), batch)


class _ForcesAndVirials(torch.autograd.Function):
    """∂E/∂values (M, N, …) → forces (M, N, 3) and virials (M, B, 6), with `push` as its backward pass."""

    @staticmethod
    def forward(cotangents: Tensor, descriptor: Descriptor, batch: Batch) -> tuple[Tensor, Tensor]:
        structure = batch.structure.numpy()
        forces = np.zeros((len(cotangents), len(batch.species), 3))
        virials = np.zeros((len(cotangents), batch.n_structures, 6))
        for member, cotangent in enumerate(cotangents.detach()):
            gradients = descriptor.pull(batch.pairs, batch.species, cotangent.numpy())
            _gather(gradients, *_arrays(batch.pairs), structure, forces[member], virials[member])
        return torch.from_numpy(forces), torch.from_numpy(virials)

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Descriptor, Batch], output: tuple[Tensor, Tensor]
    ) -> None:
        _, ctx.descriptor, ctx.batch = inputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        pairs, structure = ctx.batch.pairs, ctx.batch.structure.numpy()
        pushed = []
        for along_forces, along_virials in zip(*gradients, strict=True):
            tangent = _spread(
                along_forces.contiguous().numpy(),
                along_virials.contiguous().numpy(),
                *_arrays(pairs),
                structure,
            )
            pushed.append(ctx.descriptor.push(pairs, ctx.batch.species, tangent))
        return torch.from_numpy(np.stack(pushed)), None, None


def _arrays(pairs: Neighbours) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    return pairs.centres, pairs.neighbours, pairs.vectors


@njit(cache=True, fastmath=True)
def _gather(gradients, centres, neighbours, vectors, structure, forces, virials):  # type: ignore[no-untyped-def]
    """Sum pair gradients ∂E/∂r into forces (the centre is pulled along, the neighbour back) and virials r ⊗ ∂E/∂r."""
    for p in range(len(centres)):
        i, j = centres[p], neighbours[p]
        virial = virials[structure[i]]
        gx, gy, gz = gradients[p, 0], gradients[p, 1], gradients[p, 2]
        x, y, z = vectors[p, 0], vectors[p, 1], vectors[p, 2]
        forces[i, 0] += gx
        forces[i, 1] += gy
        forces[i, 2] += gz
        forces[j, 0] -= gx
        forces[j, 1] -= gy
        forces[j, 2] -= gz
        virial[0] += x * gx
        virial[1] += y * gy
        virial[2] += z * gz
        virial[3] += 0.5 * (y * gz + z * gy)
        virial[4] += 0.5 * (x * gz + z * gx)
        virial[5] += 0.5 * (x * gy + y * gx)


@njit(cache=True, fastmath=True)
def _spread(forces, virials, centres, neighbours, vectors, structure):  # type: ignore[no-untyped-def]
    """(P, 3): the adjoint of `_gather`."""
    tangent = np.empty(vectors.shape)
    for p in range(len(centres)):
        i, j = centres[p], neighbours[p]
        v = virials[structure[i]]
        x, y, z = vectors[p, 0], vectors[p, 1], vectors[p, 2]
        tangent[p, 0] = forces[i, 0] - forces[j, 0] + v[0] * x + 0.5 * (v[5] * y + v[4] * z)
        tangent[p, 1] = forces[i, 1] - forces[j, 1] + v[1] * y + 0.5 * (v[5] * x + v[3] * z)
        tangent[p, 2] = forces[i, 2] - forces[j, 2] + v[2] * z + 0.5 * (v[4] * x + v[3] * y)
    return tangent


def forces_from_pairs(pairs: Neighbours, gradients: Array, n_atoms: int) -> Array:
    """(N, 3) forces of pair gradients ∂E/∂r_ij (P, 3): the centre is pulled along, the neighbour back."""
    forces = np.empty((n_atoms, 3))
    for axis in range(3):
        forces[:, axis] = np.bincount(pairs.centres, gradients[:, axis], n_atoms)
        forces[:, axis] -= np.bincount(pairs.neighbours, gradients[:, axis], n_atoms)
    return forces


def virials_from_pairs(pairs: Neighbours, gradients: Array, n_atoms: int) -> Array:
    """(N, 3, 3) virials of atoms, eV, of pair gradients ∂E_i/∂r_ij (P, 3): −r_ij ⊗ ∂E_i/∂r_ij is the neighbour's."""
    products = (pairs.vectors[:, :, None] * gradients[:, None, :]).reshape(-1, 9)
    virials = np.empty((n_atoms, 9))
    for column, product in enumerate(products.T):
        virials[:, column] = -np.bincount(pairs.neighbours, product, n_atoms)
    return virials.reshape(-1, 3, 3)


def stress_from_virial(atoms: Atoms, virial: Array) -> Array:
    """(6,) stress, eV/Å³, of the strain derivative Σ r ⊗ ∂E/∂r (3, 3), eV; zeros without a volume."""
    volume = abs(np.linalg.det(atoms.cell.array))
    if volume < 1e-8:
        return np.zeros(6)
    symmetric = (virial + virial.T) / (2 * volume)
    stress: Array = symmetric[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    return stress
