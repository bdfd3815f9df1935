"""What a run folder holds, as the report needs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from forgefield.dataset.records import Record
from forgefield.properties.target_set import PropertySet
from forgefield.properties.verdict import Verdict
from forgefield.reference.ledger import LedgerEntry
from forgefield.reference.recipe import Recipe
from forgefield.workflow.folder import Manifest, RunFolder, StepName
from forgefield.workflow.spec import RunSpec
from forgefield.workflow.steps.on_the_fly_rounds import Asked


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
    """Predicted and actual force error of each atom, eV/Å."""

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
        validation: what the uncertainty said of the validation set, and what the errors were.
        held_out: the same of the held-out configurations.
        properties: the potential's own.
        verdict: on them.
        explored: trajectories, those of a step still under way included.
    """

    number: int
    history: tuple[EpochErrors, ...] = ()
    validation: ForceErrors = ForceErrors()
    held_out: ForceErrors = ForceErrors()
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
        asked: what trajectories asked for on the fly, in order.
        hold_out_trajectories: where the held-out configurations came from.
        potential_exists: whether there is a potential to use.
        finished_at: when the last step was finished.
        set_aside: how many times the run was begun again from an earlier step.
        ending: why the loop stopped; "" while it has not.
        left_out: initial structures that were not used, name and reason.
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
    asked: tuple[Asked, ...] = ()
    hold_out_trajectories: tuple[TrajectoryEnd, ...] = ()
    potential_exists: bool = False
    finished_at: datetime | None = None
    set_aside: int = 0
    ending: str = ""
    left_out: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()

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

    @cached_property
    def hold_out_keys(self) -> frozenset[str]:
        """Keys of the held-out configurations."""
        kept = (manifest.summary.get("keys", ()) for name, manifest in self.steps if name.step == "hold-out")
        return frozenset(key for keys in kept for key in keys)
