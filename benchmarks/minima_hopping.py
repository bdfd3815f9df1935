"""Minima hopping: python benchmarks/minima_hopping.py [--systems S …] [--seeds N] [--hops N] [--ase-runs N]

From random starts, in how many hops known minima are found: the global ones of Lennard-Jones clusters of 13 and 38
atoms; diamond and lonsdaleite of eight silicon atoms (Tersoff) in a moving cell, diamond in its own cell; the three
close packings of four Lennard-Jones atoms in a moving cell. `ase` puts ASE's minima hopping beside ours: hops in a
minute of processor time and evaluations per hop, on the same potential, from the same minimum, with the same time
step. With --folder, an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.optimize.minimahopping import MinimaHopping

from forgefield.atoms.pair_list import VerletList
from forgefield.potentials.contract import SKIN, Potential
from forgefield.sampling.minima_hopping import hop, start_hopping
from forgefield.sampling.minima_hopping_state import MinimaHoppingState, load_state, save_state
from forgefield.testing.known_minima import TRIALS, Trial
from forgefield.workflow.folder import write_atomically

SAVE_EVERY = 200


@dataclass
class Walk:
    """How far a walk has come: its state, processor seconds, after how many hops which minimum was found."""

    trial: Trial
    state: MinimaHoppingState
    seconds: float = 0.0
    found: dict[str, int] = field(default_factory=dict)

    @classmethod
    def started(cls, trial: Trial, seed: int) -> Walk:
        """A new walk from a random start."""
        rng = np.random.default_rng(seed)
        walk = cls(trial, start_hopping(trial.start(rng), trial.settings, rng))
        # Compiled code is loaded once; that is no part of any walk.
        hop(trial.potential, hop(trial.potential, walk.state, trial.settings).state, trial.settings)
        return walk

    @classmethod
    def resumed(cls, trial: Trial, folder: Path) -> Walk:
        """An interrupted walk."""
        record = json.loads((folder / "walk.json").read_text())
        return cls(trial, load_state(folder), record["seconds"], record["found"])

    def save(self, folder: Path) -> None:
        """Keep it, so that it can be resumed."""
        save_state(self.state, folder)
        write_atomically(folder / "walk.json", json.dumps({"seconds": self.seconds, "found": self.found}))

    def go(self, hops: int, folder: Path) -> None:
        """Hop until everything is found or so many hops are done."""
        while len(self.found) < len(self.trial.known) and self.state.hops < hops:
            started, before = time.process_time(), len(self.state.history.minima)
            self.state = hop(self.trial.potential, self.state, self.trial.settings).state
            self.seconds += time.process_time() - started
            if len(self.state.history.minima) > before:
                for known in self.trial.known:
                    if known.name not in self.found and known.among(self.state.history):
                        self.found[known.name] = self.state.hops
            if self.state.hops % SAVE_EVERY == 0:
                self.save(folder)
        self.save(folder)


def report(trial: Trial, seeds: int, hops: int, top: Path) -> None:
    """All walks of a trial, one line each."""
    walks = []
    for seed in range(seeds):
        folder = top / trial.settings.name / f"seed-{seed}"
        new = not (folder / "walk.json").exists()
        walk = Walk.started(trial, seed) if new else Walk.resumed(trial, folder)
        walk.go(hops, folder)
        walks.append(walk)
        done, found = walk.state.hops, [f"{name} in {number}" for name, number in walk.found.items()]
        print(
            f"{trial.settings.name} seed {seed}: {', '.join(found) or 'nothing'} found, {done} hops, "
            f"lowest {walk.state.lowest.energy:.6f}, {60 * done / walk.seconds:.0f} hops/min, "
            f"{walk.state.evaluations / done:.0f} evaluations/hop",
            flush=True,
        )
    for known in trial.known:
        numbers = [walk.found[known.name] for walk in walks if known.name in walk.found]
        # Walks that did not find it count with all their hops.
        spent = sum(walk.found.get(known.name, walk.state.hops) for walk in walks)
        rate = f", one in {spent / len(numbers):.0f} hops" if numbers else f" in {spent} hops"
        print(f"{trial.settings.name}: {known.name} found by {len(numbers)} of {seeds}{rate}", flush=True)


class AsCalculator(Calculator):
    """A potential for ASE, with nothing in between but a pair list and a count of evaluations."""

    implemented_properties = ("energy", "free_energy", "forces")

    def __init__(self, potential: Potential) -> None:
        super().__init__()
        self.potential, self.evaluations = potential, 0
        self.pairs = VerletList(potential.cutoff, SKIN) if np.isfinite(potential.cutoff) else None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Called by ASE."""
        super().calculate(atoms, properties, system_changes)
        self.evaluations += 1
        pairs = None if self.pairs is None else self.pairs.update(self.atoms)
        found = self.potential.evaluate(self.atoms, pairs=pairs)
        self.results = {"energy": found.energy, "free_energy": found.energy, "forces": found.forces}


