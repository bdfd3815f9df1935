"""Speed of the density family beside a classical many-body potential: python benchmarks/density_speed.py

Committees of the sizes that are used, 1000 silicon atoms, neighbour list included, medians of seven in one run, on one
thread and on all; the peer is matscipy's Tersoff potential.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from timing import microseconds

from forgefield.atoms.records import Labels
from forgefield.potentials.density.fit import DensityProblem
from forgefield.potentials.density.potential import DensityPotential
from forgefield.potentials.density.spec import DensitySpec
from forgefield.reference.engines.classical import tersoff_silicon


def potential_of(members: int) -> DensityPotential:
    """Random weights: speed does not depend on them."""
    rng = np.random.default_rng(0)
    small = [bulk("Si", cubic=True) for _ in range(4)]
    for atoms in small:
        atoms.rattle(0.1, rng=rng)
    problem = DensityProblem(DensitySpec(members=members), ("Si",), seed=0)
    labels = [Labels(-40.0, np.zeros((8, 3)), None, "", "", 0.0) for _ in small]
    problem.initialise([problem.prepare(atoms) for atoms in small], labels)
    return problem.potential()


def main() -> None:
    """Print a line for each size of the committee."""
    torch.set_num_threads(1)
    threads = numba.config.NUMBA_NUM_THREADS
    atoms = bulk("Si", cubic=True) * (5, 5, 5)
    atoms.rattle(0.1, seed=1)
    peer = tersoff_silicon()

    def classical(atoms: Atoms = atoms) -> None:
        fresh = atoms.copy()
        fresh.calc = peer
        peer.reset()
        fresh.get_forces()

    numba.set_num_threads(1)
    theirs = microseconds(classical, len(atoms))
    print(f"{len(atoms)} atoms, µs per atom; Tersoff (matscipy) {theirs:.1f}")
    print(
        f"{'committee':>9}  {'one thread':>10}  {'Tersoff / it':>12}  {'with spread':>11}  {threads} threads"
    )
    for members in (1, 2, 4):
        potential = potential_of(members)
        numba.set_num_threads(1)
        mine = microseconds(lambda: potential.evaluate(atoms), len(atoms))  # noqa: B023
        numba.set_num_threads(threads)
        together = microseconds(lambda: potential.evaluate(atoms), len(atoms))  # noqa: B023
        numba.set_num_threads(1)
        spread = microseconds(lambda: potential.evaluate(atoms, uncertainty=True), len(atoms))  # noqa: B023
        print(
            f"{members:9d}  {mine:10.1f}  {theirs / mine:12.1f}  {spread:11.1f}  "
            f"{together:.1f} ({mine / together:.2f} ×)"
        )


if __name__ == "__main__":
    main()
