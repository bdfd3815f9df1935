"""What training is fed with: batches with labels and tolerances, and the loss that measures a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from forgefield.atoms.records import Array, Labels
from forgefield.potentials.training_cache import LazySequence, PreparedCache
from forgefield.potentials.training_spec import TrainingSpec

_ATOMS_TO_INITIALISE = 5_000
_STRUCTURES_TO_INITIALISE = 2_000
_STEPS, _EPOCHS = 15_000, (50, 400)
_EXAMPLES = 20
"""Structures of each element that scales are set from, at least."""


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
        """Set what is fixed before the first step (scales, free-atom energies).

        Of large data sets it gets a random part (`Loader.sample`), in which all isolated atoms are.
        """

    def collate(self, prepared: Sequence[Any]) -> Any:
        """Join prepared structures into one batch."""

    def predict(self, batch: Any) -> Prediction:
        """Predict a batch, differentiable in the model's parameters."""


@dataclass(frozen=True)
class Targets:
    """Labels of a batch and the tolerance of each: a residual is an error over its tolerance.

    `weights` are those of energies, forces and virials in the loss; `importance` (M, B) is each structure's;
    `typical_size` is the number of atoms whose forces weigh as much as one energy.
    """

    energies: Tensor
    forces: Tensor
    virials: Tensor
    sizes: Tensor
    volumes: Tensor
    energy_tolerance: Tensor
    force_tolerance: Tensor
    virial_tolerance: Tensor
    importance: Tensor
    structure: Tensor
    weights: tuple[float, float, float]
    typical_size: float


class Loader:
    """Structures with labels, tolerances and committee weights, joined into batches on demand.

    Args:
        problem: the family's side.
        structures, labels: any sequences; their items are asked for anew whenever they are needed.
        spec: settings.
        rng: draws the committee's weights.
        weights: (n,) weight of each structure in the loss; all alike by default.
        cache_bytes: memory for prepared structures; the settings' by default.
    """

    def __init__(
        self,
        problem: Problem,
        structures: Sequence[Atoms],
        labels: Sequence[Labels],
        spec: TrainingSpec,
        rng: np.random.Generator,
        weights: Array | None = None,
        cache_bytes: float | None = None,
    ) -> None:
        self.problem, self.labels, self.spec = problem, labels, spec
        limit = spec.cache_megabytes * 1e6 if cache_bytes is None else cache_bytes
        self.cache = PreparedCache(problem.prepare, structures, limit)
        n = len(structures)
        self.sizes = np.zeros(n, dtype=np.int64)
        self.volumes, self.energies, self.typical_force = np.zeros(n), np.zeros(n), np.zeros(n)
        self.virials = np.full((n, 6), np.nan)
        self._examples: dict[int, list[int]] = {}
        for index, (atoms, label) in enumerate(zip(structures, labels, strict=True)):
            self.sizes[index] = len(atoms)
            self.volumes[index] = abs(np.linalg.det(atoms.cell.array))
            self.energies[index] = label.energy
            self.typical_force[index] = np.sqrt((label.forces**2).mean())
            if label.stress is not None:
                self.virials[index] = label.stress * self.volumes[index]
            for element in set(atoms.numbers.tolist()):
                known = self._examples.setdefault(element, [])
                if len(known) < _EXAMPLES:
                    known.append(index)
        self.typical_size = float(self.sizes.mean()) if n else 1.0
        self.typical_virial = np.sqrt(np.nan_to_num(self.virials**2).mean(axis=1)) / self.sizes
        self.importance = _importance(problem.members, n, spec.bootstrap, rng)
        if weights is not None:
            self.importance = self.importance * weights
        per_atom = self.energies / self.sizes
        self.above_lowest = per_atom - per_atom.min() if n else per_atom

    @property
    def prepared(self) -> Sequence[Any]:
        """Every structure as the family prepared it."""
        return LazySequence(self.cache.__getitem__, len(self.sizes))

    def sample(self, rng: np.random.Generator) -> list[int]:
        """Indices that stand for the data when scales are set: all, or of many a random part.

        In the part are some structures of every element, and single atoms.
        """
        if self.sizes.sum() <= _ATOMS_TO_INITIALISE and len(self.sizes) <= _STRUCTURES_TO_INITIALISE:
            return list(range(len(self.sizes)))
        order = rng.permutation(len(self.sizes))
        few = np.cumsum(self.sizes[order]) <= _ATOMS_TO_INITIALISE
        few[_STRUCTURES_TO_INITIALISE:] = False
        few[0] = True
        alone = np.flatnonzero(self.sizes == 1)[:100].tolist()
        return sorted({*order[few].tolist(), *alone, *(i for each in self._examples.values() for i in each)})

    def batch(self, chosen: Sequence[int]) -> tuple[Any, Targets]:
        """The structures with these indices, and their targets."""
        batch = self.problem.collate([self.cache[i] for i in chosen])
        return batch, self._targets(np.asarray(chosen))

    def _targets(self, chosen: NDArray[np.int64]) -> Targets:
        spec, share = self.spec, self.spec.relative_tolerance
        sizes = self.sizes[chosen]
        return Targets(
            energies=torch.from_numpy(self.energies[chosen]),
            forces=torch.from_numpy(np.concatenate([self.labels[i].forces for i in chosen.tolist()])),
            virials=torch.from_numpy(self.virials[chosen]),
            sizes=torch.from_numpy(sizes.astype(float)),
            volumes=torch.from_numpy(self.volumes[chosen]),
            energy_tolerance=torch.from_numpy(spec.energy_tolerance + share * self.above_lowest[chosen]),
            force_tolerance=torch.from_numpy(spec.force_tolerance + share * self.typical_force[chosen]),
            virial_tolerance=torch.from_numpy(spec.stress_tolerance + share * self.typical_virial[chosen]),
            importance=torch.from_numpy(self.importance[:, chosen]),
            structure=torch.from_numpy(np.repeat(np.arange(len(chosen)), sizes)),
            weights=spec.loss_weights,
            typical_size=self.typical_size,
        )


