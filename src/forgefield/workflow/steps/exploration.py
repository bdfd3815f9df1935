"""Let the potential explore, and choose what of it the reference should see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms

from forgefield.atoms.records import Array, Candidate
from forgefield.potentials.contract import Potential
from forgefield.potentials.registry import load
from forgefield.sampling.conditions import Guard
from forgefield.sampling.plan import Assignment, plan_trajectories, seeds_within
from forgefield.selection.choose import choose
from forgefield.selection.screen import limits_from
from forgefield.structures.supercell import supercell
from forgefield.workflow.candidates import write_candidates
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName
from forgefield.workflow.steps.diversity import different_and_sane
from forgefield.workflow.steps.fitting import POTENTIAL
from forgefield.workflow.steps.initial import CANDIDATES
from forgefield.workflow.steps.motion import outcome_counts, read_trajectories, run_assignments
from forgefield.workflow.steps.relaxed import relaxed_crystals
from forgefield.workflow.steps.result import StepResult
from forgefield.workflow.steps.targets import TARGETS, reference_crystals, reference_properties
from forgefield.workflow.steps.training import read_calibration


def explore(context: Context, name: StepName) -> StepResult:
    """Molecular dynamics from the target crystal and its low-lying rivals, stopped where it is not trusted."""
    trained = StepName(name.cycle, "train")
    calibration = read_calibration(context, trained)
    guard = replace(exploration_guard(context), stop_above=calibration.stop_above, scale=calibration.scale)
    assignments = planned_assignments(context, name.cycle, context.spec.exploration.max_atoms)
    trajectories = run_assignments(
        context,
        context.folder.step(name),
        context.folder.step(trained) / POTENTIAL,
        assignments,
        guard,
        f"explore-{name.cycle}",
    )
    frames = sum(len(trajectory.candidates) for trajectory in trajectories)
    outcomes = outcome_counts(trajectories)
    summary = {
        "trajectories": len(trajectories),
        "outcomes": outcomes,
        "frames": frames,
        "steps": sum(trajectory.steps for trajectory in trajectories),
    }
    ends = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    return StepResult(f"{len(trajectories)} trajectories ({ends}), {frames} frames", summary)


def exploration_guard(context: Context) -> Guard:
    """Bounds of geometry, from the data and the settings; no bound of the uncertainty."""
    spec = context.spec.selection
    limits = limits_from(
        [record.atoms for record in context.training_records()], spec.min_distance_ratio, spec.volume_window
    )
    return Guard(
        min_distance=limits.min_distance_ratio, min_volume=limits.min_volume, max_volume=limits.max_volume
    )


def planned_assignments(context: Context, cycle: int, largest: int) -> list[Assignment]:
    """Starts and conditions of a cycle's trajectories: the target crystal, if there is one, and its rivals.

    Args:
        context: the run.
        cycle: its cycle.
        largest: atoms up to which cells are repeated.
    """
    targets: list[Candidate] = []
    bulk_modulus = 100.0
    if context.folder.manifest(TARGETS) is not None:
        _, reference = reference_properties(context)
        targets = [
            Candidate(supercell(atoms, largest), "target", "target", note=label)
            for label, atoms in reference_crystals(context)
        ]
        bulk_modulus = reference.eos.bulk_modulus if reference.eos else bulk_modulus
    judged = {each.note for each in targets}
    seeds = [*targets, *(each for each in _rivals(context, largest) if each.note not in judged)]
    return plan_trajectories(
        context.spec.exploration, seeds, cycle, context.rng("plan", cycle), bulk_modulus=bulk_modulus
    )


def select(context: Context, name: StepName) -> StepResult:
    """Screen the explored frames and choose the informative ones within the cycle's budget."""
    spec, folder = context.spec.selection, context.folder
    potential = load(folder.step(StepName(name.cycle, "train")) / POTENTIAL)
    calibration = read_calibration(context, StepName(name.cycle, "train"))
    trajectories = read_trajectories(folder.step(StepName(name.cycle, "explore")))
    candidates = [each for trajectory in trajectories for each in trajectory.candidates]
    unsure = np.concatenate([trajectory.uncertainties for trajectory in trajectories] or [np.empty(0)])
    records = context.training_records()
    checked = different_and_sane(context, [each.atoms for each in candidates], name.cycle, -unsure)
    sane = np.sort(checked.kept)
    known = structure_features(potential, [record.atoms for record in records])
    features = structure_features(potential, [candidates[i].atoms for i in sane])
    names = [candidates[i].trajectory for i in sane]

    def chosen_above(threshold: float, budget: int) -> list[int]:
        if not len(sane):
            return []
        picked = choose(
            features, known, unsure[sane], names, budget, threshold, spec.diversity_weight, spec.separation
        )
        return [int(sane[i]) for i in picked]

    chosen = chosen_above(calibration.select_above, spec.per_cycle)
    above = int((unsure[sane] > calibration.select_above).sum())
    # The targets do not hold yet, or nobody would ask: where nothing is uncertain, diversity must teach.
    least = -(-spec.per_cycle // 2)
    if len(chosen) < least:
        chosen = chosen_above(0.0, least)
    write_candidates(folder.step(name) / CANDIDATES, [candidates[i] for i in chosen])
    summary = {
        "frames": len(candidates),
        **checked.summary(),
        "above_threshold": above,
        "chosen": len(chosen),
        "threshold": calibration.select_above,
        "uncertainty": float(np.mean(unsure[chosen])) if chosen else None,
    }
    line = (
        f"{len(chosen)} of {len(candidates)} frames chosen, {above} above {calibration.select_above:.3f} eV/Å, "
        f"{checked.screened_out} screened out, {checked.alike} repeat others"
    )
    return StepResult(line, summary)


def structure_features(potential: Potential, structures: Sequence[Atoms]) -> Array:
    """(M, D) mean over atoms of the potential's features: one row for each structure."""
    rows = [potential.features(atoms).mean(axis=0) for atoms in structures]
    return np.array(rows) if rows else np.empty((0, 0))


def _rivals(context: Context, largest: int) -> list[Candidate]:
    """Ordered structures that lie close in energy, in the largest cells allowed."""
    relaxed = relaxed_crystals(context)
    if relaxed:
        window = context.spec.exploration.seed_energy_window
        return [
            Candidate(
                supercell(each.atoms, largest),
                each.source,
                each.record.trajectory,
                each.record.key,
                each.name,
            )
            for each in relaxed
            if each.above <= window and len(each.atoms) <= largest
        ]
    records = context.training_records()
    ordered = [record for record in records if record.source in ("prototype", "file")]
    # Where none of them has labels, strained cells are the most ordered there are.
    ordered = ordered or [record for record in records if record.source == "strain"]
    near = seeds_within(
        [record.atoms for record in ordered],
        np.array([record.labels.energy for record in ordered]),
        context.spec.exploration.seed_energy_window,
    )
    return [
        Candidate(
            supercell(ordered[i].atoms, largest), ordered[i].source, ordered[i].trajectory, ordered[i].key
        )
        for i in near
        if len(ordered[i].atoms) <= largest
    ]
