"""What a run is doing, on a terminal as bars and in a log as lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from forgefield.app.console import say

_LINE_EVERY = 15.0


def duration(seconds: float) -> str:
    """Seconds for people: ``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Remaining:
    """Estimates the time that a step still needs from the pace so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.begun = clock()
        self.first: tuple[float, int] | None = None

    def after(self, done: int, total: int) -> float | None:
        """Seconds left when `done` of `total` parts are done; None as long as nobody can know.

        The first report only sets the start: after an interruption it may tell of parts done before.
        """
        now = self.clock()
        if self.first is None:
            # A step that begins with its first part takes that part's time as well.
            self.first = (self.begun, 0) if done == 1 else (now, done)
        began, before = self.first
        if done <= before or done >= total:
            return 0.0 if done >= total else None
        return (now - began) / (done - before) * (total - done)


class BarProgress:
    """Bars on a terminal; use as a context manager.

    Args:
        console: where to draw.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.bars = Bars(
            SpinnerColumn(),
            TextColumn("[bold]{task.fields[name]}", markup=True),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", style="cyan", markup=False),
            TextColumn("{task.description}", markup=False),
            console=console,
            refresh_per_second=4,
            transient=True,
        )
        self.task: TaskID | None = None
        self.remaining = Remaining()

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def step(self, name: str, what: str) -> None:
        """A new bar."""
        self._remove()
        self.remaining = Remaining()
        self.task = self.bars.add_task(what, total=None, name=name, left="")

    def advance(self, done: int, total: int, what: str) -> None:
        """Move the bar."""
        if self.task is None:
            return
        left = self.remaining.after(done, total)
        text = "" if left is None else f"{duration(left)} left"
        self.bars.update(self.task, completed=done, total=total, description=what, left=text)

    def finish(self, name: str, result: str, seconds: float) -> None:
        """Replace the bar by a line that stays."""
        self._remove()
        line = (
            Text("✓ ", "green")
            .append(f"{name:<13}", "bold")
            .append(f"{result} ")
            .append(duration(seconds), "dim")
        )
        self.console.print(line)

    def note(self, message: str) -> None:
        """A line above the bar."""
        self.console.print(Text(f"  {message}", "yellow"))

    def _remove(self) -> None:
        if self.task is not None:
            self.bars.remove_task(self.task)
            self.task = None


class LineProgress:
    """Lines for a log: beginnings, results and, now and then, how far a step is; use as a context manager.

    Args:
        console: where to write.
        clock: seconds; another one in tests.
        every: seconds between two lines on the progress of one step.
    """

    def __init__(
        self, console: Console, clock: Callable[[], float] = time.monotonic, every: float = _LINE_EVERY
    ) -> None:
        self.console = console
        self.clock = clock
        self.every = every
        self.name = ""
        self.last = clock()
        self.remaining = Remaining(clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def step(self, name: str, what: str) -> None:
        """A line for the beginning."""
        self.name = name
        self.last = self.clock()
        self.remaining = Remaining(self.clock)
        self._write(f"{name}: {what}")

    def advance(self, done: int, total: int, what: str) -> None:
        """A line, unless the last one is fresh."""
        left = self.remaining.after(done, total)
        if self.clock() - self.last < self.every:
            return
        self.last = self.clock()
        rest = "" if left is None else f", {duration(left)} left"
        self._write(f"{self.name}: {done} of {total}{rest} ({what})")

    def finish(self, name: str, result: str, seconds: float) -> None:
        """A line for the result."""
        self._write(f"{name}: done in {duration(seconds)}: {result}")

    def note(self, message: str) -> None:
        """A line."""
        self._write(f"note: {message}")

    def _write(self, text: str) -> None:
        say(self.console, f"{time.strftime('%H:%M:%S')} {text}")


def progress_on(console: Console) -> BarProgress | LineProgress:
    """Bars if somebody looks, else lines."""
    return BarProgress(console) if console.is_terminal else LineProgress(console)
