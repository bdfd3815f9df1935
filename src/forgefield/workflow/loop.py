"""The loop: structures → labels → targets, then train → hold out → verify → explore → select → label, again and again.

This is the one place that knows that it is a loop. Every step is skipped when its manifest says that it is done,
so the same call goes on wherever an earlier one was stopped.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from forgefield.atoms.errors import ForgefieldError
from forgefield.dataset.known_labels import read_known_labels
from forgefield.properties.stored import to_json
from forgefield.properties.verdict import Verdict
from forgefield.reference.ledger import Ledger
from forgefield.workflow.budget import exhausted
from forgefield.workflow.context import Context
from forgefield.workflow.folder import Manifest, RunFolder, StepName, write_atomically
from forgefield.workflow.identify import identified
from forgefield.workflow.labelling import Labeller
from forgefield.workflow.opening import settle, sole_user, versions
from forgefield.workflow.pools import Pools, open_pools
from forgefield.workflow.progress import Progress, Silent
from forgefield.workflow.spec import RunSpec
from forgefield.workflow.steps.exploration import explore, select
from forgefield.workflow.steps.fitting import POTENTIAL
from forgefield.workflow.steps.hold_out import hold_out
from forgefield.workflow.steps.hopping import hop_over_minima
from forgefield.workflow.steps.initial import (
    CRYSTALS,
    INITIAL,
    PERTURBED,
    collect_structures,
    label_candidates,
)
from forgefield.workflow.steps.on_the_fly import learn_on_the_fly
from forgefield.workflow.steps.on_the_fly_rounds import SURROGATE
from forgefield.workflow.steps.perturbation import perturb, perturbed_structures
from forgefield.workflow.steps.proof import read_verdict, verify
from forgefield.workflow.steps.relaxation import relax_crystals, relax_structures
from forgefield.workflow.steps.result import StepResult
from forgefield.workflow.steps.targets import TARGETS, compute_targets, planned_calculations
from forgefield.workflow.steps.training import train_potential

Job = Literal["run", "learn", "relax"]


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
    pools: Pools | None = None,
    progress: Progress | None = None,
    restart_from: str | None = None,
    job: Job = "run",
    labels: Sequence[Path] = (),
) -> RunOutcome:
    """Run, or go on with, the whole workflow.

    Args:
        spec: settings.
        folder: run folder, made if it is not there.
        input_text: the input as the user wrote it, kept for the record.
        workers: tasks side by side.
        pools: where tasks run; by default `workers` processes on this machine.
        progress: listener.
        restart_from: step to begin again from, such as ``explore`` or ``2/train``; it and all later steps are
            set aside, not deleted.
        job: ``run``, all of it; ``learn``, the initial structures and one exploration on the fly, whose potential is
            the run's; ``relax``, relaxation of the initial structures.
        labels: exported files whose labels are taken where they are asked for, instead of computing them again.

    Raises:
        ForgefieldError: the folder belongs to a run with other settings, another process runs in it, no label
            could be computed, …
    """
    started = time.perf_counter()
    run_folder = RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    listener = progress or Silent()
    with sole_user(folder):
        if restart_from is not None:
            aside = run_folder.set_aside(run_folder.resolve_step(restart_from))
            listener.note(f"steps from {restart_from} on are set aside in {aside}")
        spec = identified(spec, run_folder.answers)
        recipe = settle(spec, run_folder, input_text, restarted=restart_from is not None)
        run_folder.ending.unlink(missing_ok=True)
        known = read_known_labels(labels, recipe.key, recipe.label)
        dataset, ledger, budget = run_folder.labels, Ledger(run_folder.ledger), spec.budget.calculations
        with open_pools("local", workers, folder) if pools is None else nullcontext(pools) as own:
            labeller = Labeller(dataset, ledger, recipe, own.reference, budget, listener, known)
            pooled = (own.sampling, own.training)
            context = Context(spec, run_folder, recipe, dataset, labeller, *pooled, workers, listener)
            loop = _Loop(context, started)
            verdict, reason = {"run": loop.run, "learn": loop.learn, "relax": loop.relax}[job]()
        write_atomically(run_folder.ending, reason + "\n")
    return RunOutcome(verdict, reason, labeller.spent(), time.perf_counter() - started, folder)


class _Loop:
    """The order of the steps."""

    def __init__(self, context: Context, started: float) -> None:
        self.context = context
        self.started = started

    def run(self) -> tuple[Verdict | None, str]:
        """Go through the steps; returns the last verdict and why it was the last."""
        context, spec = self.context, self.context.spec
        self.begin(spec.hold_out.configurations + planned_calculations(context))
        self.do(
            TARGETS, "reference properties of the target crystal", lambda name: compute_targets(context, name)
        )
        if spec.exploration.method_of(0) == "on-the-fly":
            self.explore(0, spec.hold_out.configurations)
        hold_out_cycle = spec.hold_out_cycle
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
            tested = cycle >= hold_out_cycle
            reserve = 0 if tested else spec.hold_out.configurations
            if verdict.holds and (cycle == spec.cycles.max or not self.relaxed_again(cycle, reserve)):
                return verdict, f"every target holds after {cycle} trainings"
            if cycle == spec.cycles.max:
                return verdict, f"cycles.max {spec.cycles.max} trainings are done"
            if verdict.holds:
                continue
            if not self.explored(cycle) and (why := exhausted(context, reserve)):
                if not tested:
                    self.do(
                        StepName(cycle, "hold-out"),
                        "configurations for the test",
                        lambda name: hold_out(context, name),
                    )
                    verdict = self.verify(cycle, again=True)
                return verdict, why
            self.explore(cycle, reserve)
            self.relaxed_again(cycle, reserve)
        raise AssertionError("the last cycle returns")

    def begin(self, reserve: int) -> None:
        """Make and label the initial structures; a compound's crystals are relaxed, perturbed ones are in part."""
        sources = self.collect().summary["by_source"]
        compound = len(self.context.spec.system.symbols) > 1
        if compound and any(source in CRYSTALS for source in sources):
            self.do(
                StepName(0, "relax"),
                "relaxing crystals on a learned potential",
                lambda name: relax_crystals(self.context, name, reserve),
            )
        self.label(0, INITIAL, reserve)
        if self.context.spec.perturbation.count and any(source in PERTURBED for source in sources):
            self.perturb(0, reserve)

    def perturb(self, cycle: int, reserve: int) -> Manifest:
        """Relax perturbed structures on the best potential so far, and label some of what comes out."""
        what = "relaxing perturbed structures" + (" in part" if cycle == 0 else "")
        return self.do(StepName(cycle, "perturb"), what, lambda name: perturb(self.context, name, reserve))

    def relaxed_again(self, cycle: int, reserve: int) -> bool:
        """Relax perturbed structures on the cycle's potential; whether any came to rest where it needed a label."""
        if not self.context.spec.perturbation.per_cycle or not perturbed_structures(self.context):
            return False
        return bool(self.perturb(cycle, reserve).keys)

    def collect(self) -> Manifest:
        """Make the initial structures."""
        what = "collecting initial structures"
        return self.do(INITIAL, what, lambda name: collect_structures(self.context, name))

    def learn(self) -> tuple[None, str]:
        """Initial structures and one exploration on the fly; returns how it ended."""
        folder, name = self.context.folder, StepName(0, "explore")
        self.begin(reserve=0)
        self.explore(0, reserve=0)
        _replace_folder(folder.step(name) / SURROGATE, folder.potential)
        manifest = folder.manifest(name)
        return None, str(manifest.summary["ending"]) if manifest is not None else ""

    def relax(self) -> tuple[None, str]:
        """Initial structures, each at a minimum of the reference; returns how it ended."""
        self.collect()
        name = StepName(0, "relax")
        done = self.do(
            name, "relaxing on a learned potential", lambda step: relax_structures(self.context, step)
        )
        return None, str(done.summary["ending"])

    def explore(self, cycle: int, reserve: int) -> None:
        """Let molecular dynamics or minima hopping find structures, and label those that are worth it."""
        context, name = self.context, StepName(cycle, "explore")
        method = context.spec.exploration.method_of(cycle)
        if method == "on-the-fly":
            self.do(name, "learning on the fly", lambda step: learn_on_the_fly(context, step, reserve))
            return
        if method == "minima-hopping":
            self.do(name, "minima hopping", lambda step: hop_over_minima(context, step))
        else:
            self.do(name, "molecular dynamics", lambda step: explore(context, step))
        chosen = StepName(cycle, "select")
        self.do(chosen, "choosing structures", lambda step: select(context, step))
        self.label(cycle, chosen, reserve)

    def label(self, cycle: int, origin: StepName, reserve: int) -> None:
        """Label what another step has chosen."""
        self.do(
            StepName(cycle, "label"),
            f"reference calculations with {self.context.recipe.label}",
            lambda name: label_candidates(self.context, name, origin, reserve),
        )
        if cycle == 0 and not self.context.folder.training_keys():
            raise ForgefieldError(
                "none of the initial structures got labels",
                f"see {self.context.folder.ledger} for the reasons",
            )

    def explored(self, cycle: int) -> bool:
        """Whether the cycle's new structures have their labels already, from an earlier call."""
        last = "explore" if self.context.spec.exploration.method_of(cycle) == "on-the-fly" else "label"
        return self.context.folder.manifest(StepName(cycle, last)) is not None

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
        manifest = Manifest(str(name), seconds, versions(self.context.recipe), result.summary, result.keys)
        folder.finish(name, manifest)
        progress.finish(str(name), result.line, seconds)
        return manifest


def _replace_folder(source: Path, target: Path) -> None:
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
