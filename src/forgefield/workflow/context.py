"""What every step of a run works with."""

from __future__ import annotations

import zlib
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from forgefield.dataset.records import Record
from forgefield.dataset.store import Dataset
from forgefield.reference.recipe import Recipe
from forgefield.workflow.folder import RunFolder
from forgefield.workflow.labelling import Labeller
from forgefield.workflow.progress import Progress
from forgefield.workflow.spec import RunSpec


@dataclass(frozen=True)
class Context:
    """A run while it runs.

    Attributes:
        spec: its settings.
        folder: its folder.
        recipe: how labels are computed.
        dataset: all labels.
        labeller: makes labels.
        sampling: where trajectories run.
        training: where potentials are fitted; None for this process.
        workers: how many tasks run side by side.
        progress: listener.
    """

    spec: RunSpec
    folder: RunFolder
    recipe: Recipe
    dataset: Dataset
    labeller: Labeller
    sampling: Executor
    training: Executor | None
    workers: int
    progress: Progress

    def rng(self, *purpose: str | int) -> np.random.Generator:
        """Generator that depends on the run's seed and on what it is for, and on nothing else."""
        return np.random.default_rng([self.spec.seed, zlib.crc32(repr(purpose).encode())])

    def training_records(self) -> list[Record]:
        """Labelled structures that may be trained on, in the order in which they were planned."""
        return self.folder.believed(self.recipe.key, self.folder.training_keys())

    def hold_out_records(self) -> list[Record]:
        """Labelled structures that are never trained on; empty before they are made."""
        for name, manifest in self.folder.finished():
            if name.step == "hold-out":
                return self.folder.believed(self.recipe.key, manifest.summary["keys"])
        return []
