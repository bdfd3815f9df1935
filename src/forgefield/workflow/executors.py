"""Where pure tasks run: anything with the interface of `concurrent.futures.Executor` will do."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor

from forgefield.atoms.errors import ForgefieldError


class LostTaskError(ForgefieldError):
    """A task whose worker or node was lost, as often as it was tried."""


_POLL_SECONDS = 0.5
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def open_executor(workers: int) -> Executor:
    """Processes on this machine with one thread each.

    Args:
        workers: how many.

    Raises:
        ForgefieldError: no workers.
    """
    if workers < 1:
        raise ForgefieldError(f"{workers} workers can do no work", "ask for at least 1")
    # A fresh interpreter in each worker: forked copies of a process with running threads may deadlock.
    return ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_start_worker, initargs=(os.getpid(),)
    )


def abandon(executor: Executor) -> None:
    """Give up what is being computed, at once: a calculation may take hours, and will be made again."""
    if isinstance(executor, ProcessPoolExecutor):
        for process in list((executor._processes or {}).values()):
            process.terminate()
    executor.shutdown(cancel_futures=True)


def _start_worker(parent: int) -> None:
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    obey(parent)


def obey(parent: int) -> None:
    """Make this process deaf to Ctrl-C, on which its parent decides, and end it when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()
