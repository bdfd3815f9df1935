"""Where pure tasks run: anything with the interface of `concurrent.futures.Executor` will do."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor

from forgefield.atoms.errors import ForgefieldError

EXECUTORS = ("local",)
_POLL_SECONDS = 0.5
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def open_executor(kind: str, workers: int) -> Executor:
    """Executor of a kind that the command line knows.

    Args:
        kind: ``local``, processes on this machine with one thread each.
        workers: number of processes.

    Raises:
        ForgefieldError: unknown kind or no workers.
    """
    if kind not in EXECUTORS:
        raise ForgefieldError(f"unknown executor {kind!r}", f"choose from {', '.join(EXECUTORS)}")
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
    """One thread of arithmetic, deaf to Ctrl-C (the parent decides), and gone when the parent is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()
