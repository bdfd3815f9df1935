"""Labels for candidates: computed in parallel, stored the moment they exist, never computed twice."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate, Failure, Labels
from forgefield.dataset.agreement import Agreement
from forgefield.dataset.records import Provenance, Record
from forgefield.dataset.store import Dataset
from forgefield.reference.ledger import CONTRADICTION, Ledger
from forgefield.reference.recipe import Recipe
from forgefield.reference.worker import calculate_within_limit
from forgefield.workflow.executors import LostTaskError
from forgefield.workflow.folder import StepName
from forgefield.workflow.progress import Progress

_DOUBTFUL = 3
"""Contradictions, and the part of a step's structures that they are one of, from which on nothing is believed."""


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """What became of the structures that a step asked labels for.

    Attributes:
        requested: different structures.
        labelled: have labels now.
        failed: were given up, now or earlier.
        reused: had labels already.
        skipped: were left out for lack of budget.
    """

    requested: int
    labelled: int
    failed: int
    reused: int
    skipped: int


@dataclass(frozen=True, slots=True)
class LabelOutcome:
    """Result of labelling.

    Attributes:
        keys: of the labelled structures, in the order of the candidates.
        counts: how many, and why not all.
    """

    keys: tuple[str, ...]
    counts: LabelCounts

    def summary(self) -> dict[str, Any]:
        """The counts, for a manifest."""
        return asdict(self.counts)


