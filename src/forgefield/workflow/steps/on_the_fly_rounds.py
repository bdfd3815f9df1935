"""What a round of learning on the fly leaves: stored whole, so that a run that is killed goes on from it."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from forgefield.atoms.json_files import read_json
from forgefield.atoms.records import Candidate
from forgefield.potentials.bayesian.fit import BayesianFit
from forgefield.sampling.on_the_fly_state import OnTheFlyState, load_state, save_state
from forgefield.workflow.candidates import read_candidates, write_candidates
from forgefield.workflow.folder import write_atomically

FRAMES = "frames.xyz"
"""Structures that trajectories went through."""
REQUESTS = "requests.json"
"""What was asked for, a list of `Asked`."""
SURROGATE = "surrogate"
"""Folder of the potential that was learned on the way."""
_FIT = "fit.npz"
_CURRENT = "current.json"


@dataclass(frozen=True)
class Asked:
    """One request and what became of it.

    Attributes:
        key: of the structure.
        trajectory, step: where it was met.
        uncertainty: calibrated, of the worst atom, eV/Å; None where there was no potential yet.
        threshold: eV/Å, what it was compared with.
        error: actual force error of the worst atom, eV/Å; None without prediction or labels.
    """

    key: str
    trajectory: str
    step: int
    uncertainty: float | None
    threshold: float
    error: float | None


@dataclass(frozen=True)
class Round:
    """Everything that decides how the step goes on.

    Attributes:
        number: rounds done.
        fit: the shared potential's; None without data.
        states: of every trajectory.
        outcomes: how each ended; empty while it moves.
        asked: all requests so far.
        frames: structures on the way, for the surrogate to label.
    """

    number: int
    fit: BayesianFit | None
    states: tuple[OnTheFlyState, ...]
    outcomes: tuple[str, ...]
    asked: tuple[Asked, ...]
    frames: tuple[Candidate, ...] = ()


def store_round(folder: Path, now: Round) -> None:
    """A folder for each round; the pointer to it moves last, then the old one goes."""
    target = folder / f"round-{now.number:05d}"
    shutil.rmtree(target, ignore_errors=True)
    for number, state in enumerate(now.states):
        save_state(state, target / f"trajectory-{number:03d}")
    write_candidates(target / FRAMES, now.frames)
    if now.fit is not None:
        now.fit.save(target / _FIT)
    description = {
        "round": target.name,
        "number": now.number,
        "outcomes": now.outcomes,
        "asked": [asdict(each) for each in now.asked],
    }
    write_atomically(folder / _CURRENT, json.dumps(description))
    for old in folder.glob("round-*"):
        if old != target:
            shutil.rmtree(old)


def restored_round(folder: Path, trajectories: int) -> Round | None:
    """The last round that was stored in a step's folder; None if there is none."""
    if not (folder / _CURRENT).exists():
        return None
    description = read_json(folder / _CURRENT)
    source = folder / description["round"]
    fit = source / _FIT
    return Round(
        description["number"],
        BayesianFit.load(fit) if fit.exists() else None,
        tuple(load_state(source / f"trajectory-{number:03d}") for number in range(trajectories)),
        tuple(description["outcomes"]),
        tuple(Asked(**each) for each in description["asked"]),
        tuple(read_candidates(source / FRAMES)),
    )
