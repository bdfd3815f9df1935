"""Reference calculations in a process that may hang, crash or be killed without harm.

Each calling thread keeps one child process, so that imports are paid once. The child is not made by
``multiprocessing``: that would run the caller's main module again, and is denied to daemonic workers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from ase import Atoms

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Failure, Labels
from forgefield.reference.child import OUT_OF_MEMORY
from forgefield.reference.guard import Guard, guard, make_scratch
from forgefield.reference.recipe import Recipe

_START_LIMIT = 300.0
"""Seconds to start Python and to import the engine, on a busy machine with a slow disk."""
_ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    ),
    "1",
)
# Handing over sys.path lets the child import whatever the caller can, and leaves the environment of
# programs that the calculator starts alone.
_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from forgefield.reference.child import serve; serve(int(sys.argv[2]), int(sys.argv[3]))"
)
_KILLS = 2
"""Times that a calculation is begun anew after SIGKILL."""
_threads = threading.local()


def calculate_within_limit(atoms: Atoms, recipe: Recipe) -> Labels | Failure:
    """Compute one structure in a child process, within the recipe's time limit.

    A calculation that takes longer is killed (``time-limit``); a child that dies, or runs out of memory,
    costs this one structure (``crash``); the next call starts a new child. A child that somebody else kills may be
    innocent, so its calculation is tried again, twice. Temporary files go with the child,
    however it ends. What the engine prints is discarded, but the end of its error output is kept for the
    reason of a crash.

    Args:
        atoms: N atoms; calculator and constraints are not taken along.
        recipe: from ``resolve_recipe``.

    Raises:
        ForgefieldError: the engine is not installed or cannot be used as the recipe asks.
    """
    bare = _bare(atoms)
    for again in range(_KILLS, -1, -1):
        worker: _Worker | None = getattr(_threads, "worker", None)
        # After a fork the parent's child is not ours to talk to.
        if worker is None or worker.owner != os.getpid() or not worker.usable():
            worker = _threads.worker = _Worker()
        outcome = worker.calculate(bare, recipe)
        if not (again and worker.killed and isinstance(outcome, Failure)):
            break
    return outcome


def stop_worker() -> None:
    """End this thread's child process; it also ends with the thread and with the process."""
    worker: _Worker | None = getattr(_threads, "worker", None)
    if worker is not None and worker.owner == os.getpid():
        worker.stop()
    _threads.worker = None


class _Worker:
    """One child process and the connection to it."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._ready = self.killed = False
        self._errors = tempfile.TemporaryFile(mode="a+b")  # noqa: SIM115 (closed by _stop)
        self._connection, theirs = Pipe()
        path = json.dumps([str(Path(entry).absolute()) for entry in sys.path])
        scratch = make_scratch()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOTSTRAP, path, str(theirs.fileno()), str(os.getpid())],
            env={**os.environ, **_ONE_THREAD, "TMPDIR": str(scratch)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            pass_fds=(theirs.fileno(),),
            # A session of its own, so that programs that the calculator starts can be killed with it.
            start_new_session=True,
        )
        theirs.close()
        guarded = guard(self._process, scratch)
        self.stop = weakref.finalize(self, _stop, self.owner, guarded, self._connection, self._errors)

    def usable(self) -> bool:
        """Whether the child can be given work."""
        return bool(self.stop.alive) and self._process.poll() is None

    def calculate(self, atoms: Atoms, recipe: Recipe) -> Labels | Failure:
        """Send one structure and wait for its outcome; whatever goes wrong ends the child."""
        started = time.perf_counter()
        try:
            outcome = self._exchange(atoms, recipe)
        except (EOFError, OSError):
            outcome = Failure(self._obituary(), "crash", recipe.key, time.perf_counter() - started)
            self.stop()
        except BaseException:
            # Ctrl-C, for one: an outcome may still arrive, and must not be taken for the next one's.
            self.stop()
            raise
        if isinstance(outcome, ForgefieldError):
            raise outcome
        return outcome

    def _exchange(self, atoms: Atoms, recipe: Recipe) -> Labels | Failure | ForgefieldError:
        if not self._ready:
            if self._receive(_START_LIMIT) is None:
                return self._give_up("crash", f"Python did not start within {_START_LIMIT:g} s", recipe)
            self._ready = True
        self._connection.send((atoms, recipe))
        begun = self._receive(_START_LIMIT)
        if begun is None:
            return self._give_up("crash", f"the engine was not imported within {_START_LIMIT:g} s", recipe)
        if isinstance(begun, ForgefieldError):
            return begun
        outcome = self._receive(recipe.time_limit)
        if outcome is None:
            reason = f"not done after the time limit of {recipe.time_limit:g} s"
            return self._give_up("time-limit", reason, recipe)
        return outcome

    def _receive(self, limit: float) -> Any:
        """The child's next message; None if it says nothing for so many seconds."""
        return self._connection.recv() if self._connection.poll(limit) else None

    def _give_up(self, kind: str, reason: str, recipe: Recipe) -> Failure:
        self.stop()
        limit = recipe.time_limit if kind == "time-limit" else _START_LIMIT
        return Failure(reason, kind, recipe.key, seconds=limit)

    def _obituary(self) -> str:
        """How the child ended, with the last line that it wrote to its error output."""
        try:
            status = self._process.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            how = "closed its connection"
        else:
            how = _describe_exit(status)
            self.killed = status == -signal.SIGKILL
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 4000))
        lines = self._errors.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"the calculation's process {how}" + (f": {last[:300]}" if last else "")


def _describe_exit(status: int) -> str:
    if status == OUT_OF_MEMORY:
        return "ran out of memory"
    if status >= 0:
        return f"ended with exit status {status}"
    name = signal.Signals(-status).name
    return f"was killed by {name}" + (", perhaps for lack of memory" if name == "SIGKILL" else "")


def _stop(owner: int, guarded: Guard, connection: Connection, errors: IO[bytes]) -> None:
    """End the child and its descendants; in a forked copy of the owner only let go of it."""
    connection.close()
    errors.close()
    if owner == os.getpid():
        guarded.end()
    else:
        guarded.let_go()


def _bare(atoms: Atoms) -> Atoms:
    """The structure alone: what decides the numbers, and surely pickles."""
    return Atoms(
        numbers=atoms.numbers,
        positions=atoms.positions,
        cell=atoms.cell,
        pbc=atoms.pbc,
        magmoms=atoms.get_initial_magnetic_moments() if atoms.has("initial_magmoms") else None,
        charges=atoms.get_initial_charges() if atoms.has("initial_charges") else None,
    )
