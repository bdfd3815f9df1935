"""What a child process may leave behind when it is killed: programs that it started, and their files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# Waits for the end of the pipe that this process holds, which the system closes however it dies.
_AFTERWARDS = """
read -r _
kill -s TERM -- "-$1"
for _ in 1 2 3 4 5; do kill -s 0 -- "-$1" || break; sleep 1; done
kill -s KILL -- "-$1"
for _ in 1 2 3 4 5; do rm -rf -- "$2" && exit; sleep 1; done
"""
_GRACE = 5.0
"""Seconds in which a launcher such as mpirun can end the programs that it put into groups of their own."""
_PAUSE = 0.05


def make_scratch() -> Path:
    """A folder for all temporary files of one child: its ``TMPDIR``."""
    return Path(tempfile.mkdtemp(prefix="forgefield-"))


@dataclass(frozen=True, slots=True)
class Guard:
    """A child in a process group of its own, and the shell that clears up after it should this process be killed.

    Attributes:
        child: leader of its group.
        scratch: its folder, from ``make_scratch``.
        shell: waits for the death of this process.
    """

    child: subprocess.Popen[bytes]
    scratch: Path
    shell: subprocess.Popen[bytes]

    def end(self) -> None:
        """Kill the child and what it started, and remove its folder."""
        # Once: a second SIGTERM makes mpirun leave without its programs.
        self._send(signal.SIGTERM)
        until = time.monotonic() + _GRACE
        while self._send(0) and time.monotonic() < until:
            time.sleep(_PAUSE)
            self.child.poll()
        self._send(signal.SIGKILL)
        self.child.wait()
        self.shell.kill()
        self.shell.communicate()
        until = time.monotonic() + _GRACE
        while self.scratch.exists() and time.monotonic() < until:
            # A program that is being killed may still write.
            shutil.rmtree(self.scratch, ignore_errors=True)
            time.sleep(_PAUSE)

    def _send(self, number: int) -> bool:
        """Send a signal, 0 for none, to the child's group; whether anybody is there."""
        try:
            os.killpg(self.child.pid, number)
        except ProcessLookupError:
            return False
        return True

    def let_go(self) -> None:
        """Forget the child in a forked copy of the process that owns it."""
        self.child.returncode = self.shell.returncode = 0
        if self.shell.stdin is not None:
            self.shell.stdin.close()


def guard(child: subprocess.Popen[bytes], scratch: Path) -> Guard:
    """Watch over a child that was started with ``start_new_session``."""
    shell = subprocess.Popen(
        ["/bin/sh", "-c", _AFTERWARDS, "forgefield-guard", str(child.pid), str(scratch)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return Guard(child, scratch, shell)
