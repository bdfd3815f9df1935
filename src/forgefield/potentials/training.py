"""The training engine: fits any family to energies, forces and stresses, reproducibly and resumably."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Labels
from forgefield.potentials.soap import Soap
from forgefield.potentials.training_data import (
    Loader,
    Prediction,
    Problem,
    Targets,
    cut_into_batches,
    weighted_loss,
)
from forgefield.potentials.training_spec import TrainingSpec


@dataclass(frozen=True)
class Progress:
    """State of training, for whoever shows it.

    Attributes:
        epoch, epochs: passes done and to do.
        training: force RMSE of the running epoch, eV/Å.
        validation: force RMSE of the committee's mean on the validation set, eV/Å.
    """

    epoch: int
    epochs: int
    training: float
    validation: float


@dataclass(frozen=True)
class TrainingResult:
    """What training says about itself; the fitted weights are in the problem's model.

    Attributes:
        history: one `Progress` per validation.
        best_epoch: epoch whose weights were kept.
        seconds: wall time.
    """

    history: tuple[Progress, ...]
    best_epoch: int
    seconds: float


def train(
    problem: Problem,
    structures: Sequence[Atoms],
    labels: Sequence[Labels],
    validation: tuple[Sequence[Atoms], Sequence[Labels]],
    spec: TrainingSpec,
    seed: int,
    checkpoint: Path | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> TrainingResult:
    """Fit the problem's model; afterwards it holds the weights that did best on the validation set.

    Args:
        problem: the family's side.
        structures, labels: training data, in an order that is part of the result's reproducibility.
        validation: structures and labels; may be empty, then the last weights are kept.
        spec: settings.
        seed: of batches and committee weights.
        checkpoint: file from which an interrupted training goes on, to the bit; removed at the end.
        report: called after every validation.

    Raises:
        ForgefieldError: no training data, or the loss is no longer finite.
    """
    if not structures:
        raise ForgefieldError(
            "there are no labelled structures to train on", "see the ledger for what failed"
        )
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    loader = Loader(problem, structures, labels, spec, rng)
    problem.initialise(loader.prepared, labels)
    held_out = Loader(problem, *validation, spec, rng) if len(validation[0]) else None
    state = _State(problem, spec, len(cut_into_batches(loader.sizes, spec.batch_atoms, None)))
    if checkpoint is not None and checkpoint.exists():
        state.restore(checkpoint)
    every = max(1, spec.epochs // 40)
    for epoch in range(state.epoch, spec.epochs):
        squares = count = 0.0
        for chosen in cut_into_batches(loader.sizes, spec.batch_atoms, np.random.default_rng((seed, epoch))):
            batch, targets = loader.batch(chosen)
            prediction = problem.predict(batch)
            loss = weighted_loss(prediction, targets)
            if not torch.isfinite(loss):
                raise ForgefieldError(
                    f"training diverged in epoch {epoch}: the loss is {loss.item()}",
                    "lower training.learning_rate",
                )
            state.step(loss)
            squares += float(((prediction.forces.detach().mean(0) - targets.forces) ** 2).sum())
            count += targets.forces.numel()
        state.epoch = epoch + 1
        if state.epoch % every == 0 or state.epoch == spec.epochs:
            rmse = math.sqrt(squares / count)
            state.judge(rmse, _validate(problem, held_out, state) if held_out else (rmse, -float(epoch)))
            report(state.history[-1])
            if checkpoint is not None:
                state.store(checkpoint)
    problem.model.load_state_dict(state.best)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return TrainingResult(tuple(state.history), state.best_epoch, time.perf_counter() - started)


class _State:
    """Everything that changes during training, so that it can be stored and restored."""

    def __init__(self, problem: Problem, spec: TrainingSpec, steps_per_epoch: int) -> None:
        self.model = problem.model.requires_grad_(True)
        self.epochs = spec.epochs
        self.optimizer = Soap(self.model.parameters(), lr=spec.learning_rate, weight_decay=spec.weight_decay)
        total, warm = spec.epochs * steps_per_epoch, 20
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda step: (
                min(1.0, (step + 1) / warm)
                * (0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / total))))
            ),
        )
        self.averaging = spec.averaging
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.steps = 0
        self.epoch = 0
        self.best = {name: value.clone() for name, value in self.average.items()}
        self.best_score = math.inf
        self.best_epoch = 0
        self.history: list[Progress] = []

    def step(self, loss: Tensor) -> None:
        """One optimiser step and the moving average of the weights."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 100.0)
        self.optimizer.step()
        self.schedule.step()
        self.steps += 1
        # The first steps count less than the decay says, or the average would remember the initial weights.
        decay = min(self.averaging, self.steps / (self.steps + 10))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)

    def judge(self, training: float, validation: tuple[float, float]) -> None:
        """Keep the averaged weights if their score is the best so far."""
        rmse, score = validation
        self.history.append(Progress(self.epoch, self.epochs, training, rmse))
        if score < self.best_score:
            self.best_score, self.best_epoch = score, self.epoch
            self.best = {name: value.clone() for name, value in self.average.items()}

    def store(self, path: Path) -> None:
        """Write all state, atomically."""
        content = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average,
            "best": self.best,
            "numbers": [self.steps, self.epoch, self.best_score, self.best_epoch],
            "history": [[p.epoch, p.epochs, p.training, p.validation] for p in self.history],
        }
        partial = path.with_suffix(".partial")
        torch.save(content, partial)
        partial.replace(path)

    def restore(self, path: Path) -> None:
        """Read what `store` wrote."""
        content = torch.load(path, weights_only=True)
        self.model.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.load_state_dict(content["schedule"])
        self.average, self.best = content["average"], content["best"]
        self.steps, self.epoch, self.best_score, self.best_epoch = content["numbers"]
        self.history = [Progress(*row) for row in content["history"]]


def _validate(problem: Problem, loader: Loader, state: _State) -> tuple[float, float]:
    """Force RMSE (eV/Å) of the averaged weights' committee mean, and its loss as the score."""
    current = {name: value.clone() for name, value in problem.model.state_dict().items()}
    problem.model.load_state_dict(state.average)
    squares = count = score = 0.0
    with torch.no_grad():
        for chosen in cut_into_batches(loader.sizes, 512, None):
            batch, targets = loader.batch(chosen)
            prediction = problem.predict(batch)
            mean = Prediction(*(each.mean(0, keepdim=True) for each in vars(prediction).values()))
            squares += float(((mean.forces[0] - targets.forces) ** 2).sum())
            count += targets.forces.numel()
            equal = torch.ones_like(targets.importance[:1])
            plain = Targets(**{**vars(targets), "importance": equal})
            score += float(weighted_loss(mean, plain)) * float(targets.sizes.sum())
    problem.model.load_state_dict(current)
    return math.sqrt(squares / count), score
