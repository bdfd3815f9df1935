"""The training engine: fits any family to energies, forces and stresses, reproducibly and resumably."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array, Labels
from forgefield.potentials.last_layer import LastLayerProblem, Refit, refit_last_layer
from forgefield.potentials.training_data import (
    Loader,
    Pace,
    Problem,
    cut_into_batches,
    validation_residuals,
)
from forgefield.potentials.training_errors import ErrorSums, FitErrors
from forgefield.potentials.training_group import TrainingGroup
from forgefield.potentials.training_spec import TrainingSpec
from forgefield.potentials.training_state import Progress, TrainingState

__all__ = ["Progress", "TrainingResult", "train"]

_VALIDATIONS = 40
_VALIDATION_ATOMS = 512
_STORE_EVERY = 60.0
"""Seconds between checkpoints inside an epoch."""


@dataclass(frozen=True)
class TrainingResult:
    """What training says about itself; the fitted weights are in the problem's model.

    Attributes:
        history: one `Progress` per validation: the learning curves.
        best_epoch: epoch whose weights were kept.
        seconds: wall time.
        ending: ``finished``, ``time limit``, ``patience`` or ``stopped``.
        last_layer: how it was solved exactly afterwards; None where it was not.
    """

    history: tuple[Progress, ...]
    best_epoch: int
    seconds: float
    ending: str = "finished"
    last_layer: Refit | None = None


def train(
    problem: Problem,
    structures: Sequence[Atoms],
    labels: Sequence[Labels],
    validation: tuple[Sequence[Atoms], Sequence[Labels]],
    spec: TrainingSpec,
    seed: int,
    checkpoint: Path | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    weights: Array | None = None,
    stop: Callable[[], bool] = lambda: False,
    tick: Callable[[float], None] = lambda share: None,
    group: TrainingGroup | None = None,
) -> TrainingResult:
    """Fit the problem's model; afterwards it holds the weights that did best on the validation set.

    Memory is bounded: of the prepared structures only `spec.cache_megabytes` are kept, and sequences that make
    their structures on demand are never held whole.

    Args:
        problem: the family's side.
        structures, labels: training data, in an order that is part of the result's reproducibility.
        validation: structures and labels; may be empty, then the last weights are kept.
        spec: settings.
        seed: of batches and committee weights.
        checkpoint: file from which an interrupted training goes on, to the bit; removed at the end.
        report: called after every validation.
        weights: (n,) weight of each structure in the loss; all alike by default.
        stop: asked before every step; once true, the state is stored and the best weights so far are kept.
        tick: called after every step with the share of the training that is over.
        group: of processes that do this training together; by default this one alone.

    Raises:
        ForgefieldError: no training data, another process that has ended, or the loss is no longer finite.
    """
    if not len(structures):
        raise ForgefieldError(
            "there are no labelled structures to train on", "see the ledger for what failed"
        )
    rng = np.random.default_rng(seed)
    atoms_held = sum(len(atoms) for atoms in validation[0])
    cache = spec.cache_megabytes * 1e6
    loader = Loader(problem, structures, labels, spec, rng, weights)
    part = atoms_held / (atoms_held + float(loader.sizes.sum()))
    loader.cache.limit_bytes = cache * (1 - part)
    chosen = loader.sample(np.random.default_rng((seed, 0)))
    problem.initialise([loader.cache[i] for i in chosen], [labels[i] for i in chosen])
    held_out = Loader(problem, *validation, spec, rng, cache_bytes=cache * part) if atoms_held else None
    group = group or TrainingGroup()
    state = TrainingState(problem, spec, Pace.of(spec, loader.sizes), group)
    if checkpoint is not None and checkpoint.exists():
        state.restore(checkpoint)
    ending = _Course(state, loader, held_out, seed, checkpoint, report, stop, tick, group).run()
    problem.model.load_state_dict(state.best)
    refit = None
    if group.rank > 0:
        return TrainingResult(tuple(state.history), state.best_epoch, state.seconds, ending)
    if ending != "stopped" and spec.exact_last_layer and held_out and isinstance(problem, LastLayerProblem):
        refit = refit_last_layer(problem, loader, lambda: _judge(held_out)[1], seed)
    if checkpoint is not None and ending != "stopped":
        checkpoint.unlink(missing_ok=True)
    return TrainingResult(tuple(state.history), state.best_epoch, state.seconds, ending, refit)


@dataclass
class _Course:
    """The loop over epochs and batches."""

    state: TrainingState
    loader: Loader
    held_out: Loader | None
    seed: int
    checkpoint: Path | None
    report: Callable[[Progress], None]
    stop: Callable[[], bool]
    tick: Callable[[float], None]
    group: TrainingGroup

    def run(self) -> str:
        """Train to the end; says which end it was."""
        state, spec, epochs = self.state, self.state.spec, self.state.pace.epochs
        every = max(1, epochs // _VALIDATIONS)
        started = time.perf_counter() - state.seconds
        validated = stored = state.seconds
        while state.epoch < epochs:
            batches = cut_into_batches(
                self.loader.sizes, state.pace.batch_atoms, np.random.default_rng((self.seed, state.epoch))
            )
            for chosen in batches[state.batch :]:
                state.seconds, stopped = self.group.agree(time.perf_counter() - started, self.stop())
                if stopped:
                    self._store()
                    if not state.history or state.batch or state.history[-1].epoch < state.epoch:
                        self._judge()
                    return "stopped"
                self._step(chosen)
                self.tick(min(1.0, state.share))
                if spec.max_seconds is not None and state.share >= 1.0:
                    break
                if state.seconds - stored > _STORE_EVERY:
                    stored = state.seconds
                    self._store()
            out_of_time = spec.max_seconds is not None and state.seconds >= spec.max_seconds
            state.epoch, state.batch = state.epoch + 1, 0
            overdue = spec.max_seconds and state.seconds - validated > spec.max_seconds / _VALIDATIONS
            last = state.epoch == epochs or out_of_time
            if last or overdue or state.epoch % every == 0:
                validated = stored = state.seconds
                self._judge()
                self.report(state.history[-1])
                if not last:
                    self._store()
            state.sums = ErrorSums()
            if last:
                return "time limit" if out_of_time else "finished"
            if spec.patience is not None and state.worse >= spec.patience:
                return "patience"
        return "finished"

    def _step(self, chosen: list[int]) -> None:
        mine = self.group.share(chosen)
        if not mine:
            self.state.step_of_others()
            return
        batch, targets = self.loader.batch(mine)
        # Numbers that are not finite are found in the loss, whichever library met them first.
        with np.errstate(all="ignore"):
            prediction = self.loader.problem.predict(batch)
            self.state.step(prediction, targets, len(chosen))
        self.state.sums.add(prediction, targets)

    def _judge(self) -> None:
        training = ErrorSums(self.group.total(self.state.sums.sums)).errors()
        if self.held_out is None:
            self.state.judge(training, training, -float(self.state.epoch + bool(self.state.batch)))
        else:
            self.state.judge(training, *_validate(self.held_out, self.state))

    def _store(self) -> None:
        if self.checkpoint is not None and self.group.rank == 0:
            self.state.store(self.checkpoint)


def _validate(loader: Loader, state: TrainingState) -> tuple[FitErrors, float]:
    """Errors of the averaged weights' committee mean, and its score."""
    current = {name: value.clone() for name, value in state.model.state_dict().items()}
    state.model.load_state_dict(state.average)
    errors, residuals = _judge(loader)
    state.model.load_state_dict(current)
    # Added up as roots, unlike squares, they are not ruled by the one structure that is farthest off.
    return errors, float((residuals @ state.spec.loss_weights).sum())


@torch.no_grad()
def _judge(loader: Loader) -> tuple[FitErrors, Array]:
    """Errors of the committee's mean as its weights are now, and residuals (n, 3) of every structure."""
    sums, residuals = ErrorSums(), []
    for chosen in cut_into_batches(loader.sizes, _VALIDATION_ATOMS, None):
        batch, targets = loader.batch(chosen)
        prediction = loader.problem.predict(batch)
        residuals.append(validation_residuals(prediction, targets))
        sums.add(prediction, targets)
    return sums.errors(), np.concatenate(residuals)
