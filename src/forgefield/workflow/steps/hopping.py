"""Minima hopping by the trained potential, from structures at rest; walks run side by side, each stored hop by hop."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, as_completed
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from ase import Atoms

from forgefield.atoms.json_files import read_json
from forgefield.atoms.records import Candidate
from forgefield.potentials.registry import load
from forgefield.sampling.minima_hopping import SOURCE, hop, start_hopping
from forgefield.sampling.minima_hopping_state import MinimaHoppingSettings, load_state, save_state
from forgefield.sampling.molecular_dynamics import force_uncertainties
from forgefield.sampling.plan import seeds_within
from forgefield.selection.seeds import seeds
from forgefield.structures.crystal_types import same_types
from forgefield.structures.supercell import supercell
from forgefield.workflow.candidates import read_candidates, write_candidates
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName, write_atomically
from forgefield.workflow.steps.exploration import exploration_guard
from forgefield.workflow.steps.fitting import POTENTIAL
from forgefield.workflow.steps.initial import CANDIDATES
from forgefield.workflow.steps.motion import description_of
from forgefield.workflow.steps.result import StepResult
from forgefield.workflow.steps.targets import reference_crystals
from forgefield.workflow.steps.training import read_calibration

_LOG = "hop.json"
_ENDS = ("lost",)
"""Outcomes of a hop after which the potential has to learn before a walk can go on."""


def hop_over_minima(context: Context, name: StepName) -> StepResult:
    """Walks from the structures at rest; what they meet is left for the selection, as frames of trajectories are."""
    spec, trained = context.spec.exploration, StepName(name.cycle, "train")
    calibration = read_calibration(context, trained)
    guard = replace(exploration_guard(context), stop_above=calibration.stop_above, scale=calibration.scale)
    starts = resting_structures(context)
    windows = spec.temperature_windows
    wanted = spec.minima_hopping
    if windows:
        wanted = wanted.model_copy(update={"temperature_window": windows[min(name.cycle, len(windows)) - 1]})
    folder, done = context.folder.step(name), 0
    futures: dict[Future[None], int] = {}
    try:
        for number in range(spec.walks):
            start = starts[number % len(starts)]
            atoms = supercell(start.atoms, spec.max_atoms) if start.atoms.pbc.all() else start.atoms
            moving = wanted.model_copy(update={"cell": wanted.cell and bool(atoms.pbc.all())})
            label = f"cycle-{name.cycle:02d}/hopping-{number:02d}"
            settings = MinimaHoppingSettings(label, moving, guard)
            rng = context.rng("hopping", name.cycle, number)
            potential = context.folder.step(trained) / POTENTIAL
            task = context.sampling.submit(_walk, potential, atoms, settings, rng, spec.hops, folder, number)
            futures[task] = number
        for future in as_completed(futures):
            future.result()
            done += 1
            walk = read_json(description_of(folder, futures[future]))
            context.progress.advance(done, spec.walks, f"{walk['name']}: {walk['reason']}")
    finally:
        for future in futures:
            future.cancel()
    walks = [read_json(path) for path in sorted(folder.glob("trajectory-*.json"))]
    outcomes = Counter(outcome for walk in walks for outcome in walk["hops"])
    frames = sum(len(walk["frame_steps"]) for walk in walks)
    summary = {
        "trajectories": len(walks),
        "outcomes": dict(Counter(walk["outcome"] for walk in walks)),
        "frames": frames,
        "steps": sum(walk["steps"] for walk in walks),
        "hops": dict(outcomes),
        "minima": sum(walk["minima"] for walk in walks),
        "seeds": len(starts),
    }
    line = (
        f"{summary['steps']} hops in {len(walks)} walks from {len(starts)} structures at rest: "
        f"{summary['minima']} minima, {outcomes['lost']} hops lost, {frames} frames"
    )
    return StepResult(line, summary)


def resting_structures(context: Context) -> list[Candidate]:
    """Labelled structures without forces, near the lowest of their composition, each type of crystal once.

    Where there are none, the target crystals, which the reference has at rest but for their shape.
    """
    below, largest = context.spec.selection.diversity.seed_force, context.spec.exploration.max_atoms
    records = [record for record in context.training_records() if 1 < len(record.atoms) <= largest]
    resting = [records[i] for i in seeds([record.labels.forces for record in records], below)]
    resting.sort(key=lambda record: record.labels.energy / len(record.atoms))
    near = seeds_within(
        [record.atoms for record in resting],
        np.array([record.labels.energy for record in resting]),
        context.spec.exploration.seed_energy_window,
    )
    candidates = [
        Candidate(resting[i].atoms, resting[i].source, resting[i].trajectory, resting[i].key, resting[i].note)
        for i in near
    ]
    twins = same_types(candidates)
    distinct = [each for each, twin in zip(candidates, twins, strict=True) if twin is None]
    return distinct or [
        Candidate(atoms, "target", "target", note=label) for label, atoms in reference_crystals(context)
    ]


def _walk(
    potential: Path,
    atoms: Atoms,
    settings: MinimaHoppingSettings,
    rng: np.random.Generator,
    hops: int,
    folder: Path,
    number: int,
) -> None:
    """Hop until the potential is lost or all hops are done; each hop leaves a folder, with its log written last."""
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    if description_of(folder, number).exists():
        return
    driver, walk = _loaded(potential), folder / f"walk-{number:03d}"
    logs = _logs(walk)
    state = load_state(_hop_folder(walk, len(logs) - 1)) if logs else start_hopping(atoms, settings, rng)
    while len(logs) < hops and not (logs and logs[-1]["outcome"] in _ENDS):
        found = hop(driver, state, settings)
        state, place = found.state, _hop_folder(walk, len(logs))
        met = list(found.candidates)
        if found.outcome == "new" and found.minimum is not None:
            note = f"minimum {found.minimum.number}"
            met.append(Candidate(state.atoms(found.minimum), SOURCE, settings.name, note=note))
        save_state(state, place)
        write_candidates(place / CANDIDATES, met)
        unsure = [
            float(force_uncertainties(driver, each.atoms, settings.guard, settings.name).max())
            for each in met
        ]
        log = {"outcome": found.outcome, "reason": found.reason, "uncertainties": unsure}
        write_atomically(place / _LOG, json.dumps(log))
        logs.append(log)
    _finish(folder, number, settings.name, logs, len(state.history.minima))


def _logs(walk: Path) -> list[dict[str, Any]]:
    """Of the hops that are done."""
    logs: list[dict[str, Any]] = []
    while (path := _hop_folder(walk, len(logs)) / _LOG).exists():
        logs.append(read_json(path))
    return logs


def _hop_folder(walk: Path, number: int) -> Path:
    return walk / f"hop-{number:04d}"


def _finish(folder: Path, number: int, name: str, logs: Sequence[dict[str, Any]], minima: int) -> None:
    """Store the walk as the selection reads it; its description says that it is whole, so it comes last."""
    walk, description = folder / f"walk-{number:03d}", description_of(folder, number)
    met = [each for n in range(len(logs)) for each in read_candidates(_hop_folder(walk, n) / CANDIDATES)]
    if met:
        write_candidates(description.with_suffix(".xyz"), met)
    lost = logs[-1]["outcome"] in _ENDS
    content = {
        "name": name,
        "outcome": "uncertain" if lost else "completed",
        "reason": logs[-1]["reason"] if lost else f"{len(logs)} hops, {minima} minima",
        "steps": len(logs),
        "frame_steps": [n for n, log in enumerate(logs) for _ in log["uncertainties"]],
        "uncertainties": [value for log in logs for value in log["uncertainties"]],
        "hops": [log["outcome"] for log in logs],
        "minima": minima,
    }
    write_atomically(description, json.dumps(content))


_loaded = lru_cache(maxsize=2)(load)
