"""The ledger: every reference calculation that was made, what it cost, and what failed."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ase import Atoms
from ase.io import write

from forgefield.atoms.durable import append_durably
from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Failure, Labels

CONVERGED = "converged"
"""Kind of an entry whose calculation gave labels."""
CONTRADICTION = "contradiction"
"""Kind of an entry whose labels do not agree with others; they were refused, or taken back after they were stored."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One calculation.

    Attributes:
        key: the structure's key.
        step: name of the workflow step that asked for it.
        source: what made the structure.
        kind: ``converged``, or the kind of the failure.
        reason: why it failed, or "".
        seconds: wall time, all attempts together; one thread, so core-seconds as well.
        attempts: how many attempts were made; 0 for an entry that takes labels back.
        engine: name and version for converged calculations, else "".
        recipe: key of the recipe.
        time: when it was recorded, ISO 8601 in UTC.
    """

    key: str
    step: str
    source: str
    kind: str
    reason: str
    seconds: float
    attempts: int
    engine: str
    recipe: str
    time: str


@dataclass(frozen=True, slots=True)
class StepTotals:
    """What one step cost.

    Attributes:
        calculations: how many were made, failed ones included.
        failures: how many of them failed.
        core_seconds: what they took together.
    """

    calculations: int
    failures: int
    core_seconds: float


class Ledger:
    """Append-only file of JSON lines; structures that failed are kept in ``quarantine/`` beside it.

    An entry is on disk when ``record`` returns. A line that a killed process left half-written is
    ignored, and removed by the next ``record``. One process writes at a time; any may read.

    Args:
        path: the file; made with its folder by the first ``record``.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.quarantine = self.path.parent / "quarantine"
        self._lock = threading.Lock()
        self._mended = False

    def record(
        self, key: str, step: str, source: str, outcome: Labels | Failure, atoms: Atoms | None = None
    ) -> LedgerEntry:
        """Append one calculation.

        Args:
            key: the structure's key.
            step: name of the workflow step.
            source: what made the structure.
            outcome: what the calculation gave.
            atoms: the structure, which goes to ``quarantine/<key>.extxyz`` if it failed.
        """
        failed = isinstance(outcome, Failure)
        entry = LedgerEntry(
            key=key,
            step=step,
            source=source,
            kind=outcome.kind if isinstance(outcome, Failure) else CONVERGED,
            reason=outcome.reason if isinstance(outcome, Failure) else "",
            seconds=outcome.seconds,
            attempts=outcome.attempts,
            engine=outcome.engine if isinstance(outcome, Labels) else "",
            recipe=outcome.recipe,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if failed and atoms is not None:
            self._keep(entry, atoms)
        with self._lock:
            self._append(json.dumps(asdict(entry), ensure_ascii=False).encode() + b"\n")
        return entry

    def entries(self) -> list[LedgerEntry]:
        """All entries, oldest first.

        Raises:
            ForgefieldError: a line other than the last is damaged.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().split(b"\n")
        entries = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            entry = _parse(line)
            if entry is not None:
                entries.append(entry)
            elif number < len(lines):
                raise ForgefieldError(
                    f"line {number} of {self.path} is no ledger entry",
                    "restore the file, or delete that line",
                )
        return entries

    def failures(self, recipe: str | None = None) -> dict[str, LedgerEntry]:
        """Structures whose last calculation failed, by key.

        Args:
            recipe: key of the recipe to look at; all recipes if None.
        """
        latest = {entry.key: entry for entry in self.entries() if recipe in (None, entry.recipe)}
        return {key: entry for key, entry in latest.items() if entry.kind != CONVERGED}

    def contradicting(self, recipe: str) -> frozenset[str]:
        """Keys of structures whose labels under a recipe contradict others; the data set may still hold them."""
        return frozenset(k for k, entry in self.failures(recipe).items() if entry.kind == CONTRADICTION)

    def totals(self) -> dict[str, StepTotals]:
        """Costs by step, in the order in which the steps first appear."""
        grouped: dict[str, list[LedgerEntry]] = {}
        for entry in self.entries():
            grouped.setdefault(entry.step, []).append(entry)
        return {
            step: StepTotals(
                calculations=sum(entry.attempts > 0 for entry in group),
                failures=sum(entry.kind != CONVERGED for entry in group),
                core_seconds=sum(entry.seconds for entry in group),
            )
            for step, group in grouped.items()
        }

    def _keep(self, entry: LedgerEntry, atoms: Atoms) -> None:
        self.quarantine.mkdir(parents=True, exist_ok=True)
        structure = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        # A frame of extended XYZ has one comment line, in which quotes end a value.
        structure.info = {
            name: " ".join(str(getattr(entry, name)).replace('"', "'").split())
            for name in ("key", "step", "source", "kind", "reason", "recipe", "time")
        }
        write(self.quarantine / f"{entry.key}.extxyz", structure, format="extxyz")

    def _append(self, line: bytes) -> None:
        if not self._mended and self.path.exists():
            with self.path.open("a+b") as stream:
                _mend(stream.fileno(), self.path.read_bytes())
        self._mended = True
        append_durably(self.path, line)


def _mend(descriptor: int, content: bytes) -> None:
    """Remove a half-written last line, or end a whole one that lacks its line break."""
    tail = content.rpartition(b"\n")[2]
    if not tail:
        return
    if _parse(tail) is None:
        os.ftruncate(descriptor, len(content) - len(tail))
    else:
        os.write(descriptor, b"\n")


def _parse(line: bytes) -> LedgerEntry | None:
    try:
        return LedgerEntry(**json.loads(line))
    except (ValueError, TypeError):
        return None
