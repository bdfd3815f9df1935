"""Configurations for the test: independent trajectories and relaxations of the target crystals, never trained on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from forgefield.atoms.records import Candidate
from forgefield.potentials.registry import load
from forgefield.sampling.conditions import Conditions, Guard
from forgefield.sampling.loose_relaxation import loose_relaxation
from forgefield.sampling.plan import Assignment, stable_timestep
from forgefield.selection.screen import Limits, screen
from forgefield.structures.compound_spec import DistortionSpec
from forgefield.structures.distorted import distorted
from forgefield.structures.supercell import supercell
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName
from forgefield.workflow.steps.distillation import latest_surrogate
from forgefield.workflow.steps.fitting import POTENTIAL
from forgefield.workflow.steps.motion import Explored, run_assignments
from forgefield.workflow.steps.recheck import take_back_misordered
from forgefield.workflow.steps.result import StepResult
from forgefield.workflow.steps.targets import reference_crystals
from forgefield.workflow.threads import one_thread

_RELAXING = "hold-out/relaxation"
"""How trajectories of relaxations are named."""


def hold_out(context: Context, name: StepName) -> StepResult:
    """Sample independent trajectories and relaxations of the target crystals, and label some of both for the test."""
    spec = context.spec.hold_out
    starts = [
        Candidate(supercell(atoms, spec.max_atoms), "hold-out", "hold-out", note=label)
        for label, atoms in reference_crystals(context)
    ]
    # Nothing but nonsense stops these: a test that ends where the potential is unsure would flatter it.
    guard = Guard(min_distance=context.spec.selection.min_distance_ratio)
    # The surrogate, where there is one, stays on its feet longer than a network of few data.
    driver = latest_surrogate(context) or context.folder.step(StepName(name.cycle, "train")) / POTENTIAL
    assignments = _assignments(context, starts)
    trajectories = run_assignments(context, context.folder.step(name), driver, assignments, guard, "hold-out")
    relaxations = context.spec.hold_out_relaxations
    ratio = context.spec.selection.min_distance_ratio
    chosen = [
        *_spread_out(trajectories, spec.configurations - relaxations, ratio),
        *_relaxing(context, driver, starts, guard, relaxations),
    ]
    outcome = context.labeller.label(chosen, name)
    records = context.dataset.records(outcome.keys, context.recipe.key)
    wrong = take_back_misordered(context, name, records)
    keys = [key for key in outcome.keys if key not in wrong]
    lines = [f"{each.name}: {each.outcome} after {each.steps} steps" for each in trajectories]
    summary = {
        "keys": keys,
        "label": outcome.summary(),
        "trajectories": lines,
        "relaxations": sum(each.trajectory.startswith(_RELAXING) for each in chosen),
    }
    temperatures = ", ".join(f"{temperature:.0f}" for temperature in spec.temperatures)
    line = f"{len(keys)} configurations at {temperatures} K, never trained on"
    return StepResult(line + (f"; {summary['relaxations']} of relaxations" if relaxations else ""), summary)


def _assignments(context: Context, starts: list[Candidate]) -> list[Assignment]:
    """Every temperature for every start."""
    spec = context.spec.hold_out
    return [
        Assignment(
            start,
            Conditions(
                name=f"hold-out/nvt-{temperature:.0f}K" + (f"-{number}" if number else ""),
                ensemble="nvt",
                temperature_start=temperature,
                temperature_end=temperature,
                timestep=stable_timestep(context.spec.exploration, start.atoms),
                steps=spec.steps,
                sample_every=max(1, spec.steps // 50),
            ),
        )
        for number, start in enumerate(starts)
        for temperature in spec.temperatures
    ]


def _relaxing(
    context: Context, driver: Path, starts: list[Candidate], guard: Guard, count: int
) -> list[Candidate]:
    """Configurations of relaxations of freshly perturbed crystals, of each crystal in turn."""
    if not count:
        return []
    spec = context.spec.structures.distortions or DistortionSpec()
    by_crystal: list[list[Candidate]] = []
    rngs = context.rng("hold-out relaxations").spawn(len(starts))
    calculator = load(driver).calculator()
    with one_thread():
        for start, rng in zip(starts, rngs, strict=True):
            own: list[Candidate] = []
            for each in distorted([start], spec, rng).candidates:
                for sample in loose_relaxation(each.atoms, calculator, context.spec.perturbation, guard):
                    note = f"{start.note}, {each.note}, relaxed to {sample.force:.2f} eV/Å"
                    place = f"{_RELAXING}/{len(by_crystal)}-{len(own):03d}"
                    own.append(Candidate(sample.atoms, "hold-out", place, note=note))
            by_crystal.append([own[i] for i in rng.permutation(len(own))])
    longest = max(len(own) for own in by_crystal)
    turns = [own[i] for i in range(longest) for own in by_crystal if i < len(own)]
    return turns[:count]


def _spread_out(trajectories: list[Explored], count: int, min_distance_ratio: float) -> list[Candidate]:
    """Evenly spaced frames of the second half of each trajectory, about as many of each."""
    chosen: list[Candidate] = []
    shares = np.full(len(trajectories), count // max(1, len(trajectories)))
    shares[: count - shares.sum()] += 1
    for trajectory, share in zip(trajectories, shares, strict=True):
        later = [
            candidate
            for step, candidate in zip(trajectory.frame_steps, trajectory.candidates, strict=True)
            if step > trajectory.steps / 2
        ]
        sane = screen([candidate.atoms for candidate in later], Limits(min_distance_ratio)).mask
        later = [candidate for candidate, kept in zip(later, sane, strict=True) if kept]
        places = np.unique(np.linspace(0, len(later) - 1, min(int(share), len(later))).round().astype(int))
        chosen += [dataclasses.replace(later[place], source="hold-out") for place in places]
    return chosen
