"""The hdnnp family fulfils the contract of all potentials."""

from __future__ import annotations

import numpy as np
import pytest

from forgefield.atoms.records import Labels
from forgefield.potentials.hdnnp.fit import HdnnpProblem
from forgefield.potentials.hdnnp.potential import HdnnpPotential
from forgefield.potentials.hdnnp.spec import HdnnpSpec, SymmetryFunctionSpec
from forgefield.testing import PotentialContract
from forgefield.testing.structures import CELLS, structure

SPECIES = ("C", "Si")
LENGTH = 1.6


class TestHdnnpPotential(PotentialContract):
    has_uncertainty = True

    @pytest.fixture
    def potential(self) -> HdnnpPotential:
        functions = SymmetryFunctionSpec(n_radial=4, n_angular=2, angular="both")
        spec = HdnnpSpec(cutoff=4.4, functions=functions, hidden=(8, 6), members=2)
        problem = HdnnpProblem(spec, SPECIES, 3)
        data = [structure(name, SPECIES, LENGTH) for name in CELLS]
        labels = [Labels(-5.0 * len(a), np.zeros((len(a), 3)), None, "", "", 0.0) for a in data]
        problem.initialise([problem.prepare(atoms) for atoms in data], labels)
        return problem.potential()

    def bond_length(self, potential: HdnnpPotential) -> float:
        return LENGTH
