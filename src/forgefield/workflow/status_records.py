"""What a run's folder tells about it, as records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from forgefield.properties.verdict import Verdict


@dataclass(frozen=True, slots=True)
class StepStatus:
    """A finished step.

    Attributes:
        name: such as ``02/train``.
        cycle: its cycle.
        seconds: wall time.
        result: one line on what came out.
    """

    name: str
    cycle: int
    seconds: float
    result: str


@dataclass(frozen=True, slots=True)
class CycleErrors:
    """What the potential of one cycle was worth.

    Attributes:
        cycle: number.
        training_structures: that it was trained on.
        calculations: reference calculations spent by then.
        force_rmse: on the validation set, eV/Å.
        energy_mae: on held-out configurations, meV/atom; None before there are any.
        force_mae: on held-out configurations, eV/Å; None likewise.
        held: targets that held; None before the verdict.
        judged: targets in all; None likewise.
    """

    cycle: int
    training_structures: int | None
    calculations: int | None
    force_rmse: float | None
    energy_mae: float | None
    force_mae: float | None
    held: int | None
    judged: int | None


@dataclass(frozen=True, slots=True)
class FailureKind:
    """Failed calculations of one kind.

    Attributes:
        kind: such as ``time-limit``.
        count: how many structures.
        reasons: the different reasons, most frequent first.
    """

    kind: str
    count: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepCost:
    """What the reference calculations of one step cost.

    Attributes:
        step: its name.
        calculations: made, failed ones included.
        failures: how many of them failed.
        core_seconds: what they took together.
    """

    step: str
    calculations: int
    failures: int
    core_seconds: float


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run as its folder tells it.

    Attributes:
        folder: the run folder.
        species: chemical symbols.
        engine: of the reference.
        running: whether a process works on it now.
        finished: whether nothing is left to do (as long as the settings stay).
        steps: finished steps in order.
        current: the step that was begun last and is not finished, None between steps.
        cycle: the latest cycle, 0 before the first training.
        cycles: trainings at most.
        labels: labelled structures.
        calculations: structures computed with the present recipe, failed ones included.
        core_seconds: that they took.
        costs: by step.
        failures: by kind.
        errors: by cycle.
        budget: calculations that may be made in all; None without limit.
        budget_left: of these; None without limit.
        budget_hours: wall time after which no cycle begins; None without limit.
        seconds: wall time of all finished steps.
        forecast: seconds that the run may still take at most; None if that cannot be known yet.
        verdict: the latest; None before the first.
        last_change: when the folder last changed, seconds since 1970.
    """

    folder: Path
    species: tuple[str, ...]
    engine: str
    running: bool
    finished: bool
    steps: tuple[StepStatus, ...]
    current: str | None
    cycle: int
    cycles: int
    labels: int
    calculations: int
    core_seconds: float
    costs: tuple[StepCost, ...]
    failures: tuple[FailureKind, ...]
    errors: tuple[CycleErrors, ...]
    budget: int | None
    budget_left: int | None
    budget_hours: float | None
    seconds: float
    forecast: float | None
    verdict: Verdict | None
    last_change: float
