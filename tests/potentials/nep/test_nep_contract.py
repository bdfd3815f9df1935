"""The nep family fulfils the contract of all potentials, and its basis that of all descriptors."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from forgefield.atoms.records import Labels
from forgefield.descriptors.nep_basis import NepBasis
from forgefield.potentials.nep.fit import NepProblem
from forgefield.potentials.nep.potential import NepPotential
from forgefield.potentials.nep.spec import NepSpec
from forgefield.testing import DescriptorContract, PotentialContract
from forgefield.testing.structures import CELLS, structure

SPECIES = ("C", "Si")
LENGTH = 1.9
CUTOFF, ANGULAR = 4.4, 3.6


class TestNepPotential(PotentialContract):
    # GPUMD's cutoff function, which the format prescribes, is a half cosine.
    continuous_derivatives = 1

    @pytest.fixture
    def potential(self) -> NepPotential:
        spec = NepSpec(
            cutoff=CUTOFF, angular_cutoff=ANGULAR, n_max_radial=4, n_max_angular=3, basis_size_radial=6,
            basis_size_angular=5, neurons=9, zbl=(0.8, 1.6),
        )  # fmt: skip
        problem = NepProblem(spec, SPECIES, 3)
        data = [structure(name, SPECIES, LENGTH) for name in CELLS]
        labels = [Labels(-5.0 * len(a), np.zeros((len(a), 3)), None, "", "", 0.0) for a in data]
        problem.initialise([problem.prepare(atoms) for atoms in data], labels)
        return problem.potential()

    def bond_length(self, potential: NepPotential) -> float:
        return LENGTH

    def edges(self, potential: NepPotential) -> tuple[float, ...]:
        return CUTOFF, ANGULAR


class TestNepBasis(DescriptorContract):
    species = SPECIES
    invariant = False
    continuous_derivatives = 1

    @pytest.fixture
    def descriptor(self) -> NepBasis:
        return NepBasis(SPECIES, CUTOFF, ANGULAR, 4, 5, 4)

    def bond_length(self) -> float:
        return LENGTH

    def edges(self, descriptor: NepBasis) -> tuple[float, ...]:
        return CUTOFF, ANGULAR


def test_the_potential_of_one_atom_is_a_number() -> None:
    problem = NepProblem(NepSpec(), ("C",), 0)
    assert np.isfinite(problem.potential().evaluate(Atoms("C")).energy)
