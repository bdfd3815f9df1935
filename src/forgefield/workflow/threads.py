"""How many threads the process that leads a run computes with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """A small potential is fastest on one core, and the others are busy with reference calculations.

    Later steps get their threads back: a run resumed after this step must not differ from one that went through it.
    """
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        numba.set_num_threads(before)