@dataclass(frozen=True)
class Labeller:
    """Brings candidates, engine, data set and ledger together.

    Attributes:
        dataset: where labels go.
        ledger: where costs and failures go.
        recipe: how labels are computed.
        executor: where calculations run.
        budget: largest number of calculations of the whole run, None without limit.
        progress: listener.
        known: labels of the recipe from elsewhere, by structure key; they are taken, and counted, as though they had
            just been computed, so that a run that is repeated decides the same.
    """

    dataset: Dataset
    ledger: Ledger
    recipe: Recipe
    executor: Executor
    budget: int | None
    progress: Progress
    known: Mapping[str, Labels] = field(default_factory=dict)

    def spent(self) -> int:
        """Calculations so far, failed ones included.

        A label may be stored without its line in the ledger, if the run was killed in between; it counts.
        """
        recorded = {entry.key for entry in self.ledger.entries() if entry.recipe == self.recipe.key}
        # On a server there may be labels of other runs.
        own = [] if self.dataset.url else self.dataset.records(None, self.recipe.key)
        return len(recorded | {record.key for record in own})

    def left(self) -> int | None:
        """Calculations that the budget still allows; None without limit."""
        return None if self.budget is None else max(0, self.budget - self.spent())

    def label(self, candidates: Sequence[Candidate], name: StepName, reserve: int = 0) -> LabelOutcome:
        """Compute what is not known yet, the first candidates first.

        Args:
            candidates: structures; repeated ones count once.
            name: the step that asks.
            reserve: calculations of the budget that must be left for others.

        Raises:
            ForgefieldError: so many labels contradict each other that the engine cannot be believed.
        """
        distinct = {structure_key(candidate.atoms): candidate for candidate in reversed(candidates)}
        order = list(dict.fromkeys(structure_key(candidate.atoms) for candidate in candidates))
        stored = {record.key for record in self.dataset.records(None, self.recipe.key)}
        stored -= self.ledger.contradicting(self.recipe.key)
        given_up = self.ledger.failures(self.recipe.key)
        reused = [key for key in order if key in stored]
        known_failures = [key for key in order if key in given_up and key not in stored]
        open_keys = [key for key in order if key not in stored and key not in given_up]
        left = self.left()
        affordable = open_keys if left is None else open_keys[: max(0, left - reserve)]
        if len(affordable) < len(open_keys):
            self.progress.note(
                f"{name}: {len(open_keys) - len(affordable)} structures left out, the budget of "
                f"{self.budget} calculations is spent or reserved"
            )
        new = self._compute(affordable, distinct, name)
        self._doubt(len(self.ledger.contradicting(self.recipe.key).intersection(order)), len(order))
        labelled = set(reused) | new
        counts = LabelCounts(
            requested=len(order),
            labelled=len(labelled),
            failed=len(known_failures) + len(affordable) - len(new),
            reused=len(reused),
            skipped=len(open_keys) - len(affordable),
        )
        return LabelOutcome(tuple(key for key in order if key in labelled), counts)

    def _compute(self, keys: Sequence[str], candidates: dict[str, Candidate], name: StepName) -> set[str]:
        labelled: set[str] = set()
        started = time.perf_counter()
        futures: dict[Future[Labels | Failure], str] = {}
        try:
            for key in keys:
                futures[self.begin(key, candidates[key].atoms)] = key
            for done, future in enumerate(as_completed(futures), start=1):
                key = futures[future]
                candidate = candidates[key]
                outcome = self.keep(key, candidate, self.outcome(future), name)
                if isinstance(outcome, Labels):
                    labelled.add(key)
                formula = candidate.atoms.get_chemical_formula()
                mean = (time.perf_counter() - started) / done
                self.progress.advance(
                    done,
                    len(keys),
                    f"{self.recipe.engine} on {candidate.source} {formula}, {mean:.1f} s each",
                )
        finally:
            for future in futures:
                future.cancel()
        return labelled

    def take_back(self, wrong: Sequence[tuple[Record, str]], name: StepName) -> None:
        """Have labels that are stored no longer believed.

        Args:
            wrong: labels, and what speaks against them.
            name: the step that found them.

        Raises:
            ForgefieldError: there were so many in this run that the engine cannot be believed.
        """
        for record, problem in wrong:
            self.progress.note(
                f"the labels of {record.source} structure {record.key} are taken back: {problem}"
            )
            failure = Failure(problem, CONTRADICTION, self.recipe.key, 0.0, attempts=0)
            self.ledger.record(record.key, str(name), record.source, failure, record.atoms)
        against = len(self.ledger.contradicting(self.recipe.key))
        # Also where nothing is wrong any more: a run that ended for that must not go on when it is called again.
        if against >= _DOUBTFUL:
            self._doubt(against, self.spent())

    def _doubt(self, against: int, known: int) -> None:
        if against >= _DOUBTFUL and _DOUBTFUL * against > known:
            raise ForgefieldError(
                f"energies and forces of {self.recipe.label} contradict each other for {against} of {known} "
                "structures",
                f"compare the order of its forces with that of the atoms, and its units; {self.ledger.quarantine} has "
                "the structures",
            )

    def begin(self, key: str, atoms: Atoms) -> Future[Labels | Failure]:
        """Have a structure computed, or take its labels from those that are known."""
        if key not in self.known:
            return self.executor.submit(calculate_within_limit, atoms, self.recipe)
        done: Future[Labels | Failure] = Future()
        done.set_result(self.known[key])
        return done

    def outcome(self, task: Future[Labels | Failure]) -> Labels | Failure:
        """What a calculation gave; one that takes its workers with it, again and again, has crashed."""
        try:
            return task.result()
        except LostTaskError as error:
            return Failure(error.problem, "crash", self.recipe.key, 0.0)

    def keep(
        self, key: str, candidate: Candidate, outcome: Labels | Failure, name: StepName
    ) -> Labels | Failure:
        """Store what a calculation gave: labels in the data set, its cost and any failure in the ledger.

        Returns:
            the same, or a failure where the labels contradict those of near structures.
        """
        if isinstance(outcome, Labels) and (
            problem := self._agreement.contradiction(candidate.atoms, outcome)
        ):
            outcome = Failure(problem, CONTRADICTION, outcome.recipe, outcome.seconds, outcome.attempts)
        if isinstance(outcome, Labels):
            self.dataset.add(candidate, outcome, Provenance(str(name), name.cycle))
            self._agreement.remember(candidate.atoms, outcome)
        else:
            self.progress.note(f"{candidate.source} structure {key} gave no labels: {outcome.reason}")
        self.ledger.record(key, str(name), candidate.source, outcome, candidate.atoms)
        return outcome

    @cached_property
    def _agreement(self) -> Agreement:
        """With all labels of the recipe so far."""
        agreement = Agreement()
        refused = self.ledger.contradicting(self.recipe.key)
        for record in self.dataset.iterate(self.recipe.key):
            if record.key in refused:
                continue
            agreement.remember(record.atoms, record.labels)
        return agreement
