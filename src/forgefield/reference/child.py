"""The process that computes: started once, then served one structure after another.

Protocol, over one connection of pickled objects: the child says ``READY`` when its imports are done; for
each ``(atoms, recipe)`` it says ``STARTED`` when the engine is imported, then sends the outcome: ``Labels``,
``Failure``, or the ``ForgefieldError`` to be raised in the parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection

from forgefield.atoms.errors import ForgefieldError
from forgefield.reference.calculate import calculate
from forgefield.reference.engines.registry import find_engine

READY = "ready"
STARTED = "started"
OUT_OF_MEMORY = 77
"""Exit status of a child that ran out of memory."""

_STDERR = 2
_PR_SET_PDEATHSIG = 1
_POLL = 0.5


def serve(descriptor: int, parent: int) -> None:
    """Compute what comes through the connection until it closes or the parent dies.

    Args:
        descriptor: file descriptor of the child's end of the connection.
        parent: process id of the parent.
    """
    # Ctrl-C reaches the whole terminal; the parent decides what becomes of a running calculation.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with(parent)
    connection = Connection(descriptor)
    connection.send(READY)
    while True:
        try:
            atoms, recipe = connection.recv()
        except EOFError:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(_STDERR, 0)
        try:
            find_engine(recipe.engine, recipe.command, recipe.pseudopotentials).prepare()
            connection.send(STARTED)
            outcome = calculate(atoms, recipe)
        except ForgefieldError as error:
            connection.send(error)
            continue
        except MemoryError:
            # The heap may be in any state; a fresh process is safer than this one.
            os._exit(OUT_OF_MEMORY)
        connection.send(outcome)


def _die_with(parent: int) -> None:
    """End this process soon after its parent, even where the parent was killed.

    Linux sends SIGKILL at once, also in the midst of compiled code (when the parent's calling *thread*
    ends, which serves as well: each thread has its own child). Elsewhere a thread watches.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL)
        # The group holds whatever programs the calculator has started.
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()
