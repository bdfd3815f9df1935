"""Structures and settings that the tests of Bayesian potentials share."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.morse import MorsePotential

from forgefield.atoms.records import Labels
from forgefield.potentials.bayesian.examples import Example
from forgefield.potentials.bayesian.spec import BayesianSpec

SPECIES = ("C", "Si")
SMALL = {"cutoff": 4.2, "n_radial": 4, "l_max": 2}
LINEAR = BayesianSpec(**SMALL)
POLYNOMIAL = BayesianSpec(**SMALL, kernel="polynomial", references=30)
BOTH = pytest.mark.parametrize("spec", [LINEAR, POLYNOMIAL], ids=("linear", "polynomial"))
FREE = {"C": -1.5, "Si": -0.8}


def carbide(seed, amplitude=0.1):
    """A strained and rattled cell of silicon carbide."""
    rng = np.random.default_rng(seed)
    atoms = bulk("SiC", "zincblende", a=4.4) * (2, 2, 1)
    atoms.set_cell(atoms.cell @ (np.eye(3) + rng.uniform(-0.05, 0.05, (3, 3))), scale_atoms=True)
    atoms.positions += rng.normal(scale=amplitude, size=atoms.positions.shape)
    return atoms


def labelled(atoms):
    """Morse energies with an energy of each element that is another one when it is bound."""
    counts = {symbol: sum(atoms.symbols == symbol) for symbol in SPECIES}
    if len(atoms) == 1:
        return Labels(FREE[str(atoms.symbols)], np.zeros((1, 3)), None, "", "", 0.0)
    atoms = atoms.copy()
    atoms.calc = MorsePotential(epsilon=0.5, r0=1.9, rho0=3.0, rcut1=3.0, rcut2=4.2)
    energy = atoms.get_potential_energy() - 5.0 * counts["C"] - 3.0 * counts["Si"]
    stress = atoms.get_stress() if atoms.cell.rank == 3 else None
    return Labels(energy, atoms.get_forces(), stress, "", "", 0.0)


def examples(seeds, free=("C", "Si")):
    structures = [*(Atoms(symbol) for symbol in free), *(carbide(seed) for seed in seeds)]
    return [Example(atoms, labelled(atoms)) for atoms in structures]
