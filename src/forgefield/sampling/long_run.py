"""Molecular dynamics on disk: trajectory, table of observations, and a checkpoint from which it goes on to the bit."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.contract import Potential
from forgefield.sampling.integrators import Integrator
from forgefield.sampling.langevin import Chain, ListedAt, MotionState
from forgefield.sampling.observables import Observation, ObservationLog, observed
from forgefield.sampling.record_files import load_record, save_record
from forgefield.sampling.simulation import run_motion
from forgefield.sampling.trajectory_files import TrajectoryFile, trajectory_file

_MOST_FRAMES = 200
"""That wait in memory."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where a run is kept.

    Attributes:
        trajectory: its suffix says the format.
    """

    trajectory: Path

    @property
    def log(self) -> Path:
        """Table of observations."""
        return self.trajectory.with_suffix(".csv")

    @property
    def checkpoint(self) -> Path:
        """From which the run goes on."""
        return self.trajectory.with_suffix(".checkpoint.npz")

    @property
    def present(self) -> tuple[Path, ...]:
        """Those that are there."""
        return tuple(each for each in (self.trajectory, self.log, self.checkpoint) if each.exists())


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a run has come.

    Attributes:
        state: of the last frame.
        frames: in the trajectory up to and with this state, the start among them.
        settings: in words; a run goes on only under the same.
    """

    state: MotionState
    frames: int
    settings: str


def read_checkpoint(files: RunFiles, settings: str) -> Checkpoint | None:
    """The checkpoint of a run; None where nothing was begun.

    Args:
        files: of the run.
        settings: under which it is to go on.

    Raises:
        ForgefieldError: files of a run without a readable checkpoint, or of a run with other settings.
    """
    if not files.checkpoint.exists():
        if files.present:
            raise ForgefieldError(
                f"{files.present[0]} is there, but no checkpoint {files.checkpoint.name} to go on from",
                "move it away, or give another --output",
            )
        return None
    try:
        found = load_record(Checkpoint, files.checkpoint, (MotionState, Chain, ListedAt))
    except (ForgefieldError, ValueError, KeyError, TypeError) as error:
        raise ForgefieldError(
            f"{files.checkpoint} holds no checkpoint ({error})", "move the run's files away and start anew"
        ) from error
    if found.settings != settings:
        raise ForgefieldError(
            f"{files.trajectory} belongs to another run ({found.settings}), and this one is {settings}",
            "give another --output, or the settings of that run to go on with it",
        )
    return found


def run_on_disk(
    potential: Potential,
    start: Callable[[], MotionState],
    integrator: Integrator,
    steps: int,
    files: RunFiles,
    every: int,
    settings: str = "",
    progress: Callable[[int], None] | None = None,
    watch: Callable[[MotionState], None] | None = None,
    checkpoint_seconds: float = 20.0,
) -> MotionState:
    """Do a run up to a number of steps, or the rest of it.

    Killed and called again, it leaves the same files to the bit as if nothing had happened: it goes on from its
    checkpoint, and frames that were written after that are not written twice. Ctrl-C loses only the
    steps after the last frame.

    Args:
        potential: drives the motion.
        start: makes the state at step 0.
        integrator: makes the steps.
        steps: in all, those of earlier calls among them; rounded up to whole intervals.
        files: where to keep it.
        every: steps between two frames.
        settings: in words; a run that was begun under others is not gone on with.
        progress: called with the steps done in all after each step.
        watch: called with the state at each frame.
        checkpoint_seconds: time between two checkpoints; frames wait so long in memory.

    Raises:
        ForgefieldError: files that belong to another run, or motion that runs away, of which all frames are kept.
    """
    begun = read_checkpoint(files, settings)
    writer = trajectory_file(files.trajectory, integrator.timestep)
    if begun is None:
        state = integrator.start(start())
        keeper = _Keeper(files, writer, integrator, settings, checkpoint_seconds, 0, 0, 0)
        keeper.add(state)
    else:
        state = begun.state
        written = writer.frames(len(state.masses)) if files.trajectory.exists() else 0
        log = ObservationLog(files.log).rows
        if min(written, log) < begun.frames:
            raise ForgefieldError(
                f"{files.trajectory} holds {written} frames and {files.log.name} {log} rows where "
                f"{files.checkpoint.name} says {begun.frames}",
                "restore the files, or move all three away and start anew",
            )
        keeper = _Keeper(files, writer, integrator, settings, checkpoint_seconds, begun.frames, written, log)

    def observe(now: MotionState) -> None:
        keeper.add(now)
        if watch is not None:
            watch(now)

    first = state.step
    left = -(-max(steps - first, 0) // every) * every
    moved = None if progress is None else (lambda done: progress(first + done))
    try:
        return run_motion(potential, state, integrator, left, every, observe, moved)
    finally:
        keeper.store()


class _Keeper:
    """Gathers frames, and stores them with a checkpoint now and then."""

    def __init__(
        self, files: RunFiles, writer: TrajectoryFile, integrator: Integrator, settings: str, seconds: float,
        frames: int, written: int, logged: int,
    ) -> None:  # fmt: skip
        self.files, self.writer, self.integrator, self.settings = files, writer, integrator, settings
        self.seconds, self.frames, self.written, self.logged = seconds, frames, written, logged
        self.log = ObservationLog(files.log)
        self.states: list[MotionState] = []
        self.observations: list[Observation] = []
        self.last: MotionState | None = None
        self.stored = time.monotonic()

    def add(self, state: MotionState) -> None:
        """A frame; those that an earlier call wrote behind its checkpoint are there already, with the same bits."""
        self.last = state
        self.frames += 1
        if self.frames > self.written:
            self.states.append(state)
        if self.frames > self.logged:
            self.observations.append(observed(state, self.integrator))
        if time.monotonic() - self.stored > self.seconds or len(self.states) >= _MOST_FRAMES:
            self.store()

    def store(self) -> None:
        """Frames first, then the checkpoint: a kill in between is made good by `add`."""
        if self.last is None:
            return
        with _whole():
            self.writer.append(self.states)
            self.log.append(self.observations)
            save_record(Checkpoint(self.last, self.frames, self.settings), self.files.checkpoint)
            self.states.clear()
            self.observations.clear()
            self.last, self.stored = None, time.monotonic()


@contextmanager
def _whole() -> Iterator[None]:
    """Ctrl-C waits until this is done: half of it would be done again, and frames written twice."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt
