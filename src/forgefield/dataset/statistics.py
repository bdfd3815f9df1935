"""What is in a data set, in a few numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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


def dataset_statistics(records: Sequence[Record]) -> DatasetStatistics:
    """Count the records and find the ranges of their labels."""
    symbols: Counter[tuple[int, str]] = Counter()
    for record in records:
        symbols.update(zip(record.atoms.numbers.tolist(), record.atoms.get_chemical_symbols(), strict=True))
    return DatasetStatistics(
        structures=len(records),
        atoms=sum(len(record.atoms) for record in records),
        trajectories=len({record.trajectory for record in records}),
        species={symbol: count for (_, symbol), count in sorted(symbols.items())},
        by_source=dict(sorted(Counter(record.source for record in records).items())),
        by_cycle=dict(sorted(Counter(record.cycle for record in records).items())),
        energy=_range([record.labels.energy / len(record.atoms) for record in records]),
        force=_range([f for record in records for f in np.linalg.norm(record.labels.forces, axis=1)]),
        volume=_range(
            [record.atoms.get_volume() / len(record.atoms) for record in records if record.atoms.pbc.all()]
        ),
        with_stress=sum(record.labels.stress is not None for record in records),
        seconds=float(sum(record.labels.seconds for record in records)),
    )


def _range(values: Sequence[float]) -> Range | None:
    if not values:
        return None
    return Range(float(min(values)), float(np.mean(values)), float(max(values)))
