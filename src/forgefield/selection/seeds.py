"""Structures at rest, from which new explorations start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def seeds(forces: Sequence[ArrayLike], below: float = 0.10) -> NDArray[np.int64]:
    """Indices of the structures whose atoms all feel a reference force of less than ``below``.

    The rule of Mirhosseini et al., Comput. Mater. Sci. 197, 110567 (2021), for the seeds of minima hopping.

    Args:
        forces: (N_m, 3) reference forces of each structure, eV/Å; one whose forces are not finite is no seed.
        below: eV/Å.
    """
    largest = [np.linalg.norm(np.reshape(each, (-1, 3)), axis=1).max(initial=0.0) for each in forces]
    return np.flatnonzero(np.array(largest) < below)
