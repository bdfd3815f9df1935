"""What the surrogate of on-the-fly learning teaches the network: labels of its own for frames that it met.

A few dozen reference calculations leave a network free between them; the Bayesian potential, which learns more from few
data, fills the gaps at no cost (knowledge distillation: Hinton, Vinyals & Dean, arXiv:1503.02531 (2015)).
"""

from __future__ import annotations

from pathlib import Path

from ase import Atoms

from forgefield.atoms.records import Labels
from forgefield.potentials.registry import load
from forgefield.workflow.candidates import read_candidates
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName
from forgefield.workflow.steps.on_the_fly_rounds import FRAMES, SURROGATE


def latest_surrogate(context: Context) -> Path | None:
    """Folder of the potential that was learned on the fly last; None if there is none."""
    folders = [context.folder.step(name) / SURROGATE for name in _learned(context)]
    return folders[-1] if folders else None


def surrogate_labels(context: Context, cycle: int) -> tuple[list[Atoms], list[Labels]]:
    """Frames of all trajectories so far, at most as many as the settings say, with labels of the latest surrogate."""
    surrogate, wanted = latest_surrogate(context), context.spec.distillation.frames
    if surrogate is None or not wanted:
        return [], []
    frames = [
        each for name in _learned(context) for each in read_candidates(context.folder.step(name) / FRAMES)
    ]
    chosen = context.rng("distillation", cycle).permutation(len(frames))[:wanted]
    structures = [frames[i].atoms for i in sorted(chosen.tolist())]
    potential = load(surrogate)
    labels = []
    for atoms in structures:
        said = potential.evaluate(atoms)
        stress = said.stress if atoms.pbc.all() else None
        labels.append(Labels(said.energy, said.forces, stress, "surrogate", "bayesian", 0.0))
    return structures, labels


def _learned(context: Context) -> list[StepName]:
    return [
        name
        for name, manifest in context.folder.finished()
        if name.step == "explore" and "requests" in manifest.summary
    ]
