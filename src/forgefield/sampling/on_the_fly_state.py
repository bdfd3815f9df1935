"""On-the-fly learning: its settings, its state on disk, and what it hands out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array, Candidate, Evaluation
from forgefield.sampling.conditions import Guard
from forgefield.sampling.langevin import Chain, ListedAt, MotionState
from forgefield.sampling.programme import Programme
from forgefield.sampling.record_files import load_record, save_record
from forgefield.sampling.spec import OnTheFlySpec
from forgefield.sampling.threshold import Threshold

_FILE = "on-the-fly.npz"


@dataclass(frozen=True, slots=True)
class OnTheFlySettings:
    """What stays the same all along a trajectory.

    Attributes:
        name: the trajectory's name.
        programme: temperatures and pressures.
        guard: geometry and temperature beyond which a frame is never asked for; its ``stop_above`` and ``scale`` do
            not count, since threshold and calibration are learned.
        spec: the user's settings.
    """

    name: str
    programme: Programme
    guard: Guard = field(default_factory=Guard)
    spec: OnTheFlySpec = field(default_factory=OnTheFlySpec)


@dataclass(frozen=True, slots=True)
class OnTheFlyState:
    """Everything that decides how a trajectory goes on, beside the potential.

    Attributes:
        motion: atoms, cell, thermostat; its number of steps is the programme's clock.
        threshold: threshold and calibration.
        snapshots: trusted frames, oldest first, at least one.
        queue: (N, 3) positions of the initial structures that are still to be asked for.
        moments: (N,) initial magnetic moments, for the reference; None without.
        parent: key of the start structure.
        last_request: step of the last request that was answered; None before the first.
        requests: requests that were answered with labels.
        pending: labelled structures that no refit has seen yet.
        stops: how often the guard has stopped the motion, or the reference has failed; the caller decides how often is
            too often, since a potential that fails everywhere would never get on.
    """

    motion: MotionState
    threshold: Threshold
    snapshots: tuple[MotionState, ...]
    queue: tuple[Array, ...]
    moments: Array | None
    parent: str
    last_request: int | None = None
    requests: int = 0
    pending: int = 0
    stops: int = 0

    @property
    def step(self) -> int:
        """Steps done."""
        return self.motion.step


@dataclass(frozen=True, slots=True)
class Request:
    """A structure that is worth a reference calculation.

    Attributes:
        candidate: the structure and where it came from.
        prediction: what the potential said at that moment, with its uncertainty; None if there was no potential.
        uncertainties: (N,) calibrated force uncertainty of each atom, eV/Å; None if there was no potential.
        threshold: eV/Å; what the worst atom was compared with.
        refit: whether the potential should be refitted before the motion goes on; else its labels may join a block.
        initial: whether it belongs to the initial stage.
    """

    candidate: Candidate
    prediction: Evaluation | None
    uncertainties: Array | None
    threshold: float
    refit: bool
    initial: bool


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a trajectory has come.

    Attributes:
        state: to go on from.
        outcome: ``request``; ``stopped`` by the guard, the motion being back at a trusted frame; ``completed``, the
            programme is done; or ``paused``, the steps of this call are.
        reason: one line for people.
        request: with ``request``: what is asked for.
    """

    state: OnTheFlyState
    outcome: Literal["request", "stopped", "completed", "paused"]
    reason: str
    request: Request | None = None


def save_state(state: OnTheFlyState, folder: Path) -> None:
    """Write a state, to the bit, so that it is there whole or not at all.

    Args:
        state: to be kept.
        folder: is made if it is missing.
    """
    save_record(state, folder / _FILE)


def load_state(folder: Path) -> OnTheFlyState:
    """Read what `save_state` wrote.

    Raises:
        ForgefieldError: nothing there, or nothing that can be read.
    """
    try:
        return load_record(OnTheFlyState, folder / _FILE, (MotionState, Chain, ListedAt, Threshold))
    except (ForgefieldError, ValueError, KeyError, TypeError) as error:
        raise ForgefieldError(
            f"{folder / _FILE} holds no state of on-the-fly learning ({error})",
            "start the trajectory anew",
        ) from error
