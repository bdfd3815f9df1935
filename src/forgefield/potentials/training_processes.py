"""Starting the processes that train together."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import torch

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import Spec
from forgefield.potentials.registry import family_named
from forgefield.potentials.training import train
from forgefield.potentials.training_group import ProcessGroup, TrainingGroup
from forgefield.potentials.training_set import TrainingSet
from forgefield.potentials.training_spec import TrainingSpec

_RENDEZVOUS = "rendezvous"


@dataclass(frozen=True)
class SharedTraining:
    """What all processes must know.

    Attributes:
        family: name of the family.
        spec: its settings.
        species: chemical symbols.
        settings: of the training.
        seed: of weights and batches.
        checkpoint: file from which the training goes on.
    """

    family: str
    spec: Spec
    species: tuple[str, ...]
    settings: TrainingSpec
    seed: int
    checkpoint: Path | None


@contextmanager
def training_together(
    count: int, shared: SharedTraining, training: TrainingSet, validation: TrainingSet
) -> Iterator[TrainingGroup]:
    """A group of this process and ``count - 1`` others, which do the same training until it ends.

    The others read the data from files that are mapped into memory, so they are there once.

    Raises:
        ForgefieldError: an optimiser that needs whole batches.
    """
    if count == 1:
        yield TrainingGroup()
        return
    if shared.settings.optimizer == "kalman":
        raise ForgefieldError(
            "the Kalman filter takes whole batches, so it trains in one process",
            "choose another training.optimizer, or one process",
        )
    with tempfile.TemporaryDirectory(prefix="forgefield-training-") as name:
        folder = Path(name)
        _write(training, folder / "training")
        _write(validation, folder / "validation")
        context = multiprocessing.get_context("spawn")
        others: list[BaseProcess] = [
            context.Process(target=_take_part, args=(folder, rank, count, shared), daemon=True)
            for rank in range(1, count)
        ]
        for each in others:
            each.start()
        group = ProcessGroup(str(folder / _RENDEZVOUS), 0, count)
        try:
            yield group
        finally:
            group.close()
            for each in others:
                each.join(timeout=5)
                each.kill()


def _take_part(folder: Path, rank: int, count: int, shared: SharedTraining) -> None:
    # Ctrl-C reaches every process of the terminal; the first one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    group = ProcessGroup(str(folder / _RENDEZVOUS), rank, count)
    training, validation = _read(folder / "training"), _read(folder / "validation")
    make = family_named(shared.family).problem
    assert make is not None
    train(
        make(shared.spec, shared.species, shared.seed),
        training.structures,
        training.labels,
        (validation.structures, validation.labels),
        shared.settings,
        shared.seed,
        shared.checkpoint,
        weights=training.weights,
        group=group,
    )


_LISTS = ("groups", "trajectories")


def _write(data: TrainingSet, folder: Path) -> None:
    folder.mkdir()
    for each in fields(TrainingSet):
        if each.name not in _LISTS:
            np.save(folder / f"{each.name}.npy", getattr(data, each.name))


def _read(folder: Path) -> TrainingSet:
    arrays = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
    nameless = ("",) * len(arrays["energies"])
    return TrainingSet(**arrays, groups=nameless, trajectories=nameless)
