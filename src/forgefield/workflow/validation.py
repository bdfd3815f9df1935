"""The examination of a potential: its properties, and the reference's beside them.

The reference's properties are computed side by side, each in a thread that waits for its calculations; the potential's
one after the other. Every result is kept when it is there, and so is every calculation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    as_completed,
)
from dataclasses import dataclass
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import Spec
from forgefield.properties.equation_of_state import EquationOfState
from forgefield.properties.equilibrium import find_equilibrium
from forgefield.properties.examination import Property
from forgefield.properties.examination_spec import ExaminationSpec
from forgefield.properties.property_list import settled
from forgefield.properties.quantities import Planned
from forgefield.workflow.progress import Progress
from forgefield.workflow.validation_folder import (
    POTENTIAL,
    REFERENCE,
    Outcome,
    ValidationFolder,
    outcome_key,
)

CURVE = "equation_of_state"


@dataclass(frozen=True)
class Method:
    """A way to compute energies and forces.

    Attributes:
        title: for people.
        key: changes when its numbers may change.
        calculator: gives a calculator for a purpose.
        species: chemical symbols that it knows; empty: it does not say.
        left: calculations that the budget allows it; None without limit.
        side_by_side: whether properties are computed at the same time, as those that wait for calculations.
    """

    title: str
    key: str
    calculator: Callable[[str], Calculator]
    species: tuple[str, ...] = ()
    left: int | None = None
    side_by_side: bool = False


@dataclass(frozen=True)
class _Task:
    """One property of one structure by one method."""

    structure: str
    atoms: Atoms
    each: Property
    settings: tuple[Spec, ...]
    key: str


def examine(
    folder: ValidationFolder,
    methods: Mapping[str, Method],
    structures: Mapping[str, Atoms],
    properties: Sequence[Property],
    settings: ExaminationSpec,
    progress: Progress,
) -> None:
    """Compute all properties that are not in the folder yet.

    A property that cannot be computed is kept with its problem, and tried again the next time.

    Args:
        folder: where results are kept.
        methods: `POTENTIAL` and perhaps `REFERENCE`.
        structures: by name.
        properties: which.
        settings: how; what both methods must share is settled on the structures as given.
        progress: listener.
    """
    for name, method in methods.items():
        began = time.perf_counter()
        progress.step(name, "properties")
        asked = [each for each in properties if name == POTENTIAL or each.planned is not None]
        tasks = _tasks(structures, asked, method, settings)
        runner = _Runner(folder, name, method, settings, progress)
        done = runner.carry_out(structures, tasks)
        seconds = time.perf_counter() - began
        progress.finish(name, f"{done} of {len(tasks)} properties", seconds)


def forecast(
    folder: ValidationFolder,
    method: Method,
    structures: Mapping[str, Atoms],
    properties: Sequence[Property],
    settings: ExaminationSpec,
) -> list[tuple[str, Property, tuple[Planned, ...]]]:
    """Calculations that the reference will take for what is not in the folder yet, by structure and property."""
    ahead = []
    for task in _tasks(structures, properties, method, settings):
        known = folder.outcome(REFERENCE, task.structure, task.each, task.key)
        if task.each.planned is not None and (known is None or known.problem):
            planned = tuple(task.each.planned(task.atoms, *task.settings))
            ahead.append((task.structure, task.each, planned))
    return ahead


def _tasks(
    structures: Mapping[str, Atoms], properties: Sequence[Property], method: Method, settings: ExaminationSpec
) -> list[_Task]:
    tasks = []
    for structure, atoms in structures.items():
        shared = settled(atoms, settings, properties)
        for each in properties:
            own = each.settings(shared)
            # All start from the minimum, which hangs on the curve's settings.
            key = outcome_key(atoms, method.key, (*own, settings.equation_of_state))
            tasks.append(_Task(structure, atoms, each, own, key))
    return tasks


class _Inline(Executor):
    """Does what it is given at once, where Ctrl-C ends it."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Future[Any]:
        """A future that is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **keywords))
        except Exception as error:
            future.set_exception(error)
        return future


class _Runner:
    """Carries out the tasks of one method."""

    def __init__(
        self,
        folder: ValidationFolder,
        name: str,
        method: Method,
        settings: ExaminationSpec,
        progress: Progress,
    ) -> None:
        self.folder, self.name, self.method = folder, name, method
        self.settings, self.progress = settings, progress
        self.minima: dict[str, Future[tuple[Atoms, EquationOfState]]] = {}

    def carry_out(self, structures: Mapping[str, Atoms], tasks: Sequence[_Task]) -> int:
        """How many of the tasks have a result in the end."""
        open_tasks = [task for task in tasks if not self._known(task)]
        done = len(tasks) - len(open_tasks)
        needed = {task.structure for task in open_tasks}
        threads = len(open_tasks) + len(needed)
        pool = ThreadPoolExecutor(max(threads, 1)) if self.method.side_by_side else _Inline()
        try:
            for structure in structures:
                if structure in needed:
                    self.minima[structure] = pool.submit(self._minimum, structures[structure], structure)
            running = []
            for task in open_tasks:
                self._advance(done, len(tasks), f"{task.each.title} of {task.structure}")
                running.append(pool.submit(self._compute, task))
            for finished in as_completed(running):
                done += finished.result().finding is not None
                self._advance(done, len(tasks), "")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return done

    def _advance(self, done: int, total: int, what: str) -> None:
        # A method that is asked side by side tells of its calculations: a property may take a day of them.
        if not self.method.side_by_side:
            self.progress.advance(done, total, what)

    def _known(self, task: _Task) -> bool:
        known = self.folder.outcome(self.name, task.structure, task.each, task.key)
        return known is not None and known.finding is not None

    def _minimum(self, atoms: Atoms, structure: str) -> tuple[Atoms, EquationOfState]:
        calculator = self.method.calculator(f"{structure}: {CURVE}")
        return find_equilibrium(atoms, calculator, self.settings.equation_of_state)

    def _compute(self, task: _Task) -> Outcome:
        began = time.perf_counter()
        finding, problem = None, ""
        try:
            calculator = self.method.calculator(f"{task.structure}: {task.each.name}")
            if task.each.check is not None and self.name == REFERENCE:
                finding = task.each.check(self._examined(task), calculator)
            else:
                atoms, curve = self.minima[task.structure].result()
                finding = self._found(task, atoms, curve, calculator)
        except ForgefieldError as error:
            problem = str(error)
        except (BrokenExecutor, CancelledError):
            raise
        except Exception as error:  # calculators of other people raise whatever they like
            problem = f"{type(error).__name__}: {error}"
        if problem:
            self.progress.note(f"{task.each.title} of {task.structure} by {self.name}: {problem}")
        outcome = Outcome(finding, problem, time.perf_counter() - began)
        self.folder.write_outcome(self.name, task.structure, task.each, task.key, outcome)
        return outcome

    def _found(self, task: _Task, atoms: Atoms, curve: EquationOfState, calculator: Calculator) -> Any:
        if task.each.name == CURVE:
            return curve
        return task.each.compute(atoms, calculator, *task.settings)

    def _examined(self, task: _Task) -> Any:
        """What the potential's examination found, which the reference is to check."""
        outcome = self.folder.outcome(POTENTIAL, task.structure, task.each)
        if outcome is None or outcome.finding is None:
            raise ForgefieldError("the potential found nothing that could be checked", "see its own problem")
        return outcome.finding
