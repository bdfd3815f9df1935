"""What is in a data set, in a few numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols

from forgefield.atoms.records import Array
from forgefield.dataset.records import Record


@dataclass(frozen=True, slots=True)
class Range:
    """Smallest, mean and largest of some values."""

    minimum: float
    mean: float
    maximum: float


@dataclass(frozen=True, slots=True)
class DatasetStatistics:
    """Counts and ranges of labelled structures.

    Attributes:
        structures: number of records.
        atoms: number of atoms in all of them.
        trajectories: number of different trajectories.
        species: atoms of each element, in the order of atomic numbers.
        by_source: records of each source, sorted by name.
        by_cycle: records of each cycle, sorted.
        energy: eV/atom; None without records.
        force: length of the force vectors, eV/Å; None without records.
        volume: Å³/atom, of the structures with a cell that is periodic in all directions; None without any.
        with_stress: number of records that have a stress.
        seconds: wall time that the calculations took together.
    """

    structures: int
    atoms: int
    trajectories: int
    species: dict[str, int]
    by_source: dict[str, int]
    by_cycle: dict[int, int]
    energy: Range | None
    force: Range | None
    volume: Range | None
    with_stress: int
    seconds: float


def dataset_statistics(records: Iterable[Record]) -> DatasetStatistics:
    """Count the records and find the ranges of their labels, in one pass: they may come from a generator."""
    species: Counter[int] = Counter()
    sources: Counter[str] = Counter()
    cycles: Counter[int] = Counter()
    trajectories: set[str] = set()
    energy, force, volume = _Extent(), _Extent(), _Extent()
    structures = with_stress = 0
    seconds = 0.0
    for record in records:
        atoms, labels = record.atoms, record.labels
        structures += 1
        species.update(atoms.numbers.tolist())
        sources[record.source] += 1
        cycles[record.cycle] += 1
        trajectories.add(record.trajectory)
        energy.add(labels.energy / len(atoms))
        force.add(np.linalg.norm(labels.forces, axis=1))
        if atoms.pbc.all():
            volume.add(atoms.get_volume() / len(atoms))
        with_stress += labels.stress is not None
        seconds += labels.seconds
    return DatasetStatistics(
        structures=structures,
        atoms=species.total(),
        trajectories=len(trajectories),
        species={chemical_symbols[number]: count for number, count in sorted(species.items())},
        by_source=dict(sorted(sources.items())),
        by_cycle=dict(sorted(cycles.items())),
        energy=energy.range,
        force=force.range,
        volume=volume.range,
        with_stress=with_stress,
        seconds=seconds,
    )


class _Extent:
    """Smallest, mean and largest of values that come bit by bit."""

    def __init__(self) -> None:
        self.count, self.sum, self.minimum, self.maximum = 0, 0.0, math.inf, -math.inf

    def add(self, values: Array | float) -> None:
        self.count += np.size(values)
        self.sum += float(np.sum(values))
        self.minimum = min(self.minimum, float(np.min(values)))
        self.maximum = max(self.maximum, float(np.max(values)))

    @property
    def range(self) -> Range | None:
        return Range(self.minimum, self.sum / self.count, self.maximum) if self.count else None
