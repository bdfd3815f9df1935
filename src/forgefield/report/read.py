"""What a run has left on disk, read once and never changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.dataset.records import Record
from forgefield.properties.stored import from_json
from forgefield.properties.target_set import PropertySet
from forgefield.properties.verdict import Verdict
from forgefield.reference.ledger import Ledger, LedgerEntry
from forgefield.reference.recipe import Recipe
from forgefield.report.records import CycleRecords, EpochErrors, ForceErrors, RunRecords, TrajectoryEnd
from forgefield.workflow.folder import STEP_ORDER, Manifest, RunFolder, StepName
from forgefield.workflow.spec import RunSpec
from forgefield.workflow.steps.initial import INITIAL, LEFT_OUT
from forgefield.workflow.steps.on_the_fly_rounds import REQUESTS, Asked

Content = TypeVar("Content")


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
            asked=tuple(
                each
                for name in done
                if name.step == "explore"
                for each in self._try(self.folder.step(name) / REQUESTS, _asked) or ()
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
            ending=(self._try(folder.ending, str) or "").strip(),
            left_out=self._try(folder.step(INITIAL) / LEFT_OUT, _left_out) or (),
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
            manifest = self._try(path, partial(self._manifest, name))
            if manifest is not None:
                found.append((name, manifest))
        return tuple(found)

    def _manifest(self, name: StepName, _: str) -> Manifest | None:
        return self.folder.manifest(name)

    def _cycle(self, number: int, done: list[StepName]) -> CycleRecords:
        train, verify = StepName(number, "train"), StepName(number, "verify")
        trained, verified = self.folder.step(train), self.folder.step(verify)
        return CycleRecords(
            number=number,
            history=(self._try(trained / "history.json", _history) or ()) if train in done else (),
            validation=self._force_errors(trained / "validation.json", train in done),
            held_out=self._force_errors(verified / "held-out.json", verify in done),
            properties=self._properties(verify) if verify in done else None,
            verdict=(
                self._try(verified / "verdict.json", lambda text: from_json(Verdict, text))
                if verify in done
                else None
            ),
            explored=self._trajectories(StepName(number, "explore")),
        )

    def _force_errors(self, path: Path, done: bool) -> ForceErrors:
        return (self._try(path, _force_errors) if done else None) or ForceErrors()

    def _properties(self, name: StepName) -> PropertySet | None:
        path = self.folder.step(name) / "properties.json"
        return self._try(path, lambda text: from_json(PropertySet, text))

    def _trajectories(self, name: StepName) -> tuple[TrajectoryEnd, ...]:
        paths = sorted(self.folder.step(name).glob("trajectory-*.json"))
        ends = [self._try(path, _trajectory_end) for path in paths]
        return tuple(end for end in ends if end is not None)

    def _labelled(self, recipe: Recipe | None, ledger: tuple[LedgerEntry, ...]) -> tuple[Record, ...]:
        key = recipe.key if recipe is not None else (ledger[-1].recipe if ledger else None)
        if key is None:
            return ()
        try:
            records = self.folder.believed(key)
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
            return parse(path.read_text(encoding="utf-8"))
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


def _left_out(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(each["name"]), str(each["reason"])) for each in json.loads(text))


def _asked(text: str) -> tuple[Asked, ...]:
    return tuple(Asked(**each) for each in json.loads(text))


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
