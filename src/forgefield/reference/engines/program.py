"""Programs that an engine starts: which command, which version, and how a run ended."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from forgefield.atoms.errors import ForgefieldError

_VERSION_LIMIT = 60.0
"""Seconds that a program may take to say its version."""
_OUTPUT = "output.txt"


@dataclass(frozen=True, slots=True)
class Program:
    """How a program is started.

    Attributes:
        engine: name of the engine, for errors.
        default: the program's usual name.
        command: ``reference.command``, the command line without input, such as ``mpirun -np 4 pw.x``; None for
            the environment variable ``FORGEFIELD_<ENGINE>_COMMAND``, and without that for the usual name.
    """

    engine: str
    default: str
    command: str | None = None

    @property
    def variable(self) -> str:
        """Environment variable that holds the command."""
        return f"FORGEFIELD_{self.engine.upper()}_COMMAND"

    @property
    def line(self) -> str:
        """The command line."""
        return self.command or os.environ.get(self.variable) or self.default

    def words(self) -> list[str]:
        """The command line's words.

        Raises:
            ForgefieldError: the first word is no program on this machine.
        """
        try:
            words = shlex.split(self.line)
        except ValueError as error:
            raise self._no_command(f"{self.line!r} is no command line ({error})") from error
        if not words or shutil.which(words[0]) is None:
            raise self._no_command(f"{words[0] if words else self.line!r} was not found")
        return words

    def version(self, arguments: list[str], pattern: str, files: Mapping[str, str] | None = None) -> str:
        """What the program says about its version.

        Args:
            arguments: with which it says so.
            pattern: regular expression whose first group is the version.
            files: what it must find where it runs to get so far, by name.

        Raises:
            ForgefieldError: the program is missing, or says nothing that looks like a version.
        """
        words = self.words()
        with tempfile.TemporaryDirectory(prefix="forgefield-") as folder:
            for name, content in (files or {}).items():
                (Path(folder) / name).write_text(content)
            try:
                finished = subprocess.run(
                    [*words, *arguments],
                    cwd=folder,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    timeout=_VERSION_LIMIT,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise self._no_command(f"{self.line} could not be run ({error})") from error
        said = finished.stdout.decode(errors="replace")
        found = re.search(pattern, said)
        if found is None:
            raise self._no_command(f"{self.line} did not say its version but {last_line(said)!r}")
        return found.group(1)

    def run(self, arguments: list[str], folder: Path, status: int | None = 0) -> str:
        """Run in a folder until the end.

        One thread, unless the command itself says otherwise, such as ``env OMP_NUM_THREADS=4 pw.x``.

        Args:
            arguments: added to the command line.
            folder: where the program reads and writes.
            status: exit status that means success; None if it says nothing.

        Returns:
            All that the program printed, errors included.

        Raises:
            ProgramFailedError: another exit status.
        """
        with (folder / _OUTPUT).open("wb") as output:
            finished = subprocess.run(
                [*self.words(), *arguments],
                cwd=folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        text = (folder / _OUTPUT).read_text(errors="replace")
        if status is not None and finished.returncode != status:
            raise ProgramFailedError(self.default, f"exit status {finished.returncode}", text)
        return text

    def _no_command(self, problem: str) -> ForgefieldError:
        return ForgefieldError(
            f"engine {self.engine}: {problem}",
            f"install the program, or set reference.command (or {self.variable}) to its command line, "
            f"such as mpirun -np 4 {self.default}",
        )


class ProgramFailedError(Exception):
    """A program ended with an error.

    Args:
        program: its name.
        how: how it ended.
        text: what it printed; its complaint is kept.
    """

    def __init__(self, program: str, how: str, text: str) -> None:
        super().__init__(f"{program} ended with {how}: {complaint(text)}")
        self.text = text


def complaint(text: str) -> str:
    """The line that names an error and the two after it; where there is none, the last line."""
    lines = [line.strip(" *%|-!") for line in text.splitlines()]
    # ABINIT says first where in its source it stopped.
    lines = [line for line in lines if line and not re.match(r"(src_file|src_line|mpi_rank|message):", line)]
    for number, line in enumerate(lines):
        if re.search(r"\bERROR\b|\bError\b|VERY BAD NEWS", line):
            return " ".join(lines[number : number + 3])[:200]
    return last_line(text)


def last_line(text: str) -> str:
    """The last line that says anything, without frames of signs."""
    lines = (line.strip() for line in reversed(text.splitlines()))
    return next((line[:200] for line in lines if re.search(r"[A-Za-z]{3}", line)), "")


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}
