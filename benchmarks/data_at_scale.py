"""A large data set from the first label to a trained potential: rates and memory.

python benchmarks/data_at_scale.py FOLDER [--structures 100000]

Cells of 32 silicon atoms, rattled and strained, labelled by Stillinger and Weber's potential. Every stage is a process
of its own, whose largest resident memory is told. Labels that are in the folder are not made again.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Labels
from forgefield.dataset.records import Record
from forgefield.dataset.split import split_by_trajectory
from forgefield.dataset.statistics import dataset_statistics
from forgefield.dataset.store import Dataset
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

RECIPE, ENGINE = "stillinger-weber", "stillinger-weber 1985"
TOGETHER, LONG = 500, 20
"""Labels stored in one go; structures of one trajectory."""


def structures(first: int, last: int) -> Iterator[Atoms]:
    """Rattled by 0.02 to 0.25 Å and strained by some 2 %."""
    crystal = bulk("Si", cubic=True) * (2, 2, 1)
    for number in range(first, last):
        rng = np.random.default_rng(number)
        atoms = crystal.copy()
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.02 * rng.normal(size=(3, 3))), scale_atoms=True)
        atoms.positions += rng.uniform(0.02, 0.25) * rng.normal(size=(len(atoms), 3))
        yield atoms


def labelled(first: int, last: int) -> Iterator[Record]:
    """Records of so many structures."""
    potential = StillingerWeberSilicon()
    for number, atoms in zip(range(first, last), structures(first, last), strict=True):
        found = potential.evaluate(atoms)
        labels = Labels(found.energy, found.forces, found.stress, RECIPE, ENGINE, 0.0)
        run = f"run-{number // LONG}"
        yield Record(structure_key(atoms), atoms, labels, "synthetic", run, "", "label", 0, "")


def append(folder: Path, count: int) -> None:
    """Store the labels; those that come one by one are the first of each five hundred."""
    data = Dataset(folder / "dataset.db")
    began, singly, alone = len(data), 0.0, 0
    stored = 0.0
    for first in range(began, count, TOGETHER):
        records = list(labelled(first, min(first + TOGETHER, count)))
        started = time.perf_counter()
        for record in records[:10]:
            data.add_all([record])
        between = time.perf_counter()
        data.add_all(records[10:])
        singly, alone = singly + between - started, alone + min(10, len(records))
        stored += time.perf_counter() - between
    new = count - began
    if new > 0:
        print(f"append: {(new - alone) / stored:.0f} a second in hundreds, {alone / singly:.0f} one by one")
    database, journal = (path.stat().st_size / 1e6 for path in (data.path, data.journal))
    print(f"  {database:.0f} MB, journal {journal:.0f} MB")


def statistics(folder: Path, count: int) -> None:
    """One pass over all records."""
    started = time.perf_counter()
    found = dataset_statistics(Dataset(folder / "dataset.db").iterate(RECIPE))
    assert found.structures == count
    assert found.force is not None
    print(f"statistics: {time.perf_counter() - started:.1f} s; mean force {found.force.mean:.2f} eV/Å")


def split(folder: Path, count: int) -> None:
    """Sides by trajectory, of what the labels are filed under."""
    started = time.perf_counter()
    sides = split_by_trajectory(Dataset(folder / "dataset.db").entries(RECIPE), 0.1, seed=1)
    assert len(sides.train) + len(sides.validation) == count
    print(f"split: {time.perf_counter() - started:.1f} s; {len(sides.train)} and {len(sides.validation)}")


def train(folder: Path, count: int) -> None:
    """One epoch of nep, by the command."""
    from forgefield.app.cli import app

    started = time.perf_counter()
    output = folder / f"nep-{count}"
    arguments = [
        "train",
        str(folder / "dataset.db"),
        "--family",
        "nep",
        "--epochs",
        "1",
        "--restart",
        "-o",
        str(output),
    ]
    app(arguments, standalone_mode=False)
    print(f"train: {time.perf_counter() - started:.0f} s")


STAGES = {each.__name__: each for each in (append, statistics, split, train)}


def main() -> None:
    """Every stage in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--structures", type=int, default=100_000)
    parser.add_argument("--stage", choices=STAGES)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.stage:
        STAGES[arguments.stage](arguments.folder, arguments.structures)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"  largest resident memory {memory:.2f} GB", flush=True)
        return
    for stage in STAGES:
        again = [str(arguments.folder), "--structures", str(arguments.structures), "--stage", stage]
        subprocess.run([sys.executable, __file__, *again], check=True)


if __name__ == "__main__":
    main()