def beside_ase(trial: Trial, hops: int, repeats: int) -> None:
    """Medians over pairs of walks, each pair from the same minimum, with the same tolerance, temperature, E_diff and
    time step; ours do ten times as many hops."""
    rates = np.empty((repeats, 2))
    evaluations = np.empty((repeats, 2))
    for seed in range(repeats):
        state = Walk.started(trial, seed).state
        # The first escape lets the curvature choose the time step.
        while state.timestep is None:
            state = hop(trial.potential, state, trial.settings).state
        now, started = state, time.process_time()
        for _ in range(10 * hops):
            now = hop(trial.potential, now, trial.settings).state
        rates[seed, 0] = 600.0 * hops / (time.process_time() - started)
        evaluations[seed, 0] = (now.evaluations - state.evaluations) / (10 * hops)
        calculator = AsCalculator(trial.potential)
        rates[seed, 1] = 60.0 * hops / _ase_walks(trial, state, calculator, hops, seed)
        evaluations[seed, 1] = calculator.evaluations / hops
    (ours, theirs), (few, many) = np.median(rates, axis=0), np.median(evaluations, axis=0)
    ratios = rates[:, 0] / rates[:, 1]
    print(
        f"{trial.settings.name}: ours {ours:.0f} hops/min with {few:.0f} evaluations/hop, "
        f"ASE {theirs:.1f} with {many:.0f}; "
        f"{np.median(ratios):.0f} times as many hops/min ({ratios.min():.0f} to {ratios.max():.0f}, {repeats} runs)",
        flush=True,
    )


def _ase_walks(
    trial: Trial, state: MinimaHoppingState, calculator: Calculator, hops: int, seed: int
) -> float:
    """Processor seconds; the files that ASE writes go to a temporary folder."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            started = time.process_time()
            MinimaHopping(
                Atoms(state.atoms(state.current), calculator=calculator),
                T0=trial.settings.spec.temperature,
                Ediff0=trial.settings.spec.energy_difference,
                fmax=trial.settings.spec.force_tolerance,
                timestep=state.timestep / units.fs,
                rng=np.random.default_rng(seed),
            )(totalsteps=hops + 1)
            return time.process_time() - started
        finally:
            os.chdir(here)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="for all results; a new temporary one by default")
    parser.add_argument("--systems", nargs="+", default=[*TRIALS, "ase"], choices=[*TRIALS, "ase"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--hops", type=int, default=10_000)
    parser.add_argument("--ase-hops", type=int, default=20, help="of ASE in each run")
    parser.add_argument("--ase-runs", type=int, default=5, help="of each system; medians are printed")
    chosen = parser.parse_args()
    top = chosen.folder or Path(tempfile.mkdtemp())
    for system in chosen.systems:
        if system == "ase":
            for each in ("lj13", "lj38", "si8-fixed"):
                beside_ase(TRIALS[each](), chosen.ase_hops, chosen.ase_runs)
        else:
            report(TRIALS[system](), chosen.seeds, chosen.hops, top)


if __name__ == "__main__":
    main()
