"""Error over the number of reference calculations: python benchmarks/learning_curves.py [--truth T] [--networks]

Tersoff or Stillinger–Weber silicon stands for DFT, in cells of eight atoms. Three ways to choose what is calculated
beside the same initial structures: learning on the fly, frames drawn at random from molecular dynamics with the truth
itself (which no one could pay for with DFT), and cycles of a committee of networks. All go through the same plan of
trajectories. The same models are fitted to what each has chosen first, and tested on frames of molecular dynamics with
the truth. Figures are means over seeds. An interrupted run goes on.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from accuracy import errors
from ase import Atoms

from forgefield.atoms.formats import read_structures, write_extxyz
from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Candidate, Evaluation, Labels
from forgefield.dataset.store import Dataset
from forgefield.potentials.contract import Potential
from forgefield.potentials.fitting import fit
from forgefield.reference.engines import classical
from forgefield.reference.recipe import Recipe
from forgefield.sampling.conditions import Guard
from forgefield.sampling.molecular_dynamics import run_trajectory
from forgefield.sampling.plan import plan_trajectories, seeds_within
from forgefield.sampling.spec import ExplorationSpec
from forgefield.structures.prototypes import prototype
from forgefield.structures.spec import StructuresSpec
from forgefield.structures.supercell import supercell
from forgefield.workflow.folder import RunFolder, StepName, write_atomically
from forgefield.workflow.loop import run
from forgefield.workflow.spec import RunSpec

matplotlib.use("Agg")
from matplotlib import pyplot as plt

NUMBERS = (0, 7, 14, 28, 42)
MOST = NUMBERS[-1]
STRATEGIES = {"on the fly": "#0072b2", "random MD": "#777777", "committee": "#d55e00"}
QUANTITIES = {"energy_mae": "energy MAE, meV/atom", "force_mae": "force MAE, eV/Å"}
EXPLORATION = {"trajectories": 10, "steps": 800, "max_atoms": 8}
HELD = EXPLORATION | {"temperatures": (300, 700, 1100, 1500), "ramp": False, "trajectories": 8}
TEST_FRAMES, TEST_SEED = 60, 1000
Errors = dict[str, dict[str, float]]


class Truth(Potential):
    """The reference as a potential, so that the same trajectories can be run with it."""

    species, cutoff = ("Si",), 3.0

    def __init__(self, name: str) -> None:
        self.name, self.truth = name, getattr(classical, f"{name}_silicon")()

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """Energy, forces and stress; atomic energies are but equal shares."""
        self.truth.calculate(atoms)
        energy, forces, stress = (self.truth.results[each] for each in ("energy", "forces", "stress"))
        return Evaluation(energy, np.full(len(atoms), energy / len(atoms)), forces, stress)

    def save(self, folder: Path) -> None:
        """Nothing: it is there anyway."""

    def labelled(self, candidate: Candidate) -> tuple[Atoms, Labels]:
        """A structure with its labels."""
        found = self.evaluate(candidate.atoms)
        return _named(candidate), Labels(found.energy, found.forces, found.stress, "truth", self.name, 0.0)


def learn_on_the_fly(folder: Path, truth: str, seed: int) -> tuple[RunFolder, list[str]]:
    """A run that learns on the fly, and what it asked for, in that order."""
    on_the_fly = {**EXPLORATION, "method": "on-the-fly", "on_the_fly": {"target_error": 0.05}}
    # A few more than are used: trajectories with the same start may both ask for it.
    spec = _run_spec(truth, seed, exploration=on_the_fly, selection={"per_cycle": MOST + 4})
    run(spec, folder, workers=1, job="learn")
    return RunFolder(folder), _keys(folder, StepName(0, "explore"))


def learn_in_cycles(folder: Path, truth: str, seed: int, epochs: int | None) -> tuple[RunFolder, list[str]]:
    """A run of a committee of networks whose targets cannot be met, and what it asked for, in that order."""
    others = ("energy_mae", "volume", "bulk_modulus", "elastic_constants", "phonon_rmse")
    spec = _run_spec(
        truth,
        seed,
        exploration={**EXPLORATION, "method": "md"},
        selection={"per_cycle": MOST // 3},
        cycles={"max": 4},
        training={"epochs": epochs},
        hold_out={"configurations": 1, "steps": 10, "max_atoms": 8, "from_cycle": 1},
        targets={**dict.fromkeys(others), "force_mae": 1e-6, "max_atoms": 8},
    )
    run(spec, folder, workers=1)
    return RunFolder(folder), [key for cycle in (1, 2, 3) for key in _keys(folder, StepName(cycle, "label"))]


def molecular_dynamics(
    truth: Truth, initial: Sequence[Atoms], exploration: dict[str, Any], seed: int, count: int, first: int = 0
) -> list[tuple[Atoms, Labels]]:
    """Frames drawn at random from trajectories with the truth, of step `first` or later."""
    rng, spec = np.random.default_rng(seed), ExplorationSpec(**exploration)
    ordered = [atoms for atoms in initial if atoms.info["source"] == "prototype"]
    near = seeds_within(ordered, np.array([atoms.get_potential_energy() for atoms in ordered]), 0.1)
    crystals = [prototype("Si", "diamond"), *(ordered[i] for i in near)]
    starts = [Candidate(supercell(atoms, spec.max_atoms), "prototype", "truth") for atoms in crystals]
    frames = [
        frame.candidate
        for each in plan_trajectories(spec, starts, 0, rng)
        for frame in run_trajectory(truth, each.start, each.conditions, Guard(), rng).frames
        if frame.step > first
    ]
    return [truth.labelled(frames[i]) for i in rng.permutation(len(frames))[:count]]


def chosen_structures(folder: Path, truth: str, seed: int, epochs: int | None) -> dict[str, list[Atoms]]:
    """What each strategy chose, in that order, and under `initial` what all begin with."""
    own = folder / f"seed-{seed}"
    learned, cycled = own / "run-on-the-fly", own / "run-committee"

    def kept(name: str, made: Callable[[], list[tuple[Atoms, Labels]]]) -> list[Atoms]:
        path = own / f"{name.replace(' ', '-')}.xyz"
        if not path.exists():
            write_extxyz(path, made())
        return read_structures(path)

    asked = kept("on the fly", lambda: _labelled(*learn_on_the_fly(learned, truth, seed)))
    initial = kept("initial", lambda: _labelled(RunFolder(learned), _keys(learned, StepName(0, "label"))))
    drawn = kept("random MD", lambda: molecular_dynamics(Truth(truth), initial, EXPLORATION, seed, MOST))
    voted = kept("committee", lambda: _labelled(*learn_in_cycles(cycled, truth, seed, epochs)))
    return dict(zip(("initial", *STRATEGIES), (initial, asked, drawn, voted), strict=True))


def fitted(model: str, structures: Sequence[Atoms], seed: int, epochs: int | None) -> Potential:
    """The potential that learns on the fly, which needs no validation, or networks as in a run."""
    if model == "network":
        settings = {"potential": {"members": 4, "cutoff": 6.0}, "training": {"epochs": epochs}}
        return fit(structures, settings=settings, seed=seed).potential
    settings = {"potential": {"kernel": "polynomial", "cutoff": 5.5}, "repulsion": None}
    settings["training"] = {"validation_fraction": 1e-6}
    return fit(structures, "bayesian", settings=settings).potential


def measure(folder: Path, truth: str, seed: int, models: Sequence[str], epochs: int | None) -> Errors:
    """Errors of every model by `model/strategy/number`; those that are known are not computed again."""
    chosen = chosen_structures(folder, truth, seed, epochs)
    path, tested = folder / f"seed-{seed}" / "errors.json", folder / "test.xyz"
    if not tested.exists():
        write_extxyz(
            tested,
            molecular_dynamics(Truth(truth), chosen["initial"], HELD, TEST_SEED, TEST_FRAMES, first=400),
        )
    test = read_structures(tested)
    known: Errors = json.loads(path.read_text()) if path.exists() else {}
    for model, number, strategy in itertools.product(models, NUMBERS, STRATEGIES):
        # All begin with the same; a strategy may end earlier.
        name, first = (f"{model}/{each}/{number}" for each in (strategy, "on the fly"))
        if name in known or len(chosen[strategy]) < number:
            continue
        structures = [*chosen["initial"], *chosen[strategy][:number]]
        same = number == 0 and first in known
        known[name] = known[first] if same else errors(fitted(model, structures, seed, epochs), test)
        write_atomically(path, json.dumps(known, indent=1))
    return known


def curves(found: Sequence[Errors], model: str, strategy: str, quantity: str) -> np.ndarray:
    """(seeds, numbers); not a number where a strategy ended earlier."""
    names = [f"{model}/{strategy}/{number}" for number in NUMBERS]
    return np.array([[each.get(name, {}).get(quantity, np.nan) for name in names] for each in found])


def table(found: Sequence[Errors], model: str) -> str:
    """Markdown: means of the energy MAE, meV/atom, and of the force MAE, eV/Å."""
    lines = [f"| {model}: added | {' | '.join(STRATEGIES)} |", "|---|" + "---|" * len(STRATEGIES)]
    energy, force = (
        [curves(found, model, strategy, quantity).mean(axis=0) for strategy in STRATEGIES]
        for quantity in QUANTITIES
    )
    for i, number in enumerate(NUMBERS):
        cells = [f"{e[i]:.1f}, {f[i]:.3f}" for e, f in zip(energy, force, strict=True)]
        lines.append(f"| {number} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(found: Sequence[Errors], models: Sequence[str], path: Path) -> None:
    """A row of panels for each model: lines are means, dots single seeds."""
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "learning curves", "font.size": 9})
    figure, axes = plt.subplots(len(models), 2, figsize=(8, 3.2 * len(models)), squeeze=False)
    for row, model in zip(axes, models, strict=True):
        for panel, (quantity, label) in zip(row, QUANTITIES.items(), strict=True):
            for strategy, colour in STRATEGIES.items():
                values = curves(found, model, strategy, quantity)
                known = ~np.isnan(values).any(axis=0)
                numbers, values = np.array(NUMBERS)[known], values[:, known]
                panel.plot(numbers, values.mean(axis=0), color=colour, label=strategy)
                panel.plot(numbers, values.T, ".", color=colour, markersize=4)
            panel.set(yscale="log", xlabel="structures beside the initial ones", ylabel=label, title=model)
    axes[0, 0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="for all results; a new temporary one by default")
    parser.add_argument("--truth", default="tersoff", choices=["tersoff", "stillinger_weber"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--networks", action="store_true", help="fit density networks too")
    parser.add_argument("--epochs", type=int, help="of every network; by default as in a run")
    parser.add_argument("--figure", type=Path, default=Path("learning_curves.svg"), help="where to draw them")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    folder = chosen.folder or Path(tempfile.mkdtemp())
    models = ["polynomial", "network"] if chosen.networks else ["polynomial"]
    found = [measure(folder, chosen.truth, seed, models, chosen.epochs) for seed in chosen.seeds]
    print(*(table(found, model) for model in models), sep="\n\n")
    draw(found, models, chosen.figure)


def _run_spec(truth: str, seed: int, **groups: Any) -> RunSpec:
    reference = {"engine": f"ase:forgefield.reference.engines.classical.{truth}_silicon"}
    common = {"system": {"species": ["Si"]}, "structures": StructuresSpec.quick(), "reference": reference}
    return RunSpec.model_validate({**common, "budget": {"calculations": None}, "seed": seed, **groups})


def _keys(folder: Path, name: StepName) -> list[str]:
    return list(RunFolder(folder).manifest(name).keys)


def _labelled(folder: RunFolder, keys: Sequence[str]) -> list[tuple[Atoms, Labels]]:
    recipe = Recipe.model_validate_json(folder.recipe.read_text())
    records = Dataset(folder.dataset).records(keys, recipe.key)
    return [(_named(Candidate(r.atoms, r.source, r.trajectory)), r.labels) for r in records]


def _named(candidate: Candidate) -> Atoms:
    atoms = candidate.atoms.copy()
    atoms.info = {"source": candidate.source, "trajectory": candidate.trajectory}
    return atoms


if __name__ == "__main__":
    main()
