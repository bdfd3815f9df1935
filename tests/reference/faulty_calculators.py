"""Tersoff silicon that goes wrong on chosen structures, in the ways in which real codes do.

Name it as engine ``ase:faulty_calculators.FaultyTersoff`` with this folder on ``sys.path`` or PYTHONPATH.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, Calculator, SCFError, all_changes

from forgefield.atoms.identity import structure_key
from forgefield.reference.engines.classical import tersoff_silicon

FAULTS = (
    "not-converged",
    "error",
    "hang",
    "nan",
    "huge-force",
    "too-few-forces",
    "other-atoms",
    "unsorted",
    "text",
    "nothing",
    "exit",
    "system-exit",
    "segmentation-fault",
    "killed",
    "memory",
    "chatter",
    "program",
)


def is_struck(atoms: Atoms, every: int, remainder: int, volume_above: float) -> bool:
    """Whether the fault strikes this structure; a pure function of it, so tests can foretell it."""
    if volume_above > 0.0 and atoms.cell.rank == 3 and atoms.cell.volume / len(atoms) > volume_above:
        return True
    return every > 0 and int(structure_key(atoms), 16) % every == remainder


class FaultyTersoff(Calculator):
    """Tersoff silicon with a fault.

    Args:
        fault: one of ``FAULTS``.
        every: strike structures whose key, as a number, leaves ``remainder`` modulo this; 1 strikes all,
            0 none.
        remainder: see ``every``.
        volume_above: strike cells with more Å³ per atom than this; 0 strikes none.
        seconds: how long ``hang`` sleeps.
        delay: seconds that every calculation takes on top.
        log: file that gets the process id of every calculation as one line, or ""; with ``program`` also that of
            the program, which never ends and has a launcher and a process group of its own, and its folder.
    """

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def __init__(
        self,
        fault: str = "not-converged",
        every: int = 0,
        remainder: int = 0,
        volume_above: float = 0.0,
        seconds: float = 3600.0,
        delay: float = 0.0,
        log: str = "",
    ) -> None:
        super().__init__()
        if fault not in FAULTS:
            raise ValueError(f"unknown fault {fault!r}; choose one of {FAULTS}")
        self.fault = fault
        self.condition = (every, remainder, volume_above)
        self.seconds = seconds
        self.delay = delay
        self.log = log

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        if self.log:
            with Path(self.log).open("a") as stream:
                stream.write(f"{os.getpid()}\n")
        time.sleep(self.delay)
        truth = tersoff_silicon()
        truth.calculate(self.atoms)
        self.results = dict(truth.results)
        if is_struck(self.atoms, *self.condition):
            self._go_wrong()

    def _go_wrong(self) -> None:
        match self.fault:
            case "not-converged":
                raise SCFError("density did not settle within 60 steps")
            case "error":
                raise CalculationFailed("the code stopped\nin routine diagonalise")
            case "hang":
                time.sleep(self.seconds)
            case "nan":
                self.results["forces"] = np.full((len(self.atoms), 3), np.nan)
            case "huge-force":
                self.results["forces"] = self.results["forces"] + 1e4
            case "too-few-forces":
                self.results["forces"] = self.results["forces"][:-1]
            case "other-atoms":
                self.results["forces"] = np.tile(self.results["forces"], (2, 1))
            case "unsorted":
                self.results["forces"] = np.roll(self.results["forces"], 1, axis=0)
            case "text":
                self.results["energy"] = self.results["free_energy"] = "converged"
            case "nothing":
                self.results.clear()
            case "chatter":
                print("garbage " * 100_000, flush=True)
                os.write(1, b"garbage on the descriptor\n" * 10_000)
            case "program":
                self._start_program()
                time.sleep(self.seconds)
            case _:
                self._die()

    def _start_program(self) -> None:
        folder = tempfile.mkdtemp()
        line = f'set -m; sleep 3600 & echo $! {folder} >> {self.log}; trap "kill $!; exit" TERM; wait'
        subprocess.Popen(["sh", "-c", line], cwd=folder)

    def _die(self) -> NoReturn:
        match self.fault:
            case "exit":
                print("the code says goodbye", file=sys.stderr, flush=True)
                os._exit(3)
            case "system-exit":
                sys.exit("stop: cannot go on")
            case "segmentation-fault":
                ctypes.string_at(0)
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
        raise MemoryError
