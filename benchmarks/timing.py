"""What all benchmarks share: where the reference data are, and how time is taken."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numba

DATA = Path(os.environ.get("FORGEFIELD_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
"""Folder of reference data: mlearn, nep, n2p2, aenet_TiO2, InP."""
REPEATS = 7


def microseconds(action: Callable[[], object], atoms: int) -> float:
    """Median time per atom, after one run that is not counted.

    Of the processor where one thread runs, since others may use the machine too, else of the clock.
    """
    clock = time.process_time if numba.get_num_threads() == 1 else time.perf_counter
    action()
    times = []
    for _ in range(REPEATS):
        started = clock()
        action()
        times.append(clock() - started)
    return 1e6 * statistics.median(times) / atoms
