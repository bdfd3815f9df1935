"""What a validation found, read from its folder: numbers side by side, findings and problems."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forgefield.properties.comparison import ComparisonRow, compare
from forgefield.properties.equation_of_state import EquationOfState
from forgefield.properties.errors import ErrorStatistics
from forgefield.properties.examination import Property
from forgefield.properties.property_list import PROPERTIES
from forgefield.properties.quantities import Quantity
from forgefield.workflow.folder import write_atomically
from forgefield.workflow.validation import CURVE
from forgefield.workflow.validation_folder import POTENTIAL, REFERENCE, ValidationFolder, ValidationSpec

_COLUMNS = (
    "structure",
    "property",
    "quantity",
    "unit",
    "potential",
    "error",
    "reference",
    "reference error",
    "difference",
    "percent",
    "limit",
    "verdict",
)


@dataclass(frozen=True)
class Entry:
    """One property of one structure.

    Attributes:
        structure: its name.
        each: the property.
        potential: the potential's finding; None where there is none.
        reference: the reference's, likewise.
        beside: name of the reference, for people; None if there is none.
        problems: why findings are missing, and what makes them doubtful, one line each.
        rows: its numbers side by side.
    """

    structure: str
    each: Property
    potential: Any
    reference: Any
    beside: str | None
    problems: tuple[str, ...]
    rows: tuple[ComparisonRow, ...]


@dataclass(frozen=True)
class ValidationRecords:
    """A validation as it is told.

    Attributes:
        spec: what it is about.
        entries: properties of structures, in their order.
        phases: the energies of the structures above that of the first, side by side.
        errors: on labelled structures, if there are any.
    """

    spec: ValidationSpec
    entries: tuple[Entry, ...]
    phases: tuple[ComparisonRow, ...]
    errors: ErrorStatistics | None

    @property
    def judged(self) -> tuple[ComparisonRow, ...]:
        """Rows for which agreement was asked."""
        return tuple(row for row in self.all_rows if row.judgement is not None)

    @property
    def all_rows(self) -> tuple[ComparisonRow, ...]:
        """All rows."""
        return (*(row for entry in self.entries for row in entry.rows), *self.phases)

    @property
    def references(self) -> str | None:
        """Names of all that the potential is laid beside, for people."""
        trajectories = dict.fromkeys(self.spec.trajectories.values())
        names = [*([] if self.spec.reference is None else [self.spec.reference]), *trajectories]
        return " and ".join(names) or None

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        judged = self.judged
        if not judged:
            return "There is nothing to compare with, so nothing was judged."
        agreed, unclear = (sum(row.judgement == word for row in judged) for word in ("agrees", "unclear"))
        told = f"{agreed} of {len(judged)} numbers agree with {self.references} within their limits"
        return f"{told}; the errors of {unclear} are too large to tell." if unclear else f"{told}."

    @property
    def agrees(self) -> bool:
        """Whether all that was judged agrees."""
        return all(row.judgement == "agrees" for row in self.judged)


def read_validation(path: Path) -> ValidationRecords:
    """Read the folder of a validation, finished or not.

    Raises:
        ForgefieldError: it holds none.
    """
    folder = ValidationFolder(path)
    spec = folder.spec
    wanted = [each for each in PROPERTIES if each.name in spec.properties]
    entries = tuple(_entry(folder, name, each) for name in spec.structures for each in wanted)
    errors = folder.errors if spec.data is not None else None
    return ValidationRecords(spec, entries, _phases(spec, entries), errors)


def write_table(path: Path, records: ValidationRecords) -> None:
    """All numbers as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for entry in records.entries:
        writer.writerows(_cells(entry.structure, entry.each.name, row) for row in entry.rows)
    writer.writerows(_cells("", "phases", row) for row in records.phases)
    write_atomically(path, text.getvalue())


def _cells(structure: str, name: str, row: ComparisonRow) -> list[object]:
    return [
        structure,
        name,
        row.name,
        row.unit,
        row.value,
        row.error,
        row.reference,
        row.reference_error,
        row.difference,
        row.percent,
        row.limit,
        row.judgement or "",
    ]


def _entry(folder: ValidationFolder, structure: str, each: Property) -> Entry:
    problems, found = [], {}
    beside = folder.spec.beside(structure, each)
    methods = {POTENTIAL: "potential", **({} if beside is None else {REFERENCE: beside})}
    for method, title in methods.items():
        outcome = folder.outcome(method, structure, each)
        found[method] = None if outcome is None else outcome.finding
        if outcome is None:
            problems.append(f"{title}: not computed yet")
        elif outcome.problem:
            problems.append(f"{title}: {outcome.problem}")
        else:
            problems += [f"{title}: {warning}" for warning in outcome.finding.warnings]
    mine, theirs = found[POTENTIAL], found.get(REFERENCE)
    differences: tuple[Quantity, ...] = ()
    if each.compare is not None and mine is not None and theirs is not None:
        differences = each.compare(mine, theirs)
    one, other = (() if finding is None else finding.quantities for finding in (mine, theirs))
    rows = compare(one, other, differences, folder.spec.agreement)
    return Entry(structure, each, mine, theirs, beside, tuple(problems), rows)


def _phases(spec: ValidationSpec, entries: Sequence[Entry]) -> tuple[ComparisonRow, ...]:
    """Energies of the structures above the first of them, where several were given."""
    curves = [entry for entry in entries if entry.each.name == CURVE]
    if len(curves) < 2:
        return ()
    first = curves[0]
    mine: list[Quantity] = []
    theirs: list[Quantity] = []
    for entry in curves[1:]:
        name = f"energy above {first.structure}, {entry.structure}"
        pairs = ((mine, entry.potential, first.potential), (theirs, entry.reference, first.reference))
        for found, curve, lowest in pairs:
            if isinstance(curve, EquationOfState) and isinstance(lowest, EquationOfState):
                found.append(Quantity(name, curve.energy - lowest.energy, "eV/atom"))
    return compare(mine, theirs, (), spec.agreement)
