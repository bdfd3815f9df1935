"""What training is fed with: batches with labels and tolerances, and the loss that measures a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from forgefield.atoms.records import Array, Labels
from forgefield.potentials.training_spec import TrainingSpec


@dataclass(frozen=True)
class Prediction:
    """What a committee says about a batch of B structures with N atoms: members M lead every shape.

    Attributes:
        energies: (M, B), eV.
        forces: (M, N, 3), eV/Å.
        virials: (M, B, 6), stress times volume, eV, Voigt order.
    """

    energies: Tensor
    forces: Tensor
    virials: Tensor


class Problem(Protocol):
    """What a family gives the engine: how to prepare, join and predict structures."""

    members: int

    @property
    def model(self) -> torch.nn.Module:
        """The network that is trained."""

    def prepare(self, atoms: Atoms) -> Any:
        """What of a structure does not change during training."""

    def initialise(self, prepared: Sequence[Any], labels: Sequence[Labels]) -> None:
        """Set what is fixed before the first step (scales, free-atom energies)."""

    def collate(self, prepared: Sequence[Any]) -> Any:
        """Join prepared structures into one batch."""

    def predict(self, batch: Any) -> Prediction:
        """Predict a batch, differentiable in the model's parameters."""


@dataclass(frozen=True)
class Targets:
    """Labels of a batch and the tolerance of each: a residual is an error over its tolerance."""

    energies: Tensor
    forces: Tensor
    virials: Tensor
    sizes: Tensor
    energy_tolerance: Tensor
    force_tolerance: Tensor
    virial_tolerance: Tensor
    importance: Tensor
    structure: Tensor


class Loader:
    """Structures with labels, tolerances and committee weights, joined into batches on demand."""

    def __init__(
        self,
        problem: Problem,
        structures: Sequence[Atoms],
        labels: Sequence[Labels],
        spec: TrainingSpec,
        rng: np.random.Generator,
    ) -> None:
        self.problem, self.labels, self.spec = problem, labels, spec
        self.prepared = [problem.prepare(atoms) for atoms in structures]
        self.sizes = np.array([len(atoms) for atoms in structures])
        self.volumes = np.array([abs(np.linalg.det(atoms.cell.array)) for atoms in structures])
        draws = rng.exponential(size=(problem.members, len(structures)))
        # Bayesian bootstrap (Rubin 1981): exponential weights, blended with equal ones.
        self.importance = (1 - spec.bootstrap) + spec.bootstrap * draws
        energies = np.array([each.energy for each in labels]) / self.sizes
        self.above_lowest = energies - energies.min() if len(energies) else energies

    def batch(self, chosen: Sequence[int]) -> tuple[Any, Targets]:
        """The structures with these indices, and their targets."""
        batch = self.problem.collate([self.prepared[i] for i in chosen])
        return batch, self._targets(chosen)

    def _targets(self, chosen: Sequence[int]) -> Targets:
        spec, share = self.spec, self.spec.relative_tolerance
        sizes = self.sizes[list(chosen)]
        forces = [self.labels[i].forces for i in chosen]
        typical = np.array([np.sqrt((each**2).mean()) for each in forces])
        virials = np.full((len(chosen), 6), np.nan)
        for row, i in enumerate(chosen):
            stress = self.labels[i].stress
            if stress is not None:
                virials[row] = stress * self.volumes[i]
        typical_virial = np.sqrt(np.nan_to_num(virials**2).mean(axis=1)) / sizes
        return Targets(
            energies=torch.tensor([self.labels[i].energy for i in chosen], dtype=torch.float64),
            forces=torch.from_numpy(np.concatenate(forces)),
            virials=torch.from_numpy(virials),
            sizes=torch.from_numpy(sizes.astype(float)),
            energy_tolerance=torch.from_numpy(
                spec.energy_tolerance + share * self.above_lowest[list(chosen)]
            ),
            force_tolerance=torch.from_numpy(spec.force_tolerance + share * typical),
            virial_tolerance=torch.from_numpy(spec.stress_tolerance + share * typical_virial),
            importance=torch.from_numpy(self.importance[:, list(chosen)]),
            structure=torch.repeat_interleave(torch.arange(len(chosen)), torch.from_numpy(sizes)),
        )


def weighted_loss(prediction: Prediction, targets: Targets) -> Tensor:
    """Mean squared residual of energies, forces and virials, summed over members (which do not share weights).

    Energies and stress components count once per structure, forces once per atom, each set with the same weight.
    """
    sizes = targets.sizes
    energy = ((prediction.energies - targets.energies) / (sizes * targets.energy_tolerance)) ** 2
    tolerance = targets.force_tolerance[targets.structure].unsqueeze(-1)
    squared = (((prediction.forces - targets.forces) / tolerance) ** 2).mean(-1)
    force = torch.zeros_like(energy).index_add(1, targets.structure, squared)
    scale = (sizes * targets.virial_tolerance).unsqueeze(-1)
    virial = torch.nan_to_num(((prediction.virials - targets.virials) / scale) ** 2, nan=0.0).sum(-1)
    share = targets.importance / sizes.mean()
    return (targets.importance * (energy + virial / 6) + share * force).sum() / len(sizes)


def cut_into_batches(sizes: Array, batch_atoms: int, rng: np.random.Generator | None) -> list[list[int]]:
    """Structures in random order (or as given), cut into about equal batches of at least one structure."""
    order = np.arange(len(sizes)) if rng is None else rng.permutation(len(sizes))
    n_batches = max(1, min(len(sizes), round(float(sizes.sum()) / batch_atoms)))
    filled = np.cumsum(sizes[order]) - sizes[order] / 2
    which = np.minimum((filled / sizes.sum() * n_batches).astype(int), n_batches - 1)
    return [order[which == k].tolist() for k in range(n_batches) if (which == k).any()]
