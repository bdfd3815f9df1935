"""Training by several processes: the same potential, and what happens when one of them ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import psutil
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.fitting import FittedPotential, fit
from forgefield.potentials.training import Progress

SETTINGS = {
    "potential": {"cutoff": 4.0, "n_radial": 4, "l_max": 2, "l_max_4body": 0, "channels": 2, "hidden": [6]},
    "training": {"epochs": 4, "batch_atoms": 20, "exact_last_layer": False, "optimizer": "adam"},
}


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    """Cells of 4 and 8 atoms: some batches are a single structure, of which one process has no share."""
    found = []
    for number in range(24):
        atoms = bulk("Cu", cubic=True) * ((1, 1, 1) if number % 3 else (1, 1, 4))
        atoms.rattle(0.1, seed=number)
        atoms.calc = EMT()
        atoms.get_stress()
        found.append(atoms)
    return found


def fitted(frames: list[Atoms], processes: int, **more: object) -> FittedPotential:
    return fit(frames, "density", settings=SETTINGS, seed=3, processes=processes, **more)  # type: ignore[arg-type]


def test_two_processes_learn_what_one_learns(frames: list[Atoms]) -> None:
    alone, together = (fitted(frames, processes) for processes in (1, 2))
    for one, two in zip(alone.result.history, together.result.history, strict=True):
        for name in ("training", "training_energy", "training_stress", "validation", "validation_energy"):
            assert getattr(two, name) == pytest.approx(getattr(one, name), rel=1e-5)
    one, two = (each.potential.evaluate(frames[0]) for each in (alone, together))
    np.testing.assert_allclose(two.forces, one.forces, rtol=1e-4, atol=1e-6)


def test_what_was_interrupted_goes_on_with_another_number(frames: list[Atoms], tmp_path: Path) -> None:
    seen: list[Progress] = []
    checkpoint = tmp_path / "checkpoint.pt"
    first = fitted(frames, 2, checkpoint=checkpoint, report=seen.append, stop=lambda: len(seen) >= 2)
    assert first.result.ending == "stopped"
    whole = fitted(frames, 1)
    rest = fitted(frames, 1, checkpoint=checkpoint)
    assert rest.result.ending == "finished"
    assert rest.result.history[-1].validation == pytest.approx(whole.result.history[-1].validation, rel=1e-5)


def test_a_process_that_is_killed_is_told(frames: list[Atoms]) -> None:
    def kill(progress: Progress) -> None:
        for child in psutil.Process(os.getpid()).children():
            if "spawn_main" in " ".join(child.cmdline()):
                child.send_signal(signal.SIGKILL)

    with pytest.raises(ForgefieldError, match="one of the training's processes has ended"):
        fitted(frames, 2, report=kill)


def test_the_kalman_filter_takes_whole_batches(frames: list[Atoms]) -> None:
    settings = {**SETTINGS, "training": {"epochs": 1, "optimizer": "kalman"}}
    with pytest.raises(ForgefieldError, match="one process"):
        fit(frames, "density", settings=settings, processes=2)
