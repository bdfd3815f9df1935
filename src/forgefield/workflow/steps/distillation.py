"""What the surrogate of on-the-fly learning teaches the network: labels of its own for frames and strained cells.

A few dozen reference calculations leave a network free between them; the Bayesian potential, which learns more from few
data, fills the gaps at no cost (knowledge distillation: Hinton, Vinyals & Dean, arXiv:1503.02531 (2015)).
"""

from __future__ import annotations

from pathlib import Path

from ase import Atoms

from forgefield.atoms.records import Labels
from forgefield.potentials.registry import load
from forgefield.structures.rattle import rattled
from forgefield.structures.strain import random_strain, strained
from forgefield.workflow.candidates import read_candidates
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName
from forgefield.workflow.steps.on_the_fly_rounds import FRAMES, SURROGATE
from forgefield.workflow.steps.targets import reference_crystals

_DECIMALS = 7
"""Of the labels. Their last digits depend on what else a process has compiled, and training, which computes in single
precision, would make large differences of them: a resumed run would not end as an uninterrupted one."""
_STRAIN = 0.04
"""Largest component of the random strains: what equations of state and elastic constants are computed from."""
_RATTLE = 0.03
"""Å; standard deviation of the displacements in strained cells."""


def latest_surrogate(context: Context) -> Path | None:
    """Folder of the potential that was learned on the fly last; None if there is none."""
    folders = [context.folder.step(name) / SURROGATE for name in _learned(context)]
    return folders[-1] if folders else None


def surrogate_labels(context: Context, cycle: int) -> list[tuple[Atoms, Labels]]:
    """Frames of the trajectories so far and strained cells, with labels of the latest surrogate."""
    surrogate = latest_surrogate(context)
    if surrogate is None:
        return []
    structures = [*_frames(context, cycle), *_strained_cells(context, cycle)]
    potential = load(surrogate)
    labelled = []
    for atoms in structures:
        said = potential.evaluate(atoms)
        stress = said.stress.round(_DECIMALS + 2) if atoms.pbc.all() and said.stress is not None else None
        energy, forces = round(said.energy, _DECIMALS), said.forces.round(_DECIMALS)
        labelled.append((atoms, Labels(energy, forces, stress, "surrogate", "bayesian", 0.0)))
    return labelled


def _frames(context: Context, cycle: int) -> list[Atoms]:
    """Of all trajectories, at most as many as the settings say."""
    frames = [
        each for name in _learned(context) for each in read_candidates(context.folder.step(name) / FRAMES)
    ]
    chosen = context.rng("distillation", cycle).permutation(len(frames))[: context.spec.distillation.frames]
    return [frames[i].atoms for i in sorted(chosen.tolist())]


def _strained_cells(context: Context, cycle: int) -> list[Atoms]:
    """Of the target crystals in turn, at the reference's equilibrium but for strain and displacements."""
    crystals = [atoms for _, atoms in reference_crystals(context)]
    rng = context.rng("strained distillation", cycle)
    return [
        rattled(strained(crystals[number % len(crystals)], random_strain(_STRAIN, rng)), _RATTLE, rng)
        for number in range(context.spec.distillation.strained)
    ]


def _learned(context: Context) -> list[StepName]:
    return [
        name
        for name, manifest in context.folder.finished()
        if name.step == "explore" and "requests" in manifest.summary
    ]
