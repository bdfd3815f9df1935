"""On-the-fly learning: its settings, its state on disk, and what it hands out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array, Candidate, Evaluation
from forgefield.sampling.conditions import Guard
from forgefield.sampling.langevin import Chain, ListedAt, MotionState
from forgefield.sampling.programme import Programme
from forgefield.sampling.spec import OnTheFlySpec
from forgefield.sampling.threshold import Threshold

_FILE = "on-the-fly.npz"
_DESCRIPTION = "description"


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


_RECORDS = {each.__name__: each for each in (OnTheFlyState, MotionState, Chain, ListedAt, Threshold)}


def save_state(state: OnTheFlyState, folder: Path) -> None:
    """Write a state, to the bit, so that it is there whole or not at all.

    One file: NumPy arrays, and JSON for everything else.

    Args:
        state: to be kept.
        folder: is made if it is missing.
    """
    arrays: dict[str, Any] = {}
    arrays[_DESCRIPTION] = np.array(json.dumps(_packed(state, arrays)))
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{_FILE}.partial"
    with partial.open("wb") as file:
        np.savez(file, **arrays)
    partial.replace(folder / _FILE)


def load_state(folder: Path) -> OnTheFlyState:
    """Read what `save_state` wrote.

    Raises:
        ForgefieldError: nothing there, or nothing that can be read.
    """
    try:
        with np.load(folder / _FILE, allow_pickle=False) as file:
            arrays = dict(file)
        state = _unpacked(json.loads(str(arrays.pop(_DESCRIPTION))), arrays)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ForgefieldError(
            f"{folder / _FILE} holds no state of on-the-fly learning ({error})",
            "start the trajectory anew",
        ) from error
    return state


def _packed(value: Any, arrays: dict[str, Any]) -> Any:
    """What JSON can hold of a value; its arrays go into ``arrays``."""
    if isinstance(value, np.ndarray):
        name = f"array-{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if is_dataclass(value):
        return {
            "record": type(value).__name__,
            "fields": {each.name: _packed(getattr(value, each.name), arrays) for each in fields(value)},
        }
    if isinstance(value, tuple):
        return [_packed(each, arrays) for each in value]
    if isinstance(value, Mapping):
        return {"mapping": dict(value)}
    return value


def _unpacked(value: Any, arrays: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return tuple(_unpacked(each, arrays) for each in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "mapping" in value:
        return value["mapping"]
    return _RECORDS[value["record"]](
        **{name: _unpacked(each, arrays) for name, each in value["fields"].items()}
    )
