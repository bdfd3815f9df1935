"""How a run tells what it is doing; the command line draws it, the Python API may ignore it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Listener of a run."""

    def step(self, name: str, what: str) -> None:
        """A step begins: ``02/train`` and one line on what it does."""

    def advance(self, done: int, total: int, what: str) -> None:
        """So much of the running step is done; `what` is being computed or was just computed."""

    def finish(self, name: str, result: str, seconds: float) -> None:
        """The step is done; one line on what came out."""

    def note(self, message: str) -> None:
        """Something worth knowing happened (a calculation failed, a limit was met)."""


class Silent:
    """A listener that says nothing."""

    def step(self, name: str, what: str) -> None:
        """Ignored."""

    def advance(self, done: int, total: int, what: str) -> None:
        """Ignored."""

    def finish(self, name: str, result: str, seconds: float) -> None:
        """Ignored."""

    def note(self, message: str) -> None:
        """Ignored."""
