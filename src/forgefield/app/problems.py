"""What is wrong with an input file: where, with which value, why, and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forgefield.atoms.errors import ForgefieldError

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of the input down to a value."""

_SECRET = re.compile(r"(://[^/@:\s]*:|[?&]password=)[^@&\s]+")
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        line: line of the file, counted from 1; None where the whole file is meant.
        key: dotted path of the key, such as ``cycles.max`` or ``system.species[1]``; "" for the whole file.
        value: the value as one would write it; "" where it does not matter.
        cause: what is wrong with it.
        remedy: what to write instead.
    """

    line: int | None
    key: str
    value: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        # A text that the cause quotes need not stand there twice.
        value = "" if self.value.startswith(("'", '"')) and self.value in self.cause else self.value
        what = f"{self.key}: {value}" if self.key and value else self.key or value
        subject = f"{what} — " if what else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{where}{subject}{self.cause}{remedy}"


class InputError(ForgefieldError):
    """An input file that cannot be used, with everything that was found wrong in it.

    Args:
        source: name of the file.
        problems: what is wrong, at least one.
    """

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__(f"{source} has {len(problems)} problem{'s' if len(problems) > 1 else ''}")
        # Exceptions are pickled by their arguments, and this one's are not the base's.
        self.args = (source, self.problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return f"{self.source}, {self.problems[0]}" if self.problems[0].line else self._whole_file()
        lines = [f"{len(self.problems)} problems in {self.source}"]
        return "\n".join([*lines, *(f"  {problem}" for problem in self.problems)])

    def _whole_file(self) -> str:
        return f"{self.source}: {self.problems[0]}"


def dotted(path: KeyPath) -> str:
    """A path as people write it: ``system.species[1]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def as_written(value: Any) -> str:
    """A value as one would write it in YAML, shortened and without passwords of addresses."""
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        text = repr(_SECRET.sub(r"\1***", value))
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{key}: {as_written(each)}" for key, each in value.items()) + "}"
    elif isinstance(value, list):
        text = "[" + ", ".join(as_written(each) for each in value) + "]"
    else:
        text = str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
