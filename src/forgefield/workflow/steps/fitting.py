"""The fit of a training step: in this process, or in a job of its own on a cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from ase import Atoms

from forgefield.atoms.records import Array, Labels
from forgefield.potentials.density.fit import DensityProblem
from forgefield.potentials.density.spec import DensitySpec
from forgefield.potentials.training import Progress, TrainingResult, train
from forgefield.potentials.training_spec import TrainingSpec
from forgefield.workflow.folder import write_atomically

POTENTIAL = "potential"
_CHECKPOINT, _PROGRESS = "checkpoint.pt", "progress.json"
_LOOK = 2.0
"""Seconds between two looks at how far a job has come."""

Labelled = Sequence[tuple[Atoms, Labels]]


@dataclass(frozen=True)
class Fit:
    """All that a fit hangs on.

    Attributes:
        potential: settings of the family.
        species: chemical symbols.
        initial_seed: of the weights.
        settings: of the training.
        seed: of batches.
        training, validation: labelled structures.
        weights: (n,) of the training structures.
        folder: of the step, absolute, seen by all machines; gets the potential, and keeps the checkpoint.
    """

    potential: DensitySpec
    species: tuple[str, ...]
    initial_seed: int
    settings: TrainingSpec
    seed: int
    training: Labelled
    validation: Labelled
    weights: Array
    folder: Path


def fit(task: Fit, report: Callable[[Progress], None]) -> TrainingResult:
    """Fit a potential and store it.

    Args:
        task: what to fit.
        report: called after every validation.

    Raises:
        ForgefieldError: as the training engine does.
    """
    problem = DensityProblem(task.potential, task.species, seed=task.initial_seed)
    # Batches are too small for more: a second thread made training no faster.
    torch.set_num_threads(1)
    result = train(
        problem,
        [atoms for atoms, _ in task.training],
        [labels for _, labels in task.training],
        ([atoms for atoms, _ in task.validation], [labels for _, labels in task.validation]),
        task.settings,
        seed=task.seed,
        checkpoint=task.folder / _CHECKPOINT,
        report=report,
        weights=task.weights,
    )
    problem.potential().save(task.folder / POTENTIAL)
    return result


def fit_in(pool: Executor | None, task: Fit, report: Callable[[Progress], None]) -> TrainingResult:
    """Fit here, or, with a pool, in one of its processes, whose progress is told here too."""
    if pool is None:
        return fit(task, report)
    seen, future = "", pool.submit(_fit_and_note, task)
    while not wait([future], timeout=_LOOK).done:
        noted = _noted(task.folder)
        if noted != seen:
            seen = noted
            report(Progress(**json.loads(noted)))
    (task.folder / _PROGRESS).unlink(missing_ok=True)
    return future.result()


def _fit_and_note(task: Fit) -> TrainingResult:
    def note(progress: Progress) -> None:
        write_atomically(task.folder / _PROGRESS, json.dumps(asdict(progress)))

    return fit(task, note)


def _noted(folder: Path) -> str:
    try:
        return (folder / _PROGRESS).read_text()
    except OSError:
        return ""
