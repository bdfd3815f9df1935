"""Molecular dynamics as tasks for worker processes, each trajectory stored the moment it is done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numba
import numpy as np
import torch

from forgefield.atoms.json_files import read_json
from forgefield.atoms.records import Array, Candidate
from forgefield.potentials.registry import load
from forgefield.sampling.conditions import Guard
from forgefield.sampling.molecular_dynamics import Trajectory, run_trajectory
from forgefield.sampling.plan import Assignment
from forgefield.workflow.candidates import read_candidates, write_candidates
from forgefield.workflow.context import Context
from forgefield.workflow.folder import write_atomically


@dataclass(frozen=True)
class Explored:
    """A trajectory as it is kept.

    Attributes:
        name: of the trajectory.
        outcome: how it ended.
        reason: one line on why.
        steps: steps done.
        candidates: its frames.
        frame_steps: (F,) step of each frame.
        uncertainties: (F,) calibrated uncertainty of the worst atom, eV/Å.
    """

    name: str
    outcome: str
    reason: str
    steps: int
    candidates: tuple[Candidate, ...]
    frame_steps: tuple[int, ...]
    uncertainties: Array


def run_assignments(
    context: Context,
    folder: Path,
    potential: Path,
    assignments: Sequence[Assignment],
    guard: Guard,
    purpose: str,
) -> list[Explored]:
    """Run trajectories side by side; those that an interrupted run has finished are read, not run again.

    Args:
        context: the run.
        folder: where trajectories are kept.
        potential: folder of the potential that drives them.
        assignments: starts and conditions; their order names the files and seeds the noise.
        guard: when to stop.
        purpose: what the random numbers are for.
    """
    total, done = len(assignments), 0
    futures: dict[Future[Trajectory], int] = {}
    try:
        for number, assignment in enumerate(assignments):
            if description_of(folder, number).exists():
                done += 1
                continue
            rng = context.rng(purpose, assignment.conditions.name, number)
            futures[context.sampling.submit(_run, potential, assignment, guard, rng)] = number
        for future in as_completed(futures):
            trajectory = future.result()
            _store(folder, futures[future], trajectory)
            done += 1
            what = f"{trajectory.conditions.name}: {trajectory.outcome} after {trajectory.steps} steps"
            context.progress.advance(done, total, what)
    finally:
        for future in futures:
            future.cancel()
    return read_trajectories(folder)


def read_trajectories(folder: Path) -> list[Explored]:
    """Trajectories kept in a folder, in the order of their assignments."""
    return [_read(path) for path in sorted(folder.glob("trajectory-*.json"))]


def outcome_counts(trajectories: Sequence[Explored]) -> dict[str, int]:
    """How many trajectories ended in which way."""
    return dict(Counter(trajectory.outcome for trajectory in trajectories))


def _run(potential: Path, assignment: Assignment, guard: Guard, rng: np.random.Generator) -> Trajectory:
    # A worker has one core. Its environment says so too, but a script's main module may have imported both before.
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    return run_trajectory(_loaded(potential), assignment.start, assignment.conditions, guard, rng)


_loaded = lru_cache(maxsize=2)(load)


def description_of(folder: Path, number: int) -> Path:
    """Where a trajectory's figures are; it is whole when they are there."""
    return folder / f"trajectory-{number:03d}.json"


def _store(folder: Path, number: int, trajectory: Trajectory) -> None:
    description = description_of(folder, number)
    if trajectory.frames:
        write_candidates(description.with_suffix(".xyz"), [frame.candidate for frame in trajectory.frames])
    content = {
        "name": trajectory.conditions.name,
        "outcome": trajectory.outcome,
        "reason": trajectory.reason,
        "steps": trajectory.steps,
        "frame_steps": [frame.step for frame in trajectory.frames],
        "uncertainties": [frame.uncertainty for frame in trajectory.frames],
    }
    # The description comes last: it says that the trajectory is whole.
    write_atomically(description, json.dumps(content))


def _read(description: Path) -> Explored:
    content = read_json(description)
    return Explored(
        name=content["name"],
        outcome=content["outcome"],
        reason=content["reason"],
        steps=content["steps"],
        candidates=tuple(read_candidates(description.with_suffix(".xyz"))),
        frame_steps=tuple(content["frame_steps"]),
        uncertainties=np.array(content["uncertainties"]),
    )
