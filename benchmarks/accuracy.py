"""Accuracy on published data: python benchmarks/accuracy.py [SET ...] [--minutes M] [--seed S]

Trains on the training part (a tenth of it chooses the best epoch), looks at the test part once, and prints errors,
training time, peak memory and the speed of the model. One recipe for all sets; the published errors on the mlearn sets
(Zuo et al., J. Phys. Chem. A 124, 731 (2020)) are printed beside. TiO2 and InP have no test part: a fifth of their
structures, drawn by seed, is held back. FORGEFIELD_DATA names the folder of reference data.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numba
import numpy as np
import torch
from ase import Atoms
from timing import DATA, microseconds

from forgefield.atoms.formats import read_structures
from forgefield.potentials.contract import Potential
from forgefield.potentials.fitting import fit
from forgefield.potentials.training import Progress

SPLIT = {"TiO2": "aenet_TiO2/TiO2_1000of7815.xyz", "InP": "InP/InP_JPCA2020.xyz.gz"}
PUBLISHED = {
    "Si": {"GAP": (2.91, 0.07), "MTP": (2.31, 0.056), "NNP": (5.63, 0.109), "SNAP": (6.44, 0.133)},
    "Cu": {"GAP": (0.46, 0.01), "MTP": (0.41, 0.007), "NNP": (1.15, 0.026), "SNAP": (0.53, 0.037)},
    "Mo": {"GAP": (2.24, 0.09), "MTP": (2.94, 0.090), "NNP": (3.65, 0.125), "SNAP": (5.48, 0.207)},
}
# Stress labels of mlearn carry the pressure of a fixed plane-wave basis, 1.9 GPa for copper, which the energies
# contradict; so the recipe leaves stress out.
RECIPE = {
    "potential": {"members": 4},
    "training": {"epochs": 150, "energy_weight": 0.5, "stress_weight": 0.0, "bootstrap": 0.0},
}


def parts(name: str, seed: int) -> tuple[list[Atoms], list[Atoms]]:
    """Training and test structures."""
    if name in SPLIT:
        everything = read_structures(DATA / SPLIT[name])
        order = np.random.default_rng(seed).permutation(len(everything))
        cut = len(everything) // 5
        return [everything[i] for i in order[cut:]], [everything[i] for i in order[:cut]]
    trained, tested = (read_structures(DATA / "mlearn" / f"{name}_{part}.xyz") for part in ("train", "test"))
    return trained, tested


def errors(potential: Potential, structures: list[Atoms]) -> dict[str, float]:
    """MAE and RMSE of energies, meV/atom, and of force components, eV/Å."""
    energies, forces = [], []
    for atoms in structures:
        evaluation = potential.evaluate(atoms)
        reference = atoms.calc.results
        energies.append(1e3 * (evaluation.energy - reference["energy"]) / len(atoms))
        forces.append((evaluation.forces - reference["forces"]).ravel())
    energy, force = np.array(energies), np.concatenate(forces)
    return {
        "energy_mae": float(np.abs(energy).mean()),
        "energy_rmse": float(np.sqrt((energy**2).mean())),
        "force_mae": float(np.abs(force).mean()),
        "force_rmse": float(np.sqrt((force**2).mean())),
    }


def evaluation_time(potential: Potential, atoms: Atoms) -> float:
    """µs per atom on one core, neighbour list included, in a cell of about 1000 atoms."""
    numba.set_num_threads(1)
    large = atoms.repeat(max(1, round((1000 / len(atoms)) ** (1 / 3))))
    return microseconds(lambda: potential.evaluate(large), len(large))


def measure(name: str, minutes: float | None, seed: int, threads: int) -> dict[str, float | str | int]:
    """Train and test on one set."""
    numba.set_num_threads(threads)
    torch.set_num_threads(1)
    trained, tested = parts(name, seed)
    training = dict(RECIPE["training"]) | ({"max_seconds": 60 * minutes} if minutes else {})
    started = time.perf_counter()

    def show(progress: Progress) -> None:
        passed = time.perf_counter() - started
        print(
            f"  {passed:6.0f} s  epoch {progress.epoch:4d}  validation {progress.validation:.4f} eV/Å",
            flush=True,
        )

    fitted = fit(trained, settings={**RECIPE, "training": training}, seed=seed, report=show)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "set": name,
        "structures": len(trained),
        "cutoff": fitted.potential.cutoff,
        **errors(fitted.potential, tested),
        "seconds": seconds,
        "peak_MB": peak,
        "us_per_atom": evaluation_time(fitted.potential, tested[0]),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=["Si", "Cu", "Mo", "TiO2", "InP"])
    parser.add_argument("--minutes", type=float, help="training ends well by then")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="file to which each result is appended as a line of JSON")
    chosen = parser.parse_args()
    for name in chosen.sets:
        result = measure(name, chosen.minutes, chosen.seed, chosen.threads)
        print(
            f"{name}: energy MAE {result['energy_mae']:.2f} RMSE {result['energy_rmse']:.2f} meV/atom; "
            f"force MAE {result['force_mae']:.4f} RMSE {result['force_rmse']:.4f} eV/Å; "
            f"trained {result['seconds'] / 60:.1f} min, {result['peak_MB']:.0f} MB; "
            f"{result['us_per_atom']:.1f} µs/atom on one core"
        )
        for other, (energy, force) in PUBLISHED.get(name, {}).items():
            print(f"    {other:4s} {energy:.2f} meV/atom  {force:.3f} eV/Å")
        if chosen.output:
            with chosen.output.open("a") as lines:
                lines.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
