"""Every lattice that is part of another one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int64]


def sublattices(index: int) -> Iterator[Matrix]:
    """All sublattices with a cell of so many cells, as (3, 3) matrices in Hermite normal form.

    The rows are the sublattice's vectors in units of the lattice's. Their number is the sum of m·(divisors' sum of m)
    over the divisors m of the index (Santoro and Mighell, Acta Cryst. A 28, 284 (1972)).
    """
    for a in range(1, index + 1):
        if index % a:
            continue
        for c in range(1, index // a + 1):
            if (index // a) % c:
                continue
            f = index // a // c
            for b in range(c):
                for d in range(f):
                    for e in range(f):
                        yield np.array([[a, b, d], [0, c, e], [0, 0, f]])
