"""The density network's two forms prove each other, and its invariants are invariant, complete and independent."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from forgefield.descriptors.density_torch import real_harmonics
from forgefield.potentials.density import products
from forgefield.potentials.density.compiled import CompiledEnergies, parameters_of
from forgefield.potentials.density.model import DensityModel
from forgefield.potentials.density.program import build_program
from forgefield.potentials.density.spec import DensitySpec

SPEC = DensitySpec(n_radial=4, l_max=3, channels=3, l_max_4body=2, l_max_5body=2, hidden=(6, 5), members=2)


@pytest.fixture
def model() -> DensityModel:
    generator = torch.Generator().manual_seed(0)
    model = DensityModel(SPEC, n_species=2, seed=4)
    for network in model.elements:
        sample = torch.randn(20, 2, 4, 16, generator=generator, dtype=torch.float64)
        network.standardise(sample, free_energy=-1.3, mean_energy=-5.0)
    return model


def test_compiled_energies_and_all_their_derivatives_are_those_of_pytorch(model):
    rng = np.random.default_rng(1)
    values = torch.from_numpy(rng.normal(size=(7, 2, 4, 16)))
    species = np.array([0, 1, 1, 0, 1, 0, 0])
    parameters = [each for network in model.elements for each in parameters_of(network)]
    expansion = values.expand(2, *values.shape).clone().requires_grad_()
    energies = model(expansion, torch.from_numpy(species))
    (cotangents,) = torch.autograd.grad(energies.sum(), expansion, create_graph=True)
    compiled, pulled, _ = CompiledEnergies.apply(model, values, species, *parameters)
    torch.testing.assert_close(compiled, energies, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(pulled, cotangents, rtol=1e-11, atol=1e-12)
    by_energy, tangent = (
        torch.from_numpy(rng.normal(size=(2, 7))),
        torch.from_numpy(rng.normal(size=pulled.shape)),
    )
    expected = torch.autograd.grad((by_energy * energies).sum() + (tangent * cotangents).sum(), parameters)
    given = torch.autograd.grad((by_energy * compiled).sum() + (tangent * pulled).sum(), parameters)
    for one, other in zip(given, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("degrees", [(4, 3, 2), (3, 0, 0), (2, 2, 0), (6, 4, 3)])
def test_features_are_invariant_and_independent(degrees):
    program = build_program(*degrees)
    rng = np.random.default_rng(2)
    points, weights = rng.normal(size=(60, 9, 3)), rng.normal(size=(60, 9))
    points /= np.linalg.norm(points, axis=2, keepdims=True)

    def features(points: np.ndarray) -> np.ndarray:
        harmonics = real_harmonics(torch.from_numpy(points.reshape(-1, 3)), degrees[0]).numpy()
        density = np.einsum("an,anh->ah", weights, harmonics.reshape(60, 9, -1))
        rows = products.evaluate(
            np.ones((1, 1)),
            density[:, None],
            np.arange(60),
            program.instructions,
            program.factors,
            program.n_rows,
        )
        return rows[:, program.first_feature :, 0]

    found = features(points)
    turned = features(points @ Rotation.from_euler("xyz", [0.3, -1.0, 2.2]).as_matrix().T)
    np.testing.assert_allclose(turned, found, rtol=0, atol=1e-10 * np.abs(found).max())
    assert found.shape == (60, program.n_features)
    assert np.linalg.matrix_rank(found / np.abs(found).max(axis=0), tol=1e-6) == min(60, program.n_features)


def test_as_many_features_as_a_density_has_numbers_less_the_three_of_a_rotation():
    assert build_program(2, 2, 2).n_features == 9 - 3
    # Of a scalar and a vector only their lengths: powers of them are no features of their own.
    assert build_program(1, 1, 1).names == ("2:0", "2:1")
