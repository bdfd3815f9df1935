"""A validation side for data that came without one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forgefield.potentials.training_set import TrainingSet

_LONGEST_BLOCK = 10


def hold_out(data: TrainingSet, fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices to train on and to validate on.

    Structures that name a trajectory stay with it on one side. The others are cut, group by group, into blocks of
    up to ten that follow each other in the file, since neighbours there are often frames of one simulation; of
    every group the same share of blocks is held out, so each kind of structure stays on both sides. Groups of two
    structures or fewer, and isolated atoms, are trained on.

    Args:
        data: labelled structures, in the order of their files.
        fraction: expected share of the validation side; 0 for none.
        seed: another seed gives another split.
    """
    rng = np.random.default_rng((seed, 1))
    units: dict[str, list[list[int]]] = {}
    named: dict[tuple[str, str], list[int]] = {}
    loose: dict[str, list[int]] = {}
    for index, (group, trajectory) in enumerate(zip(data.groups, data.trajectories, strict=True)):
        if data.sizes[index] == 1:
            continue
        if trajectory:
            named.setdefault((group, trajectory), []).append(index)
        else:
            loose.setdefault(group, []).append(index)
    for (group, _), members in named.items():
        units.setdefault(group, []).append(members)
    for group, members in loose.items():
        length = int(np.clip(len(members) // 20, 1, _LONGEST_BLOCK))
        blocks = [members[start : start + length] for start in range(0, len(members), length)]
        units.setdefault(group, []).extend(blocks)
    held: list[int] = []
    owed = 0.0
    for group in sorted(units):
        blocks = units[group]
        # What rounding leaves over goes to the next group.
        owed += fraction * len(blocks) if len(blocks) > 2 else 0.0
        count = min(int(owed + 0.5), len(blocks) - 1) if len(blocks) > 2 else 0
        owed -= count
        held += [index for block in rng.permutation(len(blocks))[:count] for index in blocks[block]]
    validated = np.array(sorted(held), dtype=np.int64)
    return np.setdiff1d(np.arange(len(data)), validated), validated
