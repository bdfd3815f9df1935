"""Molecular dynamics with a trained potential: energy conservation, and what ASE adds to an evaluation.

python benchmarks/molecular_dynamics.py [--picoseconds 50]

216 silicon atoms at 600 K, constant energy: drift of the total energy. 1000 atoms: time of an ASE step over that of
the bare evaluation. The potentials are the published NEP4 model and a density model fitted to Tersoff silicon on the
spot.
"""

from __future__ import annotations

import argparse
import time

import numba
import numpy as np
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary
from ase.md.verlet import VelocityVerlet
from timing import DATA, REPEATS

from forgefield.potentials.contract import Potential
from forgefield.potentials.fitting import fit
from forgefield.potentials.nep.potential import NepPotential
from forgefield.reference.engines.classical import tersoff_silicon


def density_model() -> Potential:
    """A committee of two, fitted to distorted silicon under the Tersoff potential."""
    rng = np.random.default_rng(1)
    structures = []
    for k in range(40):
        atoms = bulk("Si", cubic=True)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.uniform(-0.04, 0.04, (3, 3))), scale_atoms=True)
        atoms.rattle(0.05 + 0.15 * (k % 4) / 3, rng=rng)
        atoms.calc = tersoff_silicon()
        atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
        structures.append(atoms)
    return fit(structures, settings={"potential": {"members": 2}, "training": {"epochs": 60}}).potential


def moving(repeats: int, temperature: float) -> Atoms:
    """Silicon with velocities, at rest as a whole."""
    atoms = bulk("Si", cubic=True) * (repeats, repeats, repeats)
    MaxwellBoltzmannDistribution(atoms, temperature_K=2 * temperature, rng=np.random.default_rng(0))
    Stationary(atoms)
    return atoms


def drift(potential: Potential, picoseconds: float) -> tuple[float, float, float]:
    """Slope of the total energy times the run's length, its scatter about that, meV/atom, and the mean temperature."""
    atoms = moving(3, 600.0)
    atoms.calc = potential.calculator()
    motion = VelocityVerlet(atoms, timestep=1.0 * units.fs)
    energies, temperatures = [], []

    def note() -> None:
        energies.append(1e3 * atoms.get_total_energy() / len(atoms))
        temperatures.append(atoms.get_temperature())

    motion.attach(note, interval=50)
    motion.run(round(1000 * picoseconds))
    times = np.linspace(0, 1, len(energies))
    slope, start = np.polyfit(times, energies, 1)
    scatter = float(np.std(np.array(energies) - slope * times - start))
    return float(slope), scatter, float(np.mean(temperatures))


def step_over_evaluation(potential: Potential) -> tuple[float, float]:
    """µs/atom of an ASE step and of an evaluation with its own neighbour list, 1000 atoms."""
    atoms = moving(5, 600.0)
    atoms.calc = potential.calculator()
    motion = VelocityVerlet(atoms, timestep=1.0 * units.fs)
    motion.run(20)
    steps, bare = [], []
    for _ in range(REPEATS):
        started = time.perf_counter()
        motion.run(50)
        steps.append((time.perf_counter() - started) / 50)
        started = time.perf_counter()
        for _ in range(10):
            potential.evaluate(atoms)
        bare.append((time.perf_counter() - started) / 10)
    return tuple(1e6 * float(np.median(each)) / len(atoms) for each in (steps, bare))  # type: ignore[return-value]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picoseconds", type=float, default=50.0)
    chosen = parser.parse_args()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    potentials = {"density, committee of 2": density_model()}
    published = DATA / "nep" / "Si_2022_NEP4_5body.txt"
    if published.exists():
        potentials["NEP4, 5-body"] = NepPotential.from_nep_txt(published)
    for name, potential in potentials.items():
        step, bare = step_over_evaluation(potential)
        print(
            f"{name}: ASE step {step:.2f}, evaluation {bare:.2f} µs/atom, ratio {step / bare:.2f}", flush=True
        )
        slope, scatter, temperature = drift(potential, chosen.picoseconds)
        print(
            f"{name}: {chosen.picoseconds:g} ps at constant energy, {temperature:.0f} K: drift {slope:+.4f}, "
            f"scatter {scatter:.4f} meV/atom",
            flush=True,
        )


if __name__ == "__main__":
    main()
