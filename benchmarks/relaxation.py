"""Reference calculations of relaxations, `forgefield relax` beside ASE's BFGS: python benchmarks/relaxation.py [--gpaw]

Ten silicon cells of 8 or 16 atoms, rattled, and strained where the cell moves, to 0.05 eV/Å. Stillinger–Weber and
Tersoff stand for DFT; with --gpaw it is DFT itself (fixed cells of 8 atoms; an hour). Both must end in the same
minimum. An interrupted run goes on.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from forgefield.app.template import QUICK
from forgefield.atoms.formats import read_structures, write_extxyz
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate, Failure, Labels
from forgefield.dataset.records import Provenance
from forgefield.dataset.store import Dataset
from forgefield.reference.recipe import Recipe
from forgefield.reference.worker import calculate_within_limit
from forgefield.structures.spec import StructuresSpec
from forgefield.workflow.folder import RunFolder
from forgefield.workflow.loop import run
from forgefield.workflow.spec import RunSpec

CASES = 10
SAME = 1.0
"""meV/atom within which two minima are one."""
CLASSICAL = "ase:forgefield.reference.engines.classical."
REFERENCES: dict[str, dict[str, Any]] = {
    "Stillinger–Weber": {"engine": CLASSICAL + "stillinger_weber_silicon"},
    "Tersoff": {"engine": CLASSICAL + "tersoff_silicon"},
}
GPAW: dict[str, dict[str, Any]] = {"GPAW": {"engine": "gpaw", **QUICK["reference"]}}


@dataclass(frozen=True)
class Ending:
    """How relaxations ended: calculations in all, and energies per atom, eV."""

    calculations: int
    energies: list[float]


class Kept(Calculator):
    """A reference whose answers are kept in a data set, so that an interrupted optimisation can be repeated."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, recipe: Recipe, dataset: Dataset) -> None:
        super().__init__()
        self._recipe, self._dataset = recipe, dataset

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Called by ASE."""
        super().calculate(atoms, properties, system_changes)
        known = self._dataset.get(structure_key(self.atoms), self._recipe.key)
        labels = known.labels if known is not None else self._computed()
        self.results = {"energy": labels.energy, "forces": labels.forces, "stress": labels.stress}

    def _computed(self) -> Labels:
        atoms = self.atoms
        labels = calculate_within_limit(atoms, self._recipe)
        if isinstance(labels, Failure):
            raise RuntimeError(labels.reason)
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        self._dataset.add(Candidate(bare, "bfgs", "bfgs"), labels, Provenance("bfgs", 0))
        return labels


def start(case: int, cell: bool, small: bool) -> Atoms:
    """A rattled cell, of 8 atoms in any case if small, strained by about 3 % if it is to move."""
    rng = np.random.default_rng(case)
    atoms = bulk("Si", cubic=True) if case % 2 or small else bulk("Si").repeat(2)
    atoms.rattle(0.1 if case < CASES // 2 else 0.25, rng=rng)
    if cell:
        strain = rng.normal(scale=0.03, size=(3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
    return atoms


def by_learning(folder: Path, starts: list[Atoms], reference: dict[str, Any], cell: bool) -> Ending:
    """`forgefield relax`, from no data at all; structures that do not converge have no energy."""
    files = folder / "starts.xyz"
    write_extxyz(files, [(atoms, None) for atoms in starts])
    spec = RunSpec.model_validate(
        {"system": {"species": ["Si"]}, "reference": reference, "relaxation": {"cell": cell}}
    )
    spec = spec.model_copy(update={"structures": StructuresSpec.only((files,))})
    calculations = run(spec, folder / "run", workers=1, job="relax").calculations
    relaxed = read_structures(RunFolder(folder / "run").relaxed)
    energies = [
        atoms.get_potential_energy() / len(atoms) if atoms.info["outcome"] == "converged" else np.nan
        for atoms in relaxed
    ]
    return Ending(calculations, energies)


def by_bfgs(folder: Path, starts: list[Atoms], cell: bool) -> Ending:
    """ASE's BFGS on the same reference, settled by the run in this folder."""
    recipe = Recipe.model_validate_json(RunFolder(folder / "run").recipe.read_text())
    calculations, energies = 0, []
    for atoms in starts:
        moving = Atoms(atoms, calculator=Kept(recipe, Dataset(folder / "bfgs.db")))
        with BFGS(FrechetCellFilter(moving) if cell else moving, logfile=None) as optimiser:
            optimiser.run(fmax=0.05, steps=300)
        calculations += optimiser.nsteps + 1
        energies.append(moving.get_potential_energy() / len(atoms))
    return Ending(calculations, energies)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="for all results; a new temporary one by default")
    parser.add_argument("--gpaw", action="store_true", help="with DFT")
    chosen = parser.parse_args()
    top = chosen.folder or Path(tempfile.mkdtemp())
    print(f"{'reference':18s} {'cell':8s} {'learning':>8s} {'BFGS':>6s} {'ratio':>6s}  same minimum")
    for name, reference in (GPAW if chosen.gpaw else REFERENCES).items():
        for cell in (False,) if chosen.gpaw else (False, True):
            kind = "moving" if cell else "fixed"
            starts = [start(case, cell, chosen.gpaw) for case in range(CASES)]
            ours = by_learning(top / name / kind, starts, reference, cell)
            theirs = by_bfgs(top / name / kind, starts, cell)
            same = np.sum(np.abs(np.subtract(ours.energies, theirs.energies)) < 1e-3 * SAME)
            ratio = ours.calculations / theirs.calculations
            print(
                f"{name:18s} {kind:8s} {ours.calculations:8d} {theirs.calculations:6d} {ratio:6.2f}  {same} of {CASES}",
                flush=True,
            )


if __name__ == "__main__":
    main()
