"""The run folder: where every product of a run lies, and how it is known that a step is done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.json_files import AGAIN, read_json
from forgefield.dataset.records import Record
from forgefield.dataset.store import Dataset
from forgefield.reference.ledger import Ledger

STEP_ORDER = (
    "structures",
    "relax",
    "label",
    "perturb",
    "targets",
    "train",
    "hold-out",
    "verify",
    "explore",
    "select",
    "label",
    "perturb",
)


@dataclass(frozen=True)
class StepName:
    """A step of a cycle, written ``02/train``. Cycle 0 prepares; every later one trains and explores."""

    cycle: int
    step: str

    def __str__(self) -> str:
        return f"{self.cycle:02d}/{self.step}"

    @property
    def rank(self) -> tuple[int, int]:
        """Position in the order of the run."""
        first = STEP_ORDER.index(self.step)
        last = len(STEP_ORDER) - 1 - STEP_ORDER[::-1].index(self.step)
        return self.cycle, first if self.cycle == 0 else last


@dataclass(frozen=True)
class Manifest:
    """What a finished step says about itself.

    Attributes:
        step: name, such as ``02/train``.
        seconds: wall time.
        versions: of forgefield and of what the step used.
        summary: the step's own figures, JSON-able, for status and report.
        keys: keys of the labelled structures that the step contributes to the training data.
    """

    step: str
    seconds: float
    versions: dict[str, str]
    summary: dict[str, Any] = field(default_factory=dict)
    keys: tuple[str, ...] = ()


def write_atomically(path: Path, text: str) -> None:
    """Write a file that is either there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run and its record of finished steps.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def spec(self) -> Path:
        """The resolved settings, JSON."""
        return self.path / "spec.json"

    @property
    def input(self) -> Path:
        """The input as the user gave it."""
        return self.path / "input.yaml"

    @property
    def recipe(self) -> Path:
        """The resolved reference recipe, JSON."""
        return self.path / "recipe.json"

    @property
    def dataset(self) -> Path:
        """All labels, SQLite, unless they are on a server."""
        return self.path / "dataset.db"

    @property
    def labels(self) -> Dataset:
        """All labels, wherever the run keeps them."""
        url = None
        if self.spec.exists():
            url = read_json(self.spec, AGAIN).get("dataset", {}).get("url")
        return Dataset(self.dataset, url)

    @property
    def ledger(self) -> Path:
        """Every reference calculation and its outcome."""
        return self.path / "ledger.jsonl"

    def believed(self, recipe: str, keys: Sequence[str] | None = None) -> list[Record]:
        """Labelled structures, but for those whose labels were taken back.

        Args:
            recipe: key of the recipe.
            keys: of the structures, whose order is kept; None for all, in the order of their keys.

        Raises:
            ForgefieldError: one of `keys` has no label.
        """
        refused = Ledger(self.ledger).contradicting(recipe)
        if keys is not None:
            return self.labels.records([key for key in keys if key not in refused], recipe)
        return [record for record in self.labels.records(None, recipe) if record.key not in refused]

    @property
    def potential(self) -> Path:
        """The latest potential."""
        return self.path / "potential"

    @property
    def relaxed(self) -> Path:
        """Relaxed structures with their labels, extended XYZ."""
        return self.path / "relaxed.xyz"

    @property
    def answers(self) -> Path:
        """Answers of databases, so that a run asks once."""
        return self.path / "answers"

    @property
    def report(self) -> Path:
        """The report, HTML."""
        return self.path / "report.html"

    @property
    def verdict(self) -> Path:
        """The latest verdict, JSON."""
        return self.path / "verdict.json"

    @property
    def ending(self) -> Path:
        """Why the loop stopped, one line of text; absent while it has not."""
        return self.path / "ending.txt"

    @cached_property
    def steps(self) -> Path:
        """One folder for each step."""
        return self.path / "steps"

    def step(self, name: StepName) -> Path:
        """Folder of a step (not created)."""
        return self.steps / f"cycle-{name.cycle:02d}" / name.step

    def manifest(self, name: StepName) -> Manifest | None:
        """Manifest of a finished step; None if it is not finished."""
        path = self.step(name) / "manifest.json"
        if not path.exists():
            return None
        content = read_json(path, "delete it: its step is then done again from what is stored")
        return Manifest(**{**content, "keys": tuple(content["keys"])})

    def finish(self, name: StepName, manifest: Manifest) -> None:
        """Declare a step finished; its products must be on disk by now."""
        write_atomically(self.step(name) / "manifest.json", json.dumps(asdict(manifest), indent=2) + "\n")

    def finished(self) -> Iterator[tuple[StepName, Manifest]]:
        """All finished steps in the order of the run."""
        names = [
            StepName(int(path.parent.parent.name.removeprefix("cycle-")), path.parent.name)
            for path in self.steps.glob("cycle-*/*/manifest.json")
        ]
        for name in sorted(names, key=lambda each: each.rank):
            manifest = self.manifest(name)
            if manifest is not None:
                yield name, manifest

    def training_keys(self) -> tuple[str, ...]:
        """Keys of all labelled structures that may be trained on, in the order in which they were planned."""
        ordered = dict.fromkeys(key for _, manifest in self.finished() for key in manifest.keys)
        return tuple(ordered)

    def resolve_step(self, text: str) -> StepName:
        """Read a step as users write it: ``explore`` (its latest), ``2/explore`` or ``02/explore``.

        Raises:
            ForgefieldError: no such step, or it was never begun.
        """
        cycle, _, step = text.rpartition("/")
        present = sorted(
            (
                StepName(int(path.parent.name.removeprefix("cycle-")), path.name)
                for path in self.steps.glob("cycle-*/*")
            ),
            key=lambda each: each.rank,
        )
        known = ", ".join(map(str, present)) or "none yet"
        if step not in STEP_ORDER:
            raise ForgefieldError(
                f"there is no step {text!r}",
                f"choose one of {', '.join(dict.fromkeys(STEP_ORDER))}, such as 2/explore",
            )
        if cycle and not cycle.isdigit():
            raise ForgefieldError(f"the cycle of step {text!r} is not a number", "write it like 2/explore")
        matching = [name for name in present if name.step == step and (not cycle or name.cycle == int(cycle))]
        if not matching:
            raise ForgefieldError(f"step {text!r} was never begun in {self.path}", f"choose from {known}")
        return matching[-1]

    def set_aside(self, name: StepName) -> Path:
        """Move a step and all later ones to a numbered folder under ``set-aside``; nothing is deleted."""
        number = 1 + len(list((self.path / "set-aside").glob("*")))
        target = self.path / "set-aside" / f"{number:02d}"
        for path in sorted(self.steps.glob("cycle-*/*")):
            other = StepName(int(path.parent.name.removeprefix("cycle-")), path.name)
            if other.rank >= name.rank:
                destination = target / path.parent.name / path.name
                destination.parent.mkdir(parents=True, exist_ok=True)
                path.rename(destination)
        for path in (self.potential, self.verdict, self.report, self.spec, self.ending):
            if path.exists():
                target.mkdir(parents=True, exist_ok=True)
                path.rename(target / path.name)
        return target
