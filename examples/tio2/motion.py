"""First-principles molecular dynamics of rutile at 1000 K, from a frame of the potential's own; it goes on where it was stopped.

python motion.py gpaw.traj [--steps 400]
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import units
from ase.build import make_supercell
from ase.io import read
from gpaw import GPAW

import forgefield
from forgefield.sampling.calculator_potential import potential_of
from forgefield.sampling.integrators import Langevin
from forgefield.sampling.langevin import MotionState, evaluated, start_motion
from forgefield.sampling.long_run import RunFiles, run_on_disk

HERE = Path(__file__).parent
TEMPERATURE, TIMESTEP, EVERY = 1000.0, 2.5, 4
"""K, fs, steps between frames."""


def main() -> None:
    """Twelve atoms, 500 eV, 2 × 2 × 2 k-points."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trajectory", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    crystal = make_supercell(read(HERE / "rutile.xyz"), [[2, 0, 0], [0, 1, 0], [0, 0, 1]])
    fitted = forgefield.load(HERE / "potential")
    langevin = Langevin(TIMESTEP * units.fs, TEMPERATURE, 50 * units.fs)
    calculator = GPAW(
        mode={"name": "pw", "ecut": 500},
        xc="PBE",
        kpts={"size": (2, 2, 2)},
        occupations={"name": "fermi-dirac", "width": 0.1},
        convergence={"energy": 1e-4, "density": 1e-3, "eigenstates": 1e-4},
        txt=None,
    )
    reference = potential_of(calculator, crystal)
    # The volume does not move, and a stress would cost as much as the forces.
    reference.has_stress = False

    def start() -> MotionState:
        rng = np.random.default_rng(arguments.seed)
        state = langevin.start(start_motion(fitted, crystal, TEMPERATURE, rng))
        for _ in range(1000):
            state = langevin.step(fitted, state)
        return evaluated(reference, replace(state, step=0))

    run_on_disk(
        reference,
        start,
        langevin,
        arguments.steps,
        RunFiles(arguments.trajectory),
        EVERY,
        f"seed {arguments.seed}",
        progress=lambda step: print(f"step {step} of {arguments.steps}", flush=True),
    )


if __name__ == "__main__":
    main()
