"""The folder of a validation: what was examined, by which method, and what came out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ase import Atoms
from pydantic import Field

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.formats import read_structures, write_extxyz
from forgefield.atoms.identity import structure_key
from forgefield.atoms.spec import Spec
from forgefield.properties.comparison import LimitsSpec
from forgefield.properties.errors import ErrorStatistics
from forgefield.properties.examination import Property
from forgefield.properties.examination_spec import ExaminationSpec
from forgefield.properties.stored import from_dict, from_json, to_dict, to_json
from forgefield.workflow.folder import write_atomically

POTENTIAL, REFERENCE = "potential", "reference"
MOTION = "dynamics"
"""Name of the property that a trajectory tells."""


class ValidationSpec(Spec):
    """What a validation is about, as it lies in its folder."""

    potential: str
    """Name of the potential, for people."""
    reference: str | None = None
    """Name of what it is laid beside, for people."""
    properties: tuple[str, ...]
    """Names of the properties, in their order."""
    settings: ExaminationSpec = ExaminationSpec()
    """How they are computed."""
    agreement: LimitsSpec = LimitsSpec()
    """What counts as agreement."""
    structures: tuple[str, ...] = Field(min_length=1)
    """Names of the structures."""
    data: str | None = None
    """File of labelled structures on which the errors are shown."""
    trajectories: dict[str, str] = Field(default_factory=dict)
    """Files of the reference's molecular dynamics, by structure."""

    def beside(self, structure: str, each: Property) -> str | None:
        """Name of what a property of a structure is laid beside, for people; None if there is nothing."""
        if each.name == MOTION and structure in self.trajectories:
            return self.trajectories[structure]
        return None if each.planned is None else self.reference


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a property's computation gave.

    Attributes:
        finding: its result; None if there is none.
        problem: why, or "".
        seconds: wall time.
    """

    finding: Any
    problem: str
    seconds: float


@dataclass(frozen=True)
class ValidationFolder:
    """Paths and records of a validation.

    Attributes:
        path: the folder.
    """

    path: Path

    @cached_property
    def spec(self) -> ValidationSpec:
        """What it is about.

        Raises:
            ForgefieldError: there is no validation in the folder, or it is of another version.
        """
        file = self.path / "validation.json"
        try:
            return ValidationSpec.model_validate_json(file.read_text())
        except OSError as error:
            raise ForgefieldError(
                f"{self.path} holds no validation", "check the path, or start one with: forgefield validate"
            ) from error
        except ValueError as error:
            raise ForgefieldError(f"{file} cannot be read: {error}", "validate again") from error

    def write_spec(self, spec: ValidationSpec) -> None:
        """Write down what the validation is about."""
        write_atomically(self.path / "validation.json", spec.model_dump_json(indent=2) + "\n")

    @property
    def dataset(self) -> Path:
        """The reference's labels, SQLite."""
        return self.path / "dataset.db"

    @property
    def ledger(self) -> Path:
        """Every reference calculation and its outcome."""
        return self.path / "ledger.jsonl"

    @property
    def recipe(self) -> Path:
        """The reference's recipe, JSON."""
        return self.path / "recipe.json"

    @property
    def report(self) -> Path:
        """The report, HTML."""
        return self.path / "report.html"

    @property
    def table(self) -> Path:
        """All numbers side by side, CSV."""
        return self.path / "comparison.csv"

    def structure(self, name: str) -> Atoms:
        """A structure as it was given."""
        return read_structures(self.path / "structures" / f"{file_name(name)}.xyz")[0]

    def write_structure(self, name: str, atoms: Atoms) -> None:
        """Keep a structure."""
        write_extxyz(self.path / "structures" / f"{file_name(name)}.xyz", [(atoms, None)])

    def outcome(self, method: str, structure: str, each: Property, key: str | None = None) -> Outcome | None:
        """What a method found of a structure.

        Args:
            method: `POTENTIAL` or `REFERENCE`.
            structure: its name.
            each: the property.
            key: what the result must be of, see `outcome_key`; None takes any.

        Returns:
            None if there is none, or one of something else.
        """
        path = self._outcome(method, structure, each.name)
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_text())
            if key is not None and content["key"] != key:
                return None
            found = content["finding"]
            kind = each.checked if method == REFERENCE and each.checked is not None else each.finding
            finding = None if found is None else from_dict(kind, found)
        except (ValueError, KeyError, ForgefieldError):
            return None
        return Outcome(finding, content["problem"], content["seconds"])

    def write_outcome(self, method: str, structure: str, each: Property, key: str, outcome: Outcome) -> None:
        """Keep what a method found."""
        finding = None if outcome.finding is None else to_dict(outcome.finding)
        content = {
            "key": key,
            "problem": outcome.problem,
            "seconds": outcome.seconds,
            "finding": finding,
        }
        text = json.dumps(content, allow_nan=False)
        write_atomically(self._outcome(method, structure, each.name), text)

    @property
    def errors(self) -> ErrorStatistics | None:
        """Of the potential on labelled structures; None if they were not asked for."""
        path = self.path / "errors.json"
        return from_json(ErrorStatistics, path.read_text()) if path.exists() else None

    def write_errors(self, errors: ErrorStatistics) -> None:
        """Keep errors on labelled structures."""
        write_atomically(self.path / "errors.json", to_json(errors))

    def _outcome(self, method: str, structure: str, name: str) -> Path:
        return self.path / method / file_name(structure) / f"{name}.json"


def outcome_key(atoms: Atoms, method_key: str, settings: Sequence[Spec]) -> str:
    """Hash of all that decides a result: structure, method and settings."""
    content = [structure_key(atoms), method_key, *(each.model_dump_json() for each in settings)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def file_name(name: str) -> str:
    """A structure's name as one of a file."""
    return re.sub(r"[^\w.+-]+", "_", name)
