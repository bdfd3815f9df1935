"""The loop: structures → labels → targets, then train → hold out → verify → explore → select → label, again and again.

This is the one place that knows that it is a loop. Every step is skipped when its manifest says that it is done,
so the same call goes on wherever an earlier one was stopped.
"""

from __future__ import annotations

import fcntl
import json
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import ase
import numpy
import torch

from forgefield import __version__
from forgefield.atoms.errors import ForgefieldError
from forgefield.dataset.store import Dataset
from forgefield.properties.stored import to_json
from forgefield.properties.verdict import Verdict
from forgefield.reference.ledger import Ledger
from forgefield.reference.recipe import Recipe, resolve_recipe
from forgefield.workflow.context import Context
from forgefield.workflow.executors import abandon, open_executor
from forgefield.workflow.folder import Manifest, RunFolder, StepName, write_atomically
from forgefield.workflow.labelling import Labeller
from forgefield.workflow.progress import Progress, Silent
from forgefield.workflow.spec import RunSpec
from forgefield.workflow.steps.exploration import explore, select
from forgefield.workflow.steps.initial import collect_structures, label_candidates
from forgefield.workflow.steps.proof import hold_out, read_verdict, verify
from forgefield.workflow.steps.result import StepResult
from forgefield.workflow.steps.targets import TARGETS, compute_targets, planned_calculations
from forgefield.workflow.steps.training import POTENTIAL, train_potential

_MAY_CHANGE = {"budget", "cycles"}
"""Settings that a run may go on with after they changed: they only say when to stop."""


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        verdict: the last one; None if none was reached.
        reason: why the loop stopped.
        calculations: reference calculations spent, failures included.
        seconds: wall time of this call.
        folder: the run folder.
    """

    verdict: Verdict | None
    reason: str
    calculations: int
    seconds: float
    folder: Path


def run(
    spec: RunSpec,
    folder: Path,
    *,
    input_text: str = "",
    workers: int = 2,
    executor: Executor | None = None,
    progress: Progress | None = None,
    restart_from: str | None = None,
) -> RunOutcome:
    """Run, or go on with, the whole workflow.

    Args:
        spec: settings.
        folder: run folder, made if it is not there.
        input_text: the input as the user wrote it, kept for the record.
        workers: tasks side by side.
        executor: where tasks run; by default `workers` processes on this machine.
        progress: listener.
        restart_from: step to begin again from, such as ``explore`` or ``2/train``; it and all later steps are
            set aside, not deleted.

    Raises:
        ForgefieldError: the folder belongs to a run with other settings, another process runs in it, no label
            could be computed, …
    """
    started = time.perf_counter()
    run_folder = RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    listener = progress or Silent()
    with _sole_user(folder):
        if restart_from is not None:
            aside = run_folder.set_aside(run_folder.resolve_step(restart_from))
            listener.note(f"steps from {restart_from} on are set aside in {aside}")
        recipe = _settle(spec, run_folder, input_text, restarted=restart_from is not None)
        run_folder.ending.unlink(missing_ok=True)
        pool = executor or open_executor("local", workers)
        try:
            dataset = Dataset(run_folder.dataset)
            labeller = Labeller(
                dataset, Ledger(run_folder.ledger), recipe, pool, spec.budget.calculations, listener
            )
            context = Context(spec, run_folder, recipe, dataset, labeller, pool, workers, listener)
            verdict, reason = _Loop(context, started).run()
            spent = labeller.spent()
        except BaseException:
            if executor is None:
                abandon(pool)
            raise
        if executor is None:
            pool.shutdown()
        write_atomically(run_folder.ending, reason + "\n")
    return RunOutcome(verdict, reason, spent, time.perf_counter() - started, folder)


class _Loop:
    """The order of the steps."""

    def __init__(self, context: Context, started: float) -> None:
        self.context = context
        self.started = started

    def run(self) -> tuple[Verdict | None, str]:
        """Go through the steps; returns the last verdict and why it was the last."""
        context, spec = self.context, self.context.spec
        initial = StepName(0, "structures")
        self.do(initial, "collecting initial structures", lambda name: collect_structures(context, name))
        reserve = spec.hold_out.configurations + planned_calculations(context)
        self.label(0, initial, reserve)
        self.do(
            TARGETS, "reference properties of the target crystal", lambda name: compute_targets(context, name)
        )
        hold_out_cycle = min(spec.hold_out.from_cycle, spec.cycles.max)
        for cycle in range(1, spec.cycles.max + 1):
            self.do(
                StepName(cycle, "train"),
                "training the potential",
                lambda name: train_potential(context, name),
            )
            if cycle == hold_out_cycle:
                self.do(
                    StepName(cycle, "hold-out"),
                    "configurations for the test",
                    lambda name: hold_out(context, name),
                )
            verdict = self.verify(cycle)
            if verdict.holds:
                return verdict, f"every target holds after {cycle} trainings"
            if cycle == spec.cycles.max:
                return verdict, f"cycles.max {spec.cycles.max} trainings are done"
            tested = cycle >= hold_out_cycle
            reserve = 0 if tested else spec.hold_out.configurations
            if not self.labelled(cycle) and (why := self.exhausted(reserve)):
                if not tested:
                    self.do(
                        StepName(cycle, "hold-out"),
                        "configurations for the test",
                        lambda name: hold_out(context, name),
                    )
                    verdict = self.verify(cycle, again=True)
                return verdict, why
            self.do(StepName(cycle, "explore"), "molecular dynamics", lambda name: explore(context, name))
            self.do(StepName(cycle, "select"), "choosing structures", lambda name: select(context, name))
            self.label(cycle, StepName(cycle, "select"), reserve)
        raise AssertionError("the last cycle returns")

    def label(self, cycle: int, origin: StepName, reserve: int) -> None:
        """Label what another step has chosen."""
        result = self.do(
            StepName(cycle, "label"),
            f"reference calculations with {self.context.recipe.label}",
            lambda name: label_candidates(self.context, name, origin, reserve),
        )
        if cycle == 0 and not result.keys:
            raise ForgefieldError(
                "none of the initial structures got labels",
                f"see {self.context.folder.ledger} for the reasons",
            )

    def labelled(self, cycle: int) -> bool:
        """Whether the cycle's new structures have been labelled already, in an earlier call."""
        return self.context.folder.manifest(StepName(cycle, "label")) is not None

    def exhausted(self, reserve: int) -> str:
        """Why no new cycle can begin; empty if one can."""
        budget, left = self.context.spec.budget, self.context.labeller.left()
        if left is not None and left <= reserve:
            return f"the budget of {budget.calculations} calculations is spent"
        spent_hours = sum(manifest.seconds for _, manifest in self.context.folder.finished()) / 3600
        if budget.hours is not None and spent_hours >= budget.hours:
            return f"the budget of {budget.hours:g} hours is spent"
        return ""

    def verify(self, cycle: int, again: bool = False) -> Verdict:
        """Judge the cycle's potential and make it the run's potential."""
        context = self.context
        name = StepName(cycle, "verify")
        if again:
            (context.folder.step(name) / "manifest.json").unlink(missing_ok=True)
        self.do(name, "the potential's properties beside the reference's", lambda step: verify(context, step))
        verdict = read_verdict(context, name)
        _replace_folder(context.folder.step(StepName(cycle, "train")) / POTENTIAL, context.folder.potential)
        write_atomically(context.folder.verdict, to_json(verdict))
        return verdict

    def do(self, name: StepName, what: str, step: Callable[[StepName], StepResult]) -> Manifest:
        """Do a step unless it is done; either way, its manifest."""
        folder, progress = self.context.folder, self.context.progress
        finished = folder.manifest(name)
        if finished is not None:
            return finished
        progress.step(str(name), what)
        begun = time.perf_counter()
        folder.step(name).mkdir(parents=True, exist_ok=True)
        result = step(name)
        seconds = time.perf_counter() - begun
        manifest = Manifest(str(name), seconds, _versions(self.context.recipe), result.summary, result.keys)
        folder.finish(name, manifest)
        progress.finish(str(name), result.line, seconds)
        return manifest


