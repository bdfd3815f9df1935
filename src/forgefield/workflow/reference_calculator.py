"""The reference as an ASE calculator: whatever runs on a calculator runs on DFT, cached, counted and side by side."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, ClassVar

from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate, Failure, Labels
from forgefield.properties.point import PointValues, point_values
from forgefield.workflow.folder import StepName
from forgefield.workflow.labelling import Labeller


class ReferenceDesk:
    """Where several threads ask for reference values: each structure is computed once and kept at once.

    What the data set holds, or the ledger knows to fail, is answered without a calculation.

    Args:
        labeller: data set, ledger, executor and budget.
        name: the step that the calculations are booked on.
    """

    def __init__(self, labeller: Labeller, name: StepName) -> None:
        self.labeller, self.name = labeller, name
        self.computed, self.submitted = 0, 0
        self._left = labeller.left()
        self._lock = threading.RLock()
        self._failures = {
            key: entry.reason for key, entry in labeller.ledger.failures(labeller.recipe.key).items()
        }
        self._asked: dict[str, Future[PointValues]] = {}

    def ask(self, atoms: Atoms, note: str) -> Future[PointValues]:
        """The values of a structure, at once or when they are computed; a failure is the future's exception."""
        key = structure_key(atoms)
        with self._lock:
            if key not in self._asked:
                self._asked[key] = self._begun(key, Candidate(atoms.copy(), "validation", note, note=note))
            return self._asked[key]

    def _begun(self, key: str, candidate: Candidate) -> Future[PointValues]:
        answer: Future[PointValues] = Future()
        known = self.labeller.dataset.get(key, self.labeller.recipe.key)
        if known is not None:
            answer.set_result(point_values(known.labels))
        elif key in self._failures:
            answer.set_exception(_failed(self._failures[key]))
        elif self._left == 0:
            answer.set_exception(
                ForgefieldError(
                    f"the budget of {self.labeller.budget} calculations is spent",
                    "raise the budget, or leave out properties",
                )
            )
        else:
            self._left = None if self._left is None else self._left - 1
            self.submitted += 1
            task = self.labeller.begin(key, candidate.atoms)
            task.add_done_callback(lambda done: self._finished(key, candidate, done, answer))
        return answer

    def _finished(
        self, key: str, candidate: Candidate, task: Future[Labels | Failure], answer: Future[PointValues]
    ) -> None:
        try:
            outcome = self.labeller.outcome(task)
            with self._lock:
                outcome = self.labeller.keep(key, candidate, outcome, self.name)
                self.computed += 1
                # More may be asked once these are known; nobody can say how many.
                self.labeller.progress.advance(
                    self.computed, self.submitted, f"calculations so far, {candidate.note}"
                )
        except BaseException as error:  # whoever asked is waiting in another thread, and must hear of it
            answer.set_exception(error)
            return
        if isinstance(outcome, Failure):
            answer.set_exception(_failed(outcome.reason))
        else:
            answer.set_result(point_values(outcome))


class ReferenceCalculator(Calculator):
    """ASE's view of a desk; several structures at once are computed side by side.

    Args:
        desk: does the work.
        note: what the calculations are for.
        guide: a cheap calculator that resembles the reference, on which relaxations begin; None: they do not.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, desk: ReferenceDesk, note: str, guide: Calculator | None = None) -> None:
        super().__init__()
        self.desk, self.note, self.guide = desk, note, guide

    def evaluate_points(self, structures: Sequence[Atoms]) -> tuple[PointValues, ...]:
        """Energy, forces and stress of each structure.

        Raises:
            ForgefieldError: some of the calculations failed, or the budget does not suffice.
        """
        answers = [self.desk.ask(atoms, self.note) for atoms in structures]
        errors = [error for answer in answers if (error := answer.exception()) is not None]
        if errors:
            if len(answers) == 1 or not isinstance(errors[0], ForgefieldError):
                raise errors[0]
            raise ForgefieldError(
                f"{len(errors)} of {len(answers)} calculations gave nothing: {errors[0].problem}",
                errors[0].remedy,
            )
        return tuple(answer.result() for answer in answers)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Called by ASE."""
        super().calculate(atoms, properties, system_changes)
        (values,) = self.evaluate_points([self.atoms])
        results: dict[str, Any] = {
            "energy": values.energy,
            "free_energy": values.energy,
            "forces": values.forces,
        }
        if values.stress is not None:
            results["stress"] = values.stress
        elif properties and "stress" in properties:
            raise PropertyNotImplementedError("the reference gives no stress for this structure")
        self.results = results


def _failed(reason: str) -> ForgefieldError:
    return ForgefieldError(
        f"a reference calculation failed ({reason})", "see the ledger, and change its settings"
    )
