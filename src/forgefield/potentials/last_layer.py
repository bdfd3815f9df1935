"""The last layer of a network, solved exactly: it enters energies, forces and stresses linearly.

Stochastic steps leave the last layer somewhat off the minimum of its loss; the normal equations of that same loss, with
a ridge that holds the weights to where training left them, find it (Bishop, Pattern Recognition and Machine Learning,
section 3.1). How strong the ridge is, the validation data decide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from forgefield.atoms.records import Array
from forgefield.potentials.training_data import Loader, Prediction, Problem, Targets, residual_scales

_RIDGES = (1e-4, 1e-2, 1.0, 1e2, 1e4)
_LARGEST_SAMPLE = 30_000
"""Atoms from which the equations are built: many more than a last layer has weights."""


@runtime_checkable
class LastLayerProblem(Problem, Protocol):
    """A `Problem` whose networks end in a linear layer of C weights."""

    def columns(self, member: int, batch: object) -> Prediction:
        """What each weight of a member's last layer contributes when it is one: C in place of M in every shape."""

    def last_layer(self, member: int) -> Array:
        """(C,) weights of a member."""

    def set_last_layer(self, member: int, weights: Array) -> None:
        """Replace the weights of a member by others (C,)."""


@torch.no_grad()
def refit_last_layer(
    problem: LastLayerProblem, loader: Loader, score: Callable[[], float], seed: int
) -> float | None:
    """Move the last layers to the minimum of the training loss, as far as that lowers the validation score.

    Args:
        problem: with trained weights.
        loader: training data.
        score: validation score of the weights that the problem has when it is called.
        seed: of the part of large data that is used.

    Returns:
        The ridge, as a multiple of the equations' mean diagonal element; None where the weights are better left.
    """
    before = [problem.last_layer(member) for member in range(problem.members)]
    equations = _normal_equations(problem, loader, seed)
    best, chosen, ridge = score(), before, None
    for candidate in _RIDGES:
        moved = [
            weights
            + np.linalg.solve(
                matrix + candidate * np.trace(matrix) / len(matrix) * np.eye(len(matrix)), right
            )
            for weights, (matrix, right) in zip(before, equations, strict=True)
        ]
        _put(problem, moved)
        reached = score()
        if reached < best:
            best, chosen, ridge = reached, moved, candidate
    _put(problem, chosen)
    return ridge


def _put(problem: LastLayerProblem, layers: list[Array]) -> None:
    for member, weights in enumerate(layers):
        problem.set_last_layer(member, weights)


def _normal_equations(problem: LastLayerProblem, loader: Loader, seed: int) -> list[tuple[Array, Array]]:
    """Each member's (C, C) matrix and (C,) right-hand side for a change of its last layer."""
    order = np.random.default_rng((seed, 2)).permutation(len(loader.sizes))
    few = order[np.cumsum(loader.sizes[order]) <= _LARGEST_SAMPLE]
    sizes = [len(problem.last_layer(member)) for member in range(problem.members)]
    equations = [(np.zeros((size, size)), np.zeros(size)) for size in sizes]
    for index in (few if len(few) else order[:1]).tolist():
        batch, targets = loader.batch([index])
        errors = _rows(_difference(targets, problem.predict(batch)), targets)
        for member, (matrix, right) in enumerate(equations):
            columns = _rows(problem.columns(member, batch), targets)
            weighted = columns * float(targets.importance[member, 0])
            matrix += weighted @ columns.T
            right += weighted @ errors[member]
    return equations


def _difference(targets: Targets, prediction: Prediction) -> Prediction:
    """Labels less predictions; nothing where there is no label."""
    known = torch.isfinite(targets.virials)
    return Prediction(
        targets.energies - prediction.energies,
        targets.forces - prediction.forces,
        torch.where(known, torch.nan_to_num(targets.virials) - prediction.virials, 0.0),
    )


def _rows(prediction: Prediction, targets: Targets) -> Array:
    """(M, rows) energies, forces and virials of one structure, each scaled so that squares add up to its loss."""
    energy, force, virial = residual_scales(targets)
    known = torch.isfinite(targets.virials)
    parts = (
        prediction.energies * energy,
        prediction.forces * force[:, None],
        torch.where(known, prediction.virials * virial[:, None], 0.0),
    )
    rows: Array = torch.cat([part.flatten(1) for part in parts], dim=1).numpy()
    return rows
