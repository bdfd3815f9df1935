"""Learning on the fly with a cheap truth: python benchmarks/on_the_fly.py [--folder F] [--kernel linear]

Stillinger–Weber silicon stands for DFT. 64 atoms, 100 000 steps in four trajectories: diamond heated, molten, cooled as
a liquid. How many steps needed no reference, and do crystal and liquid have the same energies and radial
distribution functions as the truth, within the spread of independent trajectories? An interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import BaseCalculator
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

from forgefield.potentials.registry import load
from forgefield.reference.engines.classical import stillinger_weber_silicon
from forgefield.workflow.folder import RunFolder, StepName
from forgefield.workflow.loop import run
from forgefield.workflow.spec import RunSpec

TRAJECTORIES = 4
PROGRAMME = [
    {"from": 300, "to": 1500, "steps": 6000},
    {"from": 1500, "steps": 4000, "ensemble": "npt"},
    {"from": 1500, "to": 3500, "steps": 3000},
    {"from": 3500, "to": 2000, "steps": 2000},
    {"from": 2000, "steps": 10000},
]
REPLICAS = 6
BINS = np.linspace(2.0, 5.0, 31)


def learn(folder: Path, kernel: str, target_error: float) -> dict[str, float]:
    """Learn, and say how much of the way needed no reference."""
    spec = RunSpec.model_validate(
        {
            "system": {"species": ["Si"]},
            "structures": {
                "prototypes": ["diamond"],
                "strain": {"volume_count": 5, "small_count": 0, "large_count": 4},
                "rattle": {"amplitudes": [0.1], "count": 2},
                "random": {"count": 0},
            },
            "reference": {"engine": "ase:forgefield.reference.engines.classical.stillinger_weber_silicon"},
            "surrogate": {"kernel": kernel},
            "exploration": {
                "trajectories": TRAJECTORIES,
                "programme": PROGRAMME,
                "max_atoms": 64,
                "on_the_fly": {"target_error": target_error},
            },
            "selection": {"per_cycle": 1000},
            "budget": {"calculations": None},
        }
    )
    started = time.perf_counter()
    run(spec, folder, job="learn")
    manifest = RunFolder(folder).manifest(StepName(0, "explore"))
    assert manifest is not None
    requests = json.loads((RunFolder(folder).step(StepName(0, "explore")) / "requests.json").read_text())
    errors = [each["error"] for each in requests if each["error"] is not None]
    return {
        "steps": manifest.summary["steps"],
        "calculations": manifest.summary["requests"],
        "bypassed": manifest.summary["bypassed"],
        "median worst error, eV/Å": float(np.median(errors)),
        "seconds": time.perf_counter() - started,
    }


def sampled(
    calculator: BaseCalculator, temperature: float, melt: bool, steps: int, first_seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Means of the energy (R,), meV/atom, and of the radial distribution function (R, bins), of R trajectories."""
    seeds = range(first_seed, first_seed + REPLICAS)
    found = [trajectory_means(calculator, temperature, melt, steps, seed) for seed in seeds]
    return np.array([energy for energy, _ in found]), np.array([histogram for _, histogram in found])


def trajectory_means(
    calculator: BaseCalculator, temperature: float, melt: bool, steps: int, seed: int
) -> tuple[float, np.ndarray]:
    """Mean energy, meV/atom, and radial distribution function (bins,) of one trajectory after equilibration."""
    atoms = bulk("Si", cubic=True) * (2, 2, 2)
    atoms.calc = calculator
    rng = np.random.default_rng(seed)
    MaxwellBoltzmannDistribution(atoms, temperature_K=2 * temperature, rng=rng)
    motion = Langevin(atoms, 2.0 * units.fs, temperature_K=temperature, friction=0.01 / units.fs, rng=rng)
    if melt:
        motion.set_temperature(temperature_K=4500)
        motion.run(3000)
        motion.set_temperature(temperature_K=temperature)
    motion.run(steps // 2)
    energies, histograms = [], []

    def note() -> None:
        energies.append(1e3 * atoms.get_potential_energy() / len(atoms))
        histograms.append(pair_density(atoms))

    motion.attach(note, interval=10)
    motion.run(steps)
    return float(np.mean(energies)), np.mean(histograms, axis=0)


def pair_density(atoms: Atoms) -> np.ndarray:
    """(bins,) radial distribution function of one frame."""
    distances = atoms.get_all_distances(mic=True)[np.triu_indices(len(atoms), 1)]
    shells = 4 / 3 * np.pi * np.diff(BINS**3)
    density = len(atoms) / atoms.get_volume()
    found: np.ndarray = 2 * np.histogram(distances, BINS)[0] / (len(atoms) * density * shells)
    return found


def compare(learned: Callable[[], BaseCalculator], steps: int) -> None:
    """Crystal at 900 K and liquid at 2000 K, truth beside what was learned."""
    print(
        f"{'phase':10s} {'energy, truth':>18s} {'learned':>18s} {'Δ/σ':>6s} {'g(r): mean and largest Δ/σ':>28s}"
    )
    for name, temperature, melt in (("crystal", 900.0, False), ("liquid", 2000.0, True)):
        truth = sampled(stillinger_weber_silicon(), temperature, melt, steps, first_seed=1)
        ours = sampled(learned(), temperature, melt, steps, first_seed=101)
        mean, error = zip(*((each[0].mean(), _error(each[0])) for each in (truth, ours)), strict=True)
        sigma = np.hypot(_error(truth[1]), _error(ours[1]))
        rdf = np.abs(truth[1].mean(0) - ours[1].mean(0)) / np.maximum(sigma, 1e-3)
        print(
            f"{name:10s} {mean[0]:10.1f} ± {error[0]:4.1f} {mean[1]:11.1f} ± {error[1]:4.1f} "
            f"{abs(mean[0] - mean[1]) / np.hypot(*error):6.1f} {rdf.mean():18.1f} {rdf.max():8.1f}",
            flush=True,
        )


def _error(means: np.ndarray) -> np.ndarray:
    error: np.ndarray = means.std(axis=0, ddof=1) / np.sqrt(len(means))
    return error


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="run folder; a new temporary one by default")
    parser.add_argument("--kernel", default="linear", choices=["linear", "polynomial"])
    parser.add_argument("--target-error", type=float, default=0.3, help="eV/Å")
    parser.add_argument("--steps", type=int, default=4000, help="of each trajectory that is compared")
    chosen = parser.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp()) / "run"
    found = learn(folder, chosen.kernel, chosen.target_error)
    print(", ".join(f"{name} {value:.6g}" for name, value in found.items()), flush=True)
    compare(lambda: load(folder / "potential").calculator(), chosen.steps)


if __name__ == "__main__":
    main()
