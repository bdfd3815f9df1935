"""What the data set keeps of one label."""

from __future__ import annotations

from dataclasses import dataclass

from ase import Atoms

from forgefield.atoms.records import Labels


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where in a run a label was asked for.

    Attributes:
        step: name of the step, such as ``label``.
        cycle: number of the cycle, 0 for the initial structures.
    """

    step: str
    cycle: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What a label is filed under: all that a split asks for, without structure and numbers.

    Attributes:
        key: key of the structure.
        recipe: key of the recipe.
        source, trajectory, cycle: as in `Record`.
        n_atoms: number of atoms.
    """

    key: str
    recipe: str
    source: str
    trajectory: str
    cycle: int
    n_atoms: int


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One labelled structure with its history.

    Attributes:
        key: key of the structure (:func:`forgefield.atoms.identity.structure_key`).
        atoms: the structure, without a calculator: species, positions, cell, periodicity, magnetic moments.
        labels: what the reference says about it.
        source: what made the structure.
        trajectory: name shared by all structures that stay on one side of the split.
        parent: key of the structure from which this one was made, or "".
        step: step that asked for the label.
        cycle: cycle that asked for the label.
        note: one short line for people.
    """

    key: str
    atoms: Atoms
    labels: Labels
    source: str
    trajectory: str
    parent: str
    step: str
    cycle: int
    note: str

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.atoms)
