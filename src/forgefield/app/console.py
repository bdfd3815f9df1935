"""Where the command line writes: results to standard output, everything else to standard error."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.text import Text

_WIDE = 200


def output() -> Console:
    """Console for results. Made anew each time, as tests and callers may replace the streams."""
    # In a file or a pipe, tables get the room that they need.
    narrow = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(file=sys.stdout, highlight=False, width=None if narrow else _WIDE)


def messages() -> Console:
    """Console for progress and errors."""
    return Console(file=sys.stderr, highlight=False)


def say(console: Console, text: str, style: str = "") -> None:
    """Print text as it is: no markup in it is read, and where nobody looks no line is broken."""
    console.print(Text(text, style=style), soft_wrap=not console.is_terminal)


def show_error(text: str) -> None:
    """Print an error in red."""
    console = messages()
    message = Text("Error: ", style="bold red").append(text, style="not bold red")
    console.print(message, soft_wrap=not console.is_terminal)
