"""The crystals that a run has relaxed, each once, the lowest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from forgefield.atoms.records import Candidate
from forgefield.atoms.site_symmetry import space_group
from forgefield.dataset.records import Record
from forgefield.sampling.plan import energies_above_lowest
from forgefield.structures.crystal_types import same_types
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName

RELAXED = StepName(0, "relax")
_RELAXED = 0.05
"""How far atoms of a relaxed crystal may be from where symmetry puts them, Å."""


@dataclass(frozen=True, eq=False, slots=True)
class RelaxedCrystal:
    """A crystal at or near a minimum of the reference.

    Attributes:
        name: short, for people, such as ``Rutile`` or ``TiO2 C2/m``.
        note: where it came from.
        source: what made it.
        record: with its labels.
        above: energy above the lowest of its composition, eV/atom.
    """

    name: str
    note: str
    source: str
    record: Record
    above: float

    @property
    def atoms(self) -> Atoms:
        """The crystal."""
        return self.record.atoms


def relaxed_crystals(context: Context) -> list[RelaxedCrystal]:
    """All of them, the lowest of their composition first; of those that have become the same the lowest is kept."""
    manifest = context.folder.manifest(RELAXED)
    if manifest is None:
        return []
    cases = {case["key"]: case for case in manifest.summary["structures"] if case.get("relaxed")}
    unsorted = context.dataset.records(tuple(cases), context.recipe.key)
    energies = np.array([record.labels.energy for record in unsorted])
    heights = energies_above_lowest([record.atoms for record in unsorted], energies)
    order = np.argsort(heights, kind="stable")
    records = [unsorted[i] for i in order]
    twins = same_types([Candidate(record.atoms, record.source, record.trajectory) for record in records])
    found: dict[str, RelaxedCrystal] = {}
    for record, above, twin in zip(records, heights[order], twins, strict=True):
        if twin is None:
            case = cases[record.key]
            name = _name(case["name"], case["source"], record.atoms)
            while name in found:
                name += "'"
            found[name] = RelaxedCrystal(name, case["name"], case["source"], record, float(above))
    return list(found.values())


def _name(note: str, source: str, atoms: Atoms) -> str:
    mineral = note.partition(" (")[0]
    if source == "prototype" and mineral:
        return mineral
    formula = atoms.symbols.formula.reduce()[0].format("metal")
    return f"{formula} {space_group(atoms, _RELAXED)}"
