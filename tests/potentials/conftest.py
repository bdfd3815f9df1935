"""A potential with random weights: it must be exact before it is trained."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from forgefield.atoms.records import Labels
from forgefield.potentials.density.fit import DensityProblem
from forgefield.potentials.density.potential import DensityPotential
from forgefield.potentials.density.spec import DensitySpec

SPEC = DensitySpec(cutoff=4.2, n_radial=5, l_max=4, channels=3, l_max_4body=3, hidden=(8, 6), members=3)
SPECIES = ("C", "Si")


def crystal(seed: int, amplitude: float = 0.15) -> Atoms:
    """A silicon carbide cell, strained and rattled."""
    rng = np.random.default_rng(seed)
    atoms = bulk("SiC", "zincblende", a=4.4) * (2, 1, 1)
    atoms.set_cell(atoms.cell @ (np.eye(3) + rng.uniform(-0.05, 0.05, (3, 3))), scale_atoms=True)
    atoms.positions += rng.normal(scale=amplitude, size=atoms.positions.shape)
    return atoms


def cells() -> dict[str, Atoms]:
    """Cells that neighbour lists get wrong when they can."""
    slab = bulk("Si", cubic=True)
    slab.pbc = (True, True, False)
    slab.rattle(0.1, seed=3)
    water = molecule("H2O")
    return {
        "triclinic": crystal(1),
        "smaller than the cutoff": bulk("Si", a=5.3),
        "slab": slab,
        "molecule": Atoms("SiC2", water.positions * 1.9),
    }


def fitted_scales(spec: DensitySpec = SPEC, seed: int = 7) -> DensityPotential:
    """Random weights, standardised on a few crystals with free atoms at known energies."""
    problem = DensityProblem(spec, SPECIES, seed)
    frees = {"C": -1.5, "Si": -0.8}
    structures = [crystal(k) for k in range(4)] + [Atoms(symbol) for symbol in SPECIES]
    labels = [
        Labels(
            frees[str(a.symbols)] if len(a) == 1 else -5.0 * len(a), np.zeros((len(a), 3)), None, "", "", 0.0
        )
        for a in structures
    ]
    problem.initialise([problem.prepare(atoms) for atoms in structures], labels)
    return problem.potential()


@pytest.fixture(scope="session")
def potential() -> DensityPotential:
    return fitted_scales()
