"""The data of a fit that has to look at them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from forgefield.atoms.records import Labels
from forgefield.potentials.training_set import TrainingSet


@dataclass(frozen=True)
class Example:
    """A labelled structure.

    Attributes:
        atoms: the structure.
        labels: energy, forces and, where there is one, stress.
        weight: factor of the precision of its labels.
    """

    atoms: Atoms
    labels: Labels
    weight: float = 1.0


def as_arrays(examples: Sequence[Example]) -> dict[str, Any]:
    """The numbers of one or more examples, under the names of a `TrainingSet`."""
    sizes = [len(each.atoms) for each in examples]
    stresses = [np.full(6, np.nan) if (s := each.labels.stress) is None else s for each in examples]
    return {
        "numbers": np.concatenate([each.atoms.numbers for each in examples]).astype(np.uint8),
        "positions": np.concatenate([each.atoms.positions for each in examples]),
        "forces": np.concatenate([each.labels.forces for each in examples]),
        "offsets": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        "cells": np.array([each.atoms.cell.array for each in examples]),
        "periodic": np.array([each.atoms.pbc for each in examples]),
        "energies": np.array([each.labels.energy for each in examples], dtype=np.float64),
        "stresses": np.array(stresses, dtype=np.float64),
        "weights": np.array([each.weight for each in examples], dtype=np.float64),
    }


def from_arrays(arrays: dict[str, Any]) -> tuple[Example, ...]:
    """Examples from their numbers."""
    n = len(arrays["energies"])
    return examples_of(TrainingSet(**arrays, groups=("",) * n, trajectories=("",) * n))


def examples_of(data: TrainingSet) -> tuple[Example, ...]:
    """The structures of a training set."""
    return tuple(Example(data.atoms(i), data.label(i), float(data.weights[i])) for i in range(len(data)))