def _importance(members: int, n: int, bootstrap: float, rng: np.random.Generator) -> Array:
    """(M, n) Bayesian bootstrap (Rubin 1981): exponential weights, blended with equal ones.

    It makes members differ; a single network takes the data as they are.
    """
    draws = rng.exponential(size=(members, n))
    return (1 - bootstrap) + bootstrap * draws if members > 1 else np.ones((1, n))


def squared_residuals(prediction: Prediction, targets: Targets) -> tuple[Tensor, Tensor, Tensor]:
    """(M, B) mean squared residuals of each structure's energy, force components and virial components."""
    sizes = targets.sizes
    energy = ((prediction.energies - targets.energies) / (sizes * targets.energy_tolerance)) ** 2
    tolerance = targets.force_tolerance[targets.structure].unsqueeze(-1)
    squared = (((prediction.forces - targets.forces) / tolerance) ** 2).mean(-1)
    force = torch.zeros_like(energy).index_add(1, targets.structure, squared) / sizes
    scale = (sizes * targets.virial_tolerance).unsqueeze(-1)
    known = torch.isfinite(targets.virials)
    residual = torch.where(known, (prediction.virials - torch.nan_to_num(targets.virials)) / scale, 0.0)
    return energy, force, (residual**2).mean(-1)


def weighted_loss(prediction: Prediction, targets: Targets) -> Tensor:
    """Mean squared residual of energies, forces and virials, summed over members (which do not share weights).

    Energies and stress components count once per structure, forces once per atom, each set with its weight.
    """
    energy, force, virial = squared_residuals(prediction, targets)
    by_energy, by_force, by_virial = targets.weights
    per_atom = targets.sizes / targets.typical_size
    whole = by_energy * energy + by_virial * virial + by_force * per_atom * force
    return (targets.importance * whole).sum() / len(targets.sizes)


def residual_scales(targets: Targets) -> tuple[Tensor, Tensor, Tensor]:
    """Factors for energies (B,), force components (N,) and virial components (B,), eV⁻¹, Å/eV and eV⁻¹, with which
    squared errors add up to each structure's share of `weighted_loss`."""
    sizes = targets.sizes
    by_energy, by_force, by_virial = targets.weights
    energy = by_energy**0.5 / (sizes * targets.energy_tolerance)
    force = (by_force / (3 * targets.typical_size)) ** 0.5 / targets.force_tolerance
    virial = (by_virial / 6) ** 0.5 / (sizes * targets.virial_tolerance)
    return energy, force[targets.structure], virial


def validation_residuals(prediction: Prediction, targets: Targets) -> Array:
    """(B, 3) root mean square residuals of the committee's mean in energy, forces and virial, of each structure."""
    mean = Prediction(*(each.mean(0, keepdim=True) for each in vars(prediction).values()))
    squares = torch.stack(squared_residuals(mean, targets), dim=-1)
    residuals: Array = squares[0].sqrt().numpy()
    return residuals


@dataclass(frozen=True)
class Pace:
    """How long a training is and in what steps: the settings, or what suits the size of the data.

    Attributes:
        batch_atoms: atoms in a mini-batch, about.
        epochs: passes over the data.
        total_steps: mini-batches in all of them.
    """

    batch_atoms: int
    epochs: int
    total_steps: int

    @staticmethod
    def of(spec: TrainingSpec, sizes: NDArray[np.int64]) -> Pace:
        """The pace for structures of these sizes (n,)."""
        batch_atoms = spec.batch_atoms or int(np.clip(sizes.sum() // 100, 32, 128))
        steps = len(cut_into_batches(sizes, batch_atoms, None))
        epochs = spec.epochs or int(np.clip(_STEPS // steps, *_EPOCHS))
        return Pace(batch_atoms, epochs, epochs * steps)


def cut_into_batches(
    sizes: NDArray[np.int64], batch_atoms: int, rng: np.random.Generator | None
) -> list[list[int]]:
    """Structures in random order (or as given), cut into about equal batches of at least one structure."""
    order = np.arange(len(sizes)) if rng is None else rng.permutation(len(sizes))
    n_batches = max(1, min(len(sizes), round(float(sizes.sum()) / batch_atoms)))
    filled = np.cumsum(sizes[order]) - sizes[order] / 2
    which = np.minimum((filled / sizes.sum() * n_batches).astype(int), n_batches - 1)
    return [order[which == k].tolist() for k in range(n_batches) if (which == k).any()]
