"""What a step hands back to the loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StepResult:
    """Outcome of a step; its products lie in its folder.

    Attributes:
        line: one line for people.
        summary: figures for manifest, status and report.
        keys: labelled structures that may be trained on from now on.
    """

    line: str
    summary: dict[str, Any] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
