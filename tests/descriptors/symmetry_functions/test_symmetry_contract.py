"""Symmetry functions fulfil the contract of all descriptors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forgefield.descriptors.symmetry_functions.definition import CutoffFunction
from forgefield.descriptors.symmetry_functions.descriptor import SymmetryFunctions
from forgefield.descriptors.symmetry_functions.symmetry_functions_torch import symmetry_function_values
from forgefield.testing import DescriptorContract

from .conftest import ALL_KINDS


class TestSymmetryFunctions(DescriptorContract):
    species = ("H", "O")

    @pytest.fixture
    def descriptor(self) -> SymmetryFunctions:
        # The compact kinds end at cutoffs of their own.
        functions = [replace(each, cutoff=4.2) for each in ALL_KINDS if each.kind < 20]
        return SymmetryFunctions(self.species, functions, CutoffFunction(6))

    @pytest.fixture
    def twin(self, descriptor):
        return lambda vectors, pairs, species: symmetry_function_values(descriptor, vectors, pairs, species)

    def bond_length(self) -> float:
        return 1.9
