"""How far a run is: read from its folder, without disturbing it."""

from __future__ import annotations

import fcntl
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.json_files import AGAIN, read_json
from forgefield.properties.stored import from_dict
from forgefield.properties.verdict import Verdict
from forgefield.reference.ledger import CONVERGED, Ledger, LedgerEntry, StepTotals
from forgefield.reference.recipe import Recipe
from forgefield.workflow.folder import Manifest, RunFolder, StepName
from forgefield.workflow.forecast import forecast
from forgefield.workflow.spec import RunSpec
from forgefield.workflow.status_records import CycleErrors, FailureKind, RunStatus, StepCost, StepStatus
from forgefield.workflow.wording import one_line


def read_status(folder: Path) -> RunStatus:
    """Read how far a run is.

    Args:
        folder: the run folder.

    Raises:
        ForgefieldError: no run there, or its settings or records are damaged.
    """
    run = RunFolder(Path(folder))
    spec = _read_spec(run)
    ledger = Ledger(run.ledger)
    recipe = _recipe_key(run)
    entries = ledger.entries()
    valid = [entry for entry in entries if recipe in (None, entry.recipe)]
    finished = _finished(run)
    manifests = dict(finished)
    calculations = len({entry.key for entry in valid})
    budget = spec.budget.calculations
    left = None if budget is None else max(0, budget - calculations)
    running = _is_running(run)
    current = _current(run, manifests)
    verdict = from_dict(Verdict, read_json(run.verdict)) if run.verdict.exists() else None
    seconds = sum(manifest.seconds for manifest in manifests.values())
    done = current is None and not running and run.ending.exists()
    return RunStatus(
        folder=run.path,
        species=spec.system.symbols,
        engine=spec.reference.engine,
        running=running,
        finished=done,
        steps=tuple(_step(name, manifest) for name, manifest in finished),
        current=None if current is None else str(current),
        cycle=max((name.cycle for name in (*manifests, *([current] if current else []))), default=0),
        cycles=spec.cycles.max,
        labels=len({entry.key for entry in valid if entry.kind == CONVERGED}),
        calculations=calculations,
        core_seconds=sum(entry.seconds for entry in entries),
        costs=_costs(ledger.totals()),
        failures=_failures(list(ledger.failures(recipe).values())),
        errors=_errors(manifests),
        budget=budget,
        budget_left=left,
        budget_hours=spec.budget.hours,
        seconds=seconds,
        forecast=0.0 if done else forecast(spec, manifests, left),
        verdict=verdict,
        last_change=_last_change(run),
    )


def _read_spec(run: RunFolder) -> RunSpec:
    if not run.path.is_dir():
        raise ForgefieldError(f"there is no folder {run.path}", "name a run folder, such as si-run")
    if not run.spec.exists():
        hint = "a run folder holds spec.json and steps/"
        if (run.path / "set-aside").exists():
            hint = "its steps were set aside; go on with: forgefield run INPUT"
        raise ForgefieldError(f"{run.path} holds no run", hint)
    try:
        return RunSpec.model_validate_json(run.spec.read_text())
    except (ValidationError, OSError, UnicodeDecodeError) as error:
        problem = f"{run.spec} cannot be read as the settings of a run"
        raise ForgefieldError(
            problem, "it is damaged or of another version; begin anew in another folder"
        ) from error


def _recipe_key(run: RunFolder) -> str | None:
    """Key of the recipe that counts: labels of an earlier one may be left from before a change."""
    return Recipe.model_validate(read_json(run.recipe, AGAIN)).key if run.recipe.exists() else None


def _finished(run: RunFolder) -> list[tuple[StepName, Manifest]]:
    try:
        return list(run.finished())
    except (TypeError, KeyError, ValueError) as error:
        raise ForgefieldError(
            f"a manifest under {run.steps} cannot be read ({error})",
            "delete the damaged manifest.json: its step is then done again from what is stored",
        ) from error


def _is_running(run: RunFolder) -> bool:
    """Whether a process holds the run's lock."""
    lock = run.path / ".lock"
    if not lock.exists():
        return False
    with lock.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _current(run: RunFolder, manifests: Mapping[StepName, Manifest]) -> StepName | None:
    begun = (StepName(int(p.parent.name.removeprefix("cycle-")), p.name) for p in run.steps.glob("cycle-*/*"))
    return max((name for name in begun if name not in manifests), key=lambda name: name.rank, default=None)


def _step(name: StepName, manifest: Manifest) -> StepStatus:
    return StepStatus(str(name), name.cycle, manifest.seconds, one_line(name.step, manifest.summary))


def _costs(totals: Mapping[str, StepTotals]) -> tuple[StepCost, ...]:
    return tuple(
        StepCost(step, each.calculations, each.failures, each.core_seconds) for step, each in totals.items()
    )


def _failures(entries: Sequence[LedgerEntry]) -> tuple[FailureKind, ...]:
    kinds = Counter(entry.kind for entry in entries)
    return tuple(
        FailureKind(
            kind,
            count,
            tuple(reason for reason, _ in Counter(e.reason for e in entries if e.kind == kind).most_common()),
        )
        for kind, count in kinds.most_common()
    )


def _errors(manifests: Mapping[StepName, Manifest]) -> tuple[CycleErrors, ...]:
    found = []
    for name, manifest in manifests.items():
        if name.step == "train":
            verify = manifests.get(StepName(name.cycle, "verify"))
            judged: Mapping[str, Any] = verify.summary if verify is not None else {}
            found.append(
                CycleErrors(
                    cycle=name.cycle,
                    training_structures=judged.get("training_structures", manifest.summary.get("structures")),
                    calculations=judged.get("calculations"),
                    force_rmse=manifest.summary.get("force_rmse"),
                    energy_mae=judged.get("energy_mae"),
                    force_mae=judged.get("force_mae"),
                    held=judged.get("held"),
                    judged=judged.get("judged"),
                )
            )
    return tuple(found)


def _last_change(run: RunFolder) -> float:
    watched = [
        run.spec,
        run.ledger,
        run.dataset,
        *run.steps.glob("cycle-*/*"),
        *run.steps.glob("cycle-*/*/manifest.json"),
    ]
    times = []
    for path in watched:
        try:
            times.append(path.stat().st_mtime)
        except FileNotFoundError:
            # Not there yet, or set aside in this very moment.
            continue
    return max(times, default=time.time())
