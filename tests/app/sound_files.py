"""Every kind of file that comes from outside, whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Labels
from forgefield.dataset.records import Record
from forgefield.dataset.store import Dataset
from forgefield.potentials.fitting import fit


def crystals() -> list[Atoms]:
    found = []
    for number in range(6):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=number)
        atoms.calc = EMT()
        atoms.get_stress()
        found.append(atoms)
    return found


def write_sound_files(folder: Path) -> None:
    """Data, a potential of each family, and a data set of a run."""
    frames = crystals()
    ase.io.write(folder / "data.xyz", frames)
    small: dict[str, dict[str, Any]] = {
        "nep": {"cutoff": 4.0, "angular_cutoff": 4.0, "neurons": 4},
        "density": {"cutoff": 4.0, "n_radial": 4, "l_max": 2, "l_max_4body": 0, "channels": 2, "hidden": [4]},
        "hdnnp": {"cutoff": 4.0, "hidden": [4]},
        "bayesian": {"cutoff": 4.0},
    }
    for family, spec in small.items():
        training = {"epochs": 1} if family != "bayesian" else {}
        settings = {"potential": spec, "training": training, "repulsion": None}
        fit(frames, family, settings=settings).potential.save(folder / family)
    data = Dataset(folder / "dataset.db")
    for atoms in frames:
        labels = Labels(atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(), "r", "emt", 0.0)
        bare = atoms.copy()
        data.add_all([Record(structure_key(bare), bare, labels, "nvt", "a", "", "label", 0, "")])
