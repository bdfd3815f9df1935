"""The kernels of the density expansion and their twin in PyTorch prove each other."""

import numpy as np
import pytest
import torch

from forgefield.atoms.neighbours import find_neighbours
from forgefield.descriptors.density import DensityExpansion
from forgefield.descriptors.density_torch import density_values
from forgefield.testing import DescriptorContract
from forgefield.testing.structures import structure


def twin_of(expansion):
    def values(vectors, pairs, species):
        return density_values(
            expansion, vectors, *map(torch.from_numpy, (pairs.centres, pairs.neighbours, species))
        )

    return values


class TestDensityExpansion(DescriptorContract):
    species = ("C", "Si")
    invariant = False

    @pytest.fixture(params=[(5, 4), (1, 0), (3, 6)], ids=["l4", "l0", "l6"])
    def descriptor(self, request):
        n_radial, l_max = request.param
        return DensityExpansion(self.species, cutoff=4.3, n_radial=n_radial, l_max=l_max)

    @pytest.fixture
    def twin(self, descriptor):
        return twin_of(descriptor)


def test_single_precision_and_pairs_beyond_the_cutoff():
    expansion = DensityExpansion(("C", "Si"), cutoff=4.3, n_radial=4, l_max=3)
    atoms = structure("triclinic", ("C", "Si"), 2.0)
    species = expansion.species_index(atoms)
    expected = expansion.values(expansion.neighbours(atoms), species)
    far = find_neighbours(atoms, 5.5)
    values = twin_of(expansion)(torch.from_numpy(far.vectors).float(), far, species)
    assert values.dtype == torch.float32
    np.testing.assert_allclose(values.numpy(), expected, atol=2e-6 * np.abs(expected).max())
