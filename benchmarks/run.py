"""Benchmarks, one command: `make bench`.

Speed of the density potential beside a classical many-body potential on the same structures in the same run, and its
accuracy on published data where those are at hand (set FORGEFIELD_DATA to a folder with mlearn/Si_train.xyz and
mlearn/Si_test.xyz of Zuo et al., J. Phys. Chem. A 124, 731 (2020)).
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from forgefield.atoms.formats import read_structures
from forgefield.atoms.records import Labels
from forgefield.potentials.density.fit import DensityProblem
from forgefield.potentials.density.spec import DensitySpec
from forgefield.potentials.training import train
from forgefield.potentials.training_spec import TrainingSpec
from forgefield.reference.engines.classical import tersoff_silicon

REPEATS = 7
TRAINED_STRUCTURES = 40
EPOCHS = 100


def median_seconds(task: Callable[[], object]) -> float:
    """Median of several runs after one that is not counted."""
    task()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        task()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def speed() -> None:
    """Microseconds per atom on one core, neighbour list included."""
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    rng = np.random.default_rng(0)
    small = [bulk("Si", cubic=True) for _ in range(4)]
    for atoms in small:
        atoms.rattle(0.1, rng=rng)
    problem = DensityProblem(DensitySpec(), ("Si",), seed=0)
    labels = [Labels(-40.0, np.zeros((8, 3)), None, "", "", 0.0) for _ in small]
    problem.initialise([problem.prepare(atoms) for atoms in small], labels)
    potential, peer = problem.potential(), tersoff_silicon()
    print(
        f"{'atoms':>6}  {'committee of 4':>15}  {'with spread':>12}  {'Tersoff (matscipy)':>19}  {'ratio':>6}   µs/atom"
    )
    for repeat in (1, 2, 5):
        atoms = bulk("Si", cubic=True) * (repeat, repeat, repeat)
        atoms.rattle(0.1, rng=rng)

        def classical(atoms: Atoms = atoms) -> None:
            fresh = atoms.copy()
            fresh.calc = peer
            peer.reset()
            fresh.get_forces()

        mine = median_seconds(lambda atoms=atoms: potential.evaluate(atoms))  # type: ignore[misc]
        spread = median_seconds(lambda atoms=atoms: potential.evaluate(atoms, uncertainty=True))  # type: ignore[misc]
        theirs = median_seconds(classical)
        per_atom = 1e6 / len(atoms)
        print(
            f"{len(atoms):6d}  {mine * per_atom:15.1f}  {spread * per_atom:12.1f}  {theirs * per_atom:19.1f}  "
            f"{mine / theirs:6.2f}"
        )


def accuracy(folder: Path) -> None:
    """Errors on the mlearn silicon test set after a short training on part of the training set."""
    trained, tested = (read_structures(folder / f"Si_{part}.xyz") for part in ("train", "test"))
    order = np.random.default_rng(0).permutation(len(trained))
    chosen = [trained[i] for i in order[:TRAINED_STRUCTURES]]
    held = [trained[i] for i in order[-5:]]
    problem = DensityProblem(DensitySpec(), ("Si",), seed=0)
    started = time.perf_counter()
    torch.set_num_threads(2)
    train(
        problem, chosen, labels_of(chosen), (held, labels_of(held)), TrainingSpec(epochs=EPOCHS), seed=0
    )  # fmt: skip
    seconds = time.perf_counter() - started
    potential = problem.potential()
    energies, forces = [], []
    for atoms in tested:
        evaluation = potential.evaluate(atoms)
        energies.append(abs(evaluation.energy - atoms.get_potential_energy()) / len(atoms))
        forces.append(np.abs(evaluation.forces - atoms.get_forces()).ravel())
    print(
        f"mlearn Si, {len(chosen)} of {len(trained)} training structures, {EPOCHS} epochs in {seconds:.0f} s: test MAE "
        f"{1e3 * np.mean(energies):.2f} meV/atom, {np.concatenate(forces).mean():.4f} eV/Å"
    )


def labels_of(structures: list[Atoms]) -> list[Labels]:
    """Labels that a file brought along."""
    found = []
    for atoms in structures:
        results = atoms.calc.results
        found.append(Labels(results["energy"], results["forces"], results.get("stress"), "file", "file", 0.0))
    return found


if __name__ == "__main__":
    speed()
    data = Path(os.environ.get("FORGEFIELD_DATA", "")) / "mlearn"
    if (data / "Si_train.xyz").exists():
        accuracy(data)
    else:
        print(
            "accuracy is not measured: set FORGEFIELD_DATA to a folder with mlearn/Si_train.xyz and Si_test.xyz"
        )
