"""Structures and settings that the tests of training share."""

import numpy as np
from ase.build import bulk
from matscipy.calculators.manybody import Manybody
from matscipy.calculators.manybody.explicit_forms.stillinger_weber import (
    Stillinger_Weber_PRB_31_5262_Si,
    StillingerWeber,
)

from forgefield.atoms.records import Labels
from forgefield.potentials.density.fit import DensityProblem
from forgefield.potentials.density.spec import DensitySpec

SMALL = DensitySpec(cutoff=4.5, n_radial=6, l_max=3, l_max_4body=2, channels=3, hidden=(12,), members=2)


def silicon(count: int, seed: int) -> tuple[list, list[Labels]]:
    """Rattled silicon with Stillinger–Weber labels."""
    rng = np.random.default_rng(seed)
    calculator = Manybody(**StillingerWeber(Stillinger_Weber_PRB_31_5262_Si))
    structures, labels = [], []
    for _ in range(count):
        atoms = bulk("Si", a=rng.uniform(5.3, 5.6), cubic=True)
        atoms.positions += rng.normal(scale=0.08, size=atoms.positions.shape)
        atoms.calc = calculator
        labels.append(
            Labels(atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(), "sw", "sw", 0.0)
        )
        atoms.calc = None
        structures.append(atoms)
    return structures, labels


def weights(problem: DensityProblem) -> np.ndarray:
    """All numbers of a problem's model."""
    return np.concatenate([value.numpy().ravel() for value in problem.model.state_dict().values()])
