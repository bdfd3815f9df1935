"""What a run has left on disk, read once and never changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.dataset.records import Record
from forgefield.dataset.store import Dataset
from forgefield.properties.stored import from_json
from forgefield.properties.target_set import PropertySet
from forgefield.properties.verdict import Verdict
from forgefield.reference.ledger import Ledger, LedgerEntry
from forgefield.reference.recipe import Recipe
from forgefield.workflow.folder import STEP_ORDER, Manifest, RunFolder, StepName
from forgefield.workflow.spec import RunSpec

Content = TypeVar("Content")


@dataclass(frozen=True)
class EpochErrors:
    """Force errors at one moment of a training.

    Attributes:
        epoch: passes over the data so far.
        training, validation: force RMSE, eV/Å.
    """

    epoch: int
    training: float
    validation: float


@dataclass(frozen=True)
class ForceErrors:
    """Predicted and actual force error of each validation atom, eV/Å."""

    predicted: tuple[float, ...] = ()
    actual: tuple[float, ...] = ()


@dataclass(frozen=True)
class TrajectoryEnd:
    """A finished trajectory.

    Attributes:
        name: such as ``cycle-02/nvt-900K-01``.
        outcome: ``completed``, or why it stopped.
        reason: one line.
        steps: steps done.
        frames: frames kept.
        uncertainty: largest calibrated force uncertainty on the way, eV/Å; None without frames.
    """

    name: str
    outcome: str
    reason: str
    steps: int
    frames: int
    uncertainty: float | None


@dataclass(frozen=True)
class CycleRecords:
    """Products of one cycle's finished steps; empty or None where a step is not finished.

    Attributes:
        number: of the cycle.
        history: course of the training.
        validation: what the uncertainty said and what the error was.
        properties: the potential's own.
        verdict: on them.
        explored: trajectories, those of a step still under way included.
    """

    number: int
    history: tuple[EpochErrors, ...] = ()
    validation: ForceErrors = ForceErrors()
    properties: PropertySet | None = None
    verdict: Verdict | None = None
    explored: tuple[TrajectoryEnd, ...] = ()


@dataclass(frozen=True)
class RunRecords:
    """Everything that a run folder holds.

    Attributes:
        folder: where it is.
        spec: settings, if they are there and readable.
        input_text: the input as the user wrote it.
        recipe: how labels are computed.
        steps: finished steps with their manifests, in the order of the run.
        begun: steps that have begun but are not finished.
        labelled: all labels of the recipe, in the order in which they were asked for.
        ledger: every calculation.
        reference: properties by the reference.
        cycles: one for each cycle from 1 on that has begun.
        hold_out_trajectories: where the held-out configurations came from.
        potential_exists: whether there is a potential to use.
        finished_at: when the last step was finished.
        set_aside: how many times the run was begun again from an earlier step.
        problems: files that are there but could not be read, one line each.
    """

    folder: RunFolder
    spec: RunSpec | None = None
    input_text: str = ""
    recipe: Recipe | None = None
    steps: tuple[tuple[StepName, Manifest], ...] = ()
    begun: tuple[StepName, ...] = ()
    labelled: tuple[Record, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    reference: PropertySet | None = None
    cycles: tuple[CycleRecords, ...] = ()
    hold_out_trajectories: tuple[TrajectoryEnd, ...] = ()
    potential_exists: bool = False
    finished_at: datetime | None = None
    set_aside: int = 0
    problems: tuple[str, ...] = field(default=())

    def manifest(self, cycle: int, step: str) -> Manifest | None:
        """Manifest of a finished step; None if it is not finished."""
        return next((each for name, each in self.steps if name == StepName(cycle, step)), None)

    @cached_property
    def verified(self) -> CycleRecords | None:
        """The last cycle whose potential was verified."""
        return next((cycle for cycle in reversed(self.cycles) if cycle.properties is not None), None)

    @cached_property
    def verdict(self) -> Verdict | None:
        """The last verdict."""
        return next((cycle.verdict for cycle in reversed(self.cycles) if cycle.verdict is not None), None)

    @cached_property
    def training_keys(self) -> frozenset[str]:
        """Keys of all structures that are trained on."""
        return frozenset(key for _, manifest in self.steps for key in manifest.keys)


def read_run(path: Path) -> RunRecords:
    """Read a run folder, whatever state it is in.

    A file that is missing belongs to a step that has not been done; a file that cannot be read is named in
    ``problems``. Nothing in the folder is changed.

    Raises:
        ForgefieldError: there is no such folder, or no run in it.
    """
    folder = RunFolder(Path(path))
    if not folder.path.is_dir():
        raise ForgefieldError(f"there is no run folder {path}", "check the path, or start a run first")
    if not (folder.spec.exists() or folder.steps.is_dir()):
        raise ForgefieldError(
            f"{path} holds no run: it has neither {folder.spec.name} nor {folder.steps.name}/",
            "name the folder that a run has written",
        )
    return _Reader(folder).read()


class _Reader:
    """Reads file after file and remembers which could not be read."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.problems: list[str] = []

    def read(self) -> RunRecords:
        folder = self.folder
        steps = self._steps()
        done = [name for name, _ in steps]
        ledger = tuple(self._try(folder.ledger, lambda _: Ledger(folder.ledger).entries()) or ())
        recipe = self._try(folder.recipe, Recipe.model_validate_json)
        targets = StepName(0, "targets")
        return RunRecords(
            folder=folder,
            spec=self._try(folder.spec, RunSpec.model_validate_json),
            input_text=self._try(folder.input, str) or "",
            recipe=recipe,
            steps=steps,
            begun=tuple(name for name in self._step_folders() if name not in done),
            labelled=self._labelled(recipe, ledger),
            ledger=ledger,
            reference=self._properties(targets) if targets in done else None,
            cycles=tuple(
                self._cycle(number, done)
                for number in sorted({name.cycle for name in self._step_folders()} - {0})
            ),
            hold_out_trajectories=tuple(
                end
                for name in self._step_folders()
                if name.step == "hold-out"
                for end in self._trajectories(name)
            ),
            potential_exists=folder.potential.is_dir(),
            finished_at=self._last_finish(done),
            set_aside=len(list((folder.path / "set-aside").glob("*"))),
            problems=tuple(self.problems),
        )

    def _step_folders(self) -> list[StepName]:
        names = []
        for path in self.folder.steps.glob("cycle-*/*"):
            number = path.parent.name.removeprefix("cycle-")
            if path.is_dir() and number.isdigit():
                name = StepName(int(number), path.name)
                if name.step in STEP_ORDER:
                    names.append(name)
        return sorted(names, key=lambda each: each.rank)

    def _steps(self) -> tuple[tuple[StepName, Manifest], ...]:
        found = []
        for name in self._step_folders():
            path = self.folder.step(name) / "manifest.json"
            manifest = self._try(path, lambda _, name=name: self.folder.manifest(name))
            if manifest is not None:
                found.append((name, manifest))
        return tuple(found)

    def _cycle(self, number: int, done: list[StepName]) -> CycleRecords:
        train, verify = StepName(number, "train"), StepName(number, "verify")
        trained, verified = self.folder.step(train), self.folder.step(verify)
        return CycleRecords(
            number=number,
            history=(self._try(trained / "history.json", _history) or ()) if train in done else (),
            validation=(
                (self._try(trained / "validation.json", _force_errors) or ForceErrors())
                if train in done
                else ForceErrors()
            ),
            properties=self._properties(verify) if verify in done else None,
            verdict=(
                self._try(verified / "verdict.json", lambda text: from_json(Verdict, text))
                if verify in done
                else None
            ),
            explored=self._trajectories(StepName(number, "explore")),
        )

    def _properties(self, name: StepName) -> PropertySet | None:
        path = self.folder.step(name) / "properties.json"
        return self._try(path, lambda text: from_json(PropertySet, text))

    def _trajectories(self, name: StepName) -> tuple[TrajectoryEnd, ...]:
        paths = sorted(self.folder.step(name).glob("trajectory-*.json"))
        ends = [self._try(path, _trajectory_end) for path in paths]
        return tuple(end for end in ends if end is not None)

    def _labelled(self, recipe: Recipe | None, ledger: tuple[LedgerEntry, ...]) -> tuple[Record, ...]:
        path = self.folder.dataset
        key = recipe.key if recipe is not None else (ledger[-1].recipe if ledger else None)
        if key is None or not path.exists():
            return ()
        try:
            records = Dataset(path).records(None, key)
        except ForgefieldError as error:
            self.problems.append(str(error))
            return ()
        asked = {entry.key: place for place, entry in enumerate(ledger)}
        return tuple(sorted(records, key=lambda record: asked.get(record.key, len(asked))))

    def _last_finish(self, done: list[StepName]) -> datetime | None:
        times = [(self.folder.step(name) / "manifest.json").stat().st_mtime for name in done]
        return datetime.fromtimestamp(max(times), UTC) if times else None

    def _try(self, path: Path, parse: Callable[[str], Content]) -> Content | None:
        """Content of a file; None if it is not there, or if it cannot be read, which is noted."""
        try:
            return parse(path.read_text())
        except FileNotFoundError:
            return None
        except (ForgefieldError, ValidationError, OSError, ValueError, TypeError, KeyError) as error:
            first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
            self.problems.append(f"{path.relative_to(self.folder.path)} cannot be read: {first_line}")
            return None


def _history(text: str) -> tuple[EpochErrors, ...]:
    rows = json.loads(text)
    return tuple(EpochErrors(int(row[0]), float(row[2]), float(row[3])) for row in rows)


def _force_errors(text: str) -> ForceErrors:
    content = json.loads(text)
    predicted, actual = (tuple(float(value) for value in content[name]) for name in ("predicted", "actual"))
    if len(predicted) != len(actual):
        raise ValueError(f"{len(predicted)} predicted but {len(actual)} actual errors")
    return ForceErrors(predicted, actual)


def _trajectory_end(text: str) -> TrajectoryEnd:
    content: dict[str, Any] = json.loads(text)
    uncertainties = [float(value) for value in content["uncertainties"]]
    return TrajectoryEnd(
        name=str(content["name"]),
        outcome=str(content["outcome"]),
        reason=str(content["reason"]),
        steps=int(content["steps"]),
        frames=len(content["frame_steps"]),
        uncertainty=max(uncertainties, default=None),
    )
