"""The last layer of a network, solved exactly: it enters energies, forces and stresses linearly.

Stochastic steps leave the last layer somewhat off the minimum of its loss; the normal equations of that same loss, with
a ridge that holds the weights to where training left them, find it (Bishop, Pattern Recognition and Machine Learning,
section 3.1). Here energies may count more than they could during training, where a few of them per batch made steps
noisy. How much more, and how strong the ridge is, the validation data decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from forgefield.atoms.records import Array
from forgefield.potentials.training_data import (
    Loader,
    Prediction,
    Problem,
    Targets,
    cut_into_batches,
    residual_scales,
)

_RIDGES = (1e-4, 1e-2, 1.0, 1e2)
_ENERGY_FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)
_TINY = 0.01
"""Tolerances; residuals below are as good as none."""
_LARGEST_SAMPLE = 30_000
"""Atoms from which the equations are built: many more than a last layer has weights."""
_BATCH_ATOMS = 512


@runtime_checkable
class LastLayerProblem(Problem, Protocol):
    """A `Problem` whose networks end in a linear layer of C weights."""

    def columns(self, member: int, batch: object) -> Prediction:
        """What each weight of a member's last layer contributes when it is one: C in place of M in every shape."""

    def last_layer(self, member: int) -> Array:
        """(C,) weights of a member."""

    def set_last_layer(self, member: int, weights: Array) -> None:
        """Replace the weights of a member by others (C,)."""


@dataclass(frozen=True)
class Refit:
    """How a last layer was solved.

    Attributes:
        ridge: as a multiple of the equations' mean diagonal element.
        energy_factor: by which energies counted more than in the training loss.
    """

    ridge: float
    energy_factor: float


@torch.no_grad()
def refit_last_layer(
    problem: LastLayerProblem, loader: Loader, residuals: Callable[[], Array], seed: int
) -> Refit | None:
    """Move the last layers to the minimum of the training loss, as far as the validation data approve.

    The way is chosen whose typical residuals in energy, forces and virial have the smallest product. That of energies
    is their geometric mean, for they are few, and one that is far off would decide alone.

    Args:
        problem: with trained weights.
        loader: training data.
        residuals: (n, 3) of the validation data in energy, forces and virial, with the weights of the moment.
        seed: of the part of large data that is used.

    Returns:
        The best of several ways; None where the weights are better left, which they then are.
    """
    before = [problem.last_layer(member) for member in range(problem.members)]
    equations = _normal_equations(problem, loader, seed)
    counted = np.array(loader.spec.loss_weights) > 0

    def score() -> float:
        found = np.maximum(residuals(), _TINY)
        logarithms = np.log(found[:, 0]).mean(), *np.log(found[:, 1:].mean(axis=0))
        return float(np.array(logarithms)[counted].sum())

    best, chosen, way = score(), before, None
    for candidate in (Refit(*each) for each in product(_RIDGES, _ENERGY_FACTORS)):
        moved = [weights + _solve(each, candidate) for weights, each in zip(before, equations, strict=True)]
        _put(problem, moved)
        reached = score()
        if reached < best:
            best, chosen, way = reached, moved, candidate
    _put(problem, chosen)
    return way


@dataclass(frozen=True)
class _Equations:
    """A member's normal equations for a change of its C weights: of energies, and of forces and virials.

    Attributes:
        matrices: (2, C, C).
        sides: (2, C).
    """

    matrices: Array
    sides: Array


def _solve(equations: _Equations, way: Refit) -> Array:
    factors = np.array([way.energy_factor, 1.0])
    matrix: Array = np.tensordot(factors, equations.matrices, axes=1)
    ridge = way.ridge * np.trace(matrix) / len(matrix) * np.eye(len(matrix))
    change: Array = np.linalg.solve(matrix + ridge, factors @ equations.sides)
    return change


def _put(problem: LastLayerProblem, layers: list[Array]) -> None:
    for member, weights in enumerate(layers):
        problem.set_last_layer(member, weights)


def _normal_equations(problem: LastLayerProblem, loader: Loader, seed: int) -> list[_Equations]:
    """Each member's equations, from all structures or, of large data, a random part."""
    order = np.random.default_rng((seed, 2)).permutation(len(loader.sizes))
    few = order[np.cumsum(loader.sizes[order]) <= _LARGEST_SAMPLE]
    sizes = [len(problem.last_layer(member)) for member in range(problem.members)]
    equations = [_Equations(np.zeros((2, size, size)), np.zeros((2, size))) for size in sizes]
    few = few if len(few) else order[:1]
    for chosen in cut_into_batches(loader.sizes[few], _BATCH_ATOMS, None):
        batch, targets = loader.batch(few[chosen].tolist())
        n_energies = len(targets.sizes)
        errors = _rows(_difference(targets, problem.predict(batch)), targets)
        for member, each in enumerate(equations):
            columns, weights = _rows(problem.columns(member, batch), targets), _weights(targets, member)
            # High energies are no harder to fit than low ones here, so all have the tolerance of the lowest.
            weights[:n_energies] *= (targets.energy_tolerance / loader.spec.energy_tolerance).numpy() ** 2
            for part, rows in enumerate((slice(0, n_energies), slice(n_energies, None))):
                weighted = weights[rows] * columns[:, rows]
                each.matrices[part] += weighted @ columns[:, rows].T
                each.sides[part] += weighted @ errors[member, rows]
    return equations


def _weights(targets: Targets, member: int) -> Array:
    """(rows,) weight that a member gives to the structure of each row."""
    importance = targets.importance[member]
    by_force, by_virial = importance[targets.structure].repeat_interleave(3), importance.repeat_interleave(6)
    weights: Array = torch.cat([importance, by_force, by_virial]).numpy()
    return weights


def _difference(targets: Targets, prediction: Prediction) -> Prediction:
    """Labels less predictions; nothing where there is no label."""
    known = torch.isfinite(targets.virials)
    return Prediction(
        targets.energies - prediction.energies,
        targets.forces - prediction.forces,
        torch.where(known, torch.nan_to_num(targets.virials) - prediction.virials, 0.0),
    )


def _rows(prediction: Prediction, targets: Targets) -> Array:
    """(M, rows) energies, forces and virials, each scaled so that its squares add up to the structures' losses."""
    energy, force, virial = residual_scales(targets)
    known = torch.isfinite(targets.virials)
    parts = (
        prediction.energies * energy,
        prediction.forces * force[:, None],
        torch.where(known, prediction.virials * virial[:, None], 0.0),
    )
    rows: Array = torch.cat([part.flatten(1) for part in parts], dim=1).numpy()
    return rows
