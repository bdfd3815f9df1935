"""The frozen records that cross the borders between rooms.

Units are ASE's: eV, Å, eV/Å, eV/Å³. Stress has ASE's sign (negative under
compression) and Voigt order xx yy zz yz xz xy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Labels:
    """What a reference calculation says about one structure.

    Attributes:
        energy: total energy, eV.
        forces: (N, 3), eV/Å.
        stress: (6,), eV/Å³, or None where the engine or the cell has none.
        recipe: key of the recipe that produced the labels.
        engine: name and version, such as ``gpaw 26.7.0``.
        seconds: wall time that all attempts took together.
        attempts: how many attempts were made, 1 when the first converged.
    """

    energy: float
    forces: Array
    stress: Array | None
    recipe: str
    engine: str
    seconds: float
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a reference calculation gave no labels.

    Attributes:
        reason: one line for people: what failed, in which attempt, with which values.
        kind: ``overlap``, ``unsuitable``, ``not-converged``, ``not-finite``, ``out-of-bounds``,
            ``contradiction``, ``time-limit``, ``crash`` or ``error``.
        recipe: key of the recipe.
        seconds: wall time spent.
        attempts: how many attempts were made.
    """

    reason: str
    kind: str
    recipe: str
    seconds: float
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """One standard deviation of a prediction.

    Attributes:
        energy: eV.
        forces: (N,), eV/Å: per atom, the root of the summed variances of its three force components.
        components: (N, 3), eV/Å, of each force component, where the potential knows it.
        stress: (6,), eV/Å³, where the potential knows it.
    """

    energy: float
    forces: Array
    components: Array | None = None
    stress: Array | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a potential says about one structure.

    Attributes:
        energy: eV.
        energies: (N,) atomic energies that sum to ``energy``, eV.
        forces: (N, 3), eV/Å.
        stress: (6,), eV/Å³; zeros where the cell has no volume.
        uncertainty: given when it was asked for and the potential has one.
    """

    energy: float
    energies: Array
    forces: Array
    stress: Array
    uncertainty: Uncertainty | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A structure on its way to a reference calculation, and where it came from.

    Attributes:
        atoms: the structure, without a calculator.
        source: what made it: ``prototype``, ``strain``, ``rattle``, ``random``, ``isolated-atom``, ``nvt``, …
        trajectory: name shared by all structures that descend from one origin and must stay on one
            side of the train/validation split, such as ``prototype/diamond/rattle-003`` or ``cycle-02/nvt-900K-01``.
        parent: key of the structure from which this one was made, or "".
        note: one short line for people (amplitude, temperature, step …).
    """

    atoms: Atoms
    source: str
    trajectory: str
    parent: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """All pairs within a cutoff, sorted by centre.

    Attributes:
        centres: (P,) int64 index i of each pair.
        neighbours: (P,) int64 index j of each pair.
        vectors: (P, 3) r_j + shift − r_i, Å.
        offsets: (N + 1,) int64; the pairs of atom i are ``offsets[i]:offsets[i + 1]``.
        cutoff: Å.
    """

    centres: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    vectors: Array
    offsets: NDArray[np.int64]
    cutoff: float
