"""Calculators of one potential in several threads: each gets its own numbers."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from ase import Atoms
from ase.build import bulk

from forgefield.potentials.density.fit import DensityProblem
from forgefield.potentials.density.potential import DensityPotential
from forgefield.potentials.density.spec import DensitySpec


def moved(repeat: int, seed: int) -> Atoms:
    atoms = bulk("Si", cubic=True) * (repeat, 1, 1)
    atoms.rattle(0.05, seed=seed)
    return atoms


def test_threads_do_not_disturb_each_other() -> None:
    potential: DensityPotential = DensityProblem(DensitySpec(cutoff=4.0), ("Si",), seed=0).potential()
    structures = [moved(1 + number % 3, number) for number in range(60)]
    alone = [potential.evaluate(atoms) for atoms in structures]

    def relaxed(number: int) -> np.ndarray:
        calculator = potential.calculator()
        for _ in range(20):
            calculator.calculate(structures[number])
        return calculator.results["forces"]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(relaxed, range(len(structures))))
    for mine, theirs in zip(found, alone, strict=True):
        np.testing.assert_allclose(mine, theirs.forces, rtol=1e-10, atol=1e-12)
