"""Optimisers by name, and the course of their step size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from forgefield.potentials.kalman import KalmanFilter
from forgefield.potentials.soap import Soap
from forgefield.potentials.training_spec import TrainingSpec

_SHAPES: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: 0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * done)),
    "exponential": lambda done: 0.001**done,
    "step": lambda done: 1.0 if done < 0.6 else 0.1 if done < 0.85 else 0.01,
    "constant": lambda done: 1.0,
}


def make_optimizer(parameters: Iterable[Tensor], spec: TrainingSpec) -> torch.optim.Optimizer | KalmanFilter:
    """The optimiser that the settings ask for."""
    if spec.optimizer == "kalman":
        return KalmanFilter(parameters)
    if spec.optimizer == "soap":
        return Soap(parameters, lr=spec.learning_rate, weight_decay=spec.weight_decay)
    if spec.optimizer == "adamw":
        return torch.optim.AdamW(
            parameters, lr=spec.learning_rate, weight_decay=spec.weight_decay, foreach=True
        )
    return torch.optim.Adam(parameters, lr=spec.learning_rate, foreach=True)


def learning_rate(spec: TrainingSpec, step: int, done: float) -> float:
    """Step size of an optimiser step.

    Args:
        spec: settings.
        step: steps before this one, for the warm-up.
        done: share of the training that is over, by steps or by time, whichever is larger.
    """
    rising = min(1.0, (step + 1) / spec.warm_up)
    return spec.learning_rate * rising * _SHAPES[spec.schedule](min(1.0, done))