def _settle(spec: RunSpec, folder: RunFolder, input_text: str, restarted: bool) -> Recipe:
    """Write down what the run is about, or make sure that it is still about the same."""
    wanted = spec.model_dump(mode="json")
    if folder.spec.exists():
        known = json.loads(folder.spec.read_text())
        changed = [key for key in wanted if key not in _MAY_CHANGE and wanted[key] != known.get(key)]
        if changed:
            raise ForgefieldError(
                f"{folder.path} holds a run with other settings of {', '.join(changed)}",
                "choose another --folder, restore the input, or apply them from a step on with --from STEP",
            )
    recipe = resolve_recipe(spec.reference, spec.system.symbols)
    if folder.recipe.exists():
        stored = Recipe.model_validate_json(folder.recipe.read_text())
        if stored.key != recipe.key and any(folder.finished()):
            raise ForgefieldError(
                f"the labels in {folder.path} were made with {stored.label} and other reference settings or another "
                f"version than {recipe.label} now; labels of different recipes do not mix",
                "choose another --folder, or begin again with --from structures",
            )
    write_atomically(folder.recipe, recipe.model_dump_json(indent=2) + "\n")
    if input_text:
        write_atomically(folder.input, input_text)
    write_atomically(folder.spec, json.dumps(wanted, indent=2) + "\n")
    return recipe


@contextmanager
def _sole_user(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system releases even when the process is killed."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ForgefieldError(
                f"another process is running in {folder}", "wait for it, stop it, or choose another --folder"
            ) from None
        yield


def _replace_folder(source: Path, target: Path) -> None:
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def _versions(recipe: Recipe) -> dict[str, str]:
    return {
        "forgefield": __version__,
        "python": platform.python_version(),
        "ase": ase.__version__,
        "numpy": numpy.__version__,
        "torch": str(torch.__version__),
        "reference": recipe.label,
    }
