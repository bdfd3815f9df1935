"""A set with every kind of symmetry function, every cutoff function, and cells of all sorts."""

import numpy as np
from ase import Atoms
from ase.build import molecule

from forgefield.descriptors.symmetry_functions.definition import CutoffFunction, SymmetryFunction

BOHR = 0.5291772109


def function(kind, centre, *neighbours, cutoff=7.0, **others):
    return SymmetryFunction(kind, centre, neighbours, cutoff, **others)


ALL_KINDS = [
    function(2, "H", "O", eta=0.3, shift=1.0),
    function(2, "O", "H", eta=0.1),
    function(2, "O", "O", eta=0.1, cutoff=5.5),
    function(12, "H", eta=0.2, shift=0.5),
    function(3, "H", "O", "H", eta=0.05, lambda_=1, zeta=4),
    function(3, "O", "H", "O", eta=0.05, lambda_=-1, zeta=1.5, shift=1.1),
    function(3, "O", "H", "H", eta=0.02, lambda_=-1, zeta=7),
    function(3, "O", "H", "H", eta=0.02, lambda_=1, zeta=1, cutoff=5.5),
    function(9, "H", "H", "H", eta=0.1, lambda_=1, zeta=3, shift=1),
    function(9, "O", "H", "O", eta=0.07, lambda_=-1, zeta=6),
    function(9, "O", "H", "H", eta=0.07, lambda_=-1, zeta=2),
    function(9, "O", "H", "H", eta=0.07, lambda_=1, zeta=8, cutoff=5.5),
    function(9, "O", "H", "H", eta=0.07, lambda_=-1, zeta=2.5),
    function(9, "O", "H", "H", eta=0.07, lambda_=-1, zeta=16),
    function(13, "O", eta=0.03, lambda_=1, zeta=2, shift=0.3),
    function(20, "H", "H", inner_radius=1.0, subtype="p2"),
    function(20, "H", "O", inner_radius=-7.0, subtype="p3a"),
    function(23, "H", inner_radius=0.5, subtype="e"),
    function(21, "O", "H", "H", inner_radius=0.5, subtype="p2a", left_angle=30.0, right_angle=150.0),
    function(22, "O", "O", "H", inner_radius=-7.0, subtype="p4", left_angle=-60.0, right_angle=60.0),
    function(22, "O", "H", "H", inner_radius=-7.0, subtype="p1", left_angle=60.0, right_angle=160.0),
    function(24, "O", inner_radius=0.0, subtype="e", left_angle=100.0, right_angle=260.0),
    function(25, "H", inner_radius=0.0, subtype="p3", left_angle=0.0, right_angle=90.0),
]
CUTOFFS = [CutoffFunction(kind, 0.2 if kind not in (2, 3) else 0.0) for kind in range(9)]


def small_cell() -> Atoms:
    rng = np.random.default_rng(3)
    cell = np.eye(3) * 3.2 + rng.uniform(-0.4, 0.4, (3, 3))
    return Atoms("OHHOH", rng.uniform(0, 3.2, (5, 3)), cell=cell, pbc=True)


def slab() -> Atoms:
    atoms = small_cell()
    atoms.pbc = (True, False, True)
    return atoms


CELLS = {
    "shorter than the cutoff": small_cell(),
    "one atom and its own images": Atoms("O", cell=np.diag([2.1, 2.3, 2.6]), pbc=True),
    "slab": slab(),
    "molecule": Atoms("OH2", molecule("H2O").positions),
    "free atom": Atoms("H"),
}
