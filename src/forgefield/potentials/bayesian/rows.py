"""Labels of structures as rows of a regression: forces in eV/Å, energies and virials in eV per atom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from forgefield.atoms.records import Array, Labels
from forgefield.potentials.bayesian.atom_energies import AtomEnergies
from forgefield.potentials.bayesian.model import DesignRows
from forgefield.potentials.bayesian_regression import RegressionSums

_BUFFERED = 1000
"""Rows that are gathered before they are summed: products of large matrices take less time each."""
_NO_VOLUME = 1e-8


@dataclass(frozen=True)
class Rows:
    """One structure's rows of each kind: (n, C + 2 S), their values (n,), and their weight.

    The first kind is that of forces: there are always some, and the noise of other kinds is limited by theirs.
    """

    FORCE: ClassVar[int] = 0
    ENERGY: ClassVar[int] = 1
    VIRIAL: ClassVar[int] = 2

    columns: tuple[Array, ...]
    values: tuple[Array, ...]
    weight: float

    def added_to(self, sums: RegressionSums) -> RegressionSums:
        """Sums with these rows."""
        for kind in range(3):
            sums = sums.plus(kind, self.columns[kind], self.values[kind], self.weight)
        return sums


def rows_of(
    columns: DesignRows,
    bound: DesignRows,
    counts: NDArray[np.int64],
    labels: Labels,
    volume: float,
    energies: AtomEnergies,
    weight: float,
) -> Rows:
    """A structure's rows: C columns, S of its bound atoms, S of its free atoms, whose energies are fixed.

    Args:
        columns, bound: of its predictions.
        counts: (S,) atoms of each element.
        labels: what is fitted.
        volume: of the cell, Å³; without one there is no virial.
        energies: from which the labels are counted.
        weight: factor of the precision of the labels.
    """
    n_atoms = counts.sum()
    fixed = np.concatenate([energies.bound, energies.free])
    ends = [
        np.concatenate([bound.forces, -bound.forces], axis=1),
        np.concatenate([bound.energy, counts - bound.energy])[None] / n_atoms,
        np.concatenate([bound.virial, -bound.virial], axis=1) / n_atoms,
    ]
    whole = [columns.forces, columns.energy[None] / n_atoms, columns.virial / n_atoms]
    values = [labels.forces.ravel(), np.array([labels.energy / n_atoms]), np.zeros(0)]
    if labels.stress is not None and volume > _NO_VOLUME:
        values[Rows.VIRIAL] = labels.stress * volume / n_atoms
    else:
        ends[Rows.VIRIAL], whole[Rows.VIRIAL] = ends[Rows.VIRIAL][:0], whole[Rows.VIRIAL][:0]
    return Rows(
        tuple(np.concatenate(each, axis=1) for each in zip(whole, ends, strict=True)),
        tuple(value - end @ fixed for value, end in zip(values, ends, strict=True)),
        weight,
    )


class RowSums:
    """Sums over the rows of many structures, gathered in between.

    Args:
        n_columns: of every row.
    """

    def __init__(self, n_columns: int) -> None:
        self._sums = RegressionSums.empty(3, n_columns)
        self._waiting: list[Rows] = []

    def add(self, rows: Rows) -> None:
        """Count a structure in."""
        self._waiting.append(rows)
        if sum(len(each.values[Rows.FORCE]) for each in self._waiting) >= _BUFFERED:
            self._sum_up()

    def total(self) -> RegressionSums:
        """Sums over all structures so far."""
        self._sum_up()
        return self._sums

    def _sum_up(self) -> None:
        for kind in range(3 if self._waiting else 0):
            weights = [np.full(len(each.values[kind]), each.weight) for each in self._waiting]
            columns = np.concatenate([each.columns[kind] for each in self._waiting])
            values = np.concatenate([each.values[kind] for each in self._waiting])
            self._sums = self._sums.plus(kind, columns, values, np.concatenate(weights))
        self._waiting = []
