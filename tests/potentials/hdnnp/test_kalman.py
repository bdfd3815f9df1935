"""The Kalman filter against the closed formula of a linear problem, and its limits."""

from __future__ import annotations

import pytest
import torch

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.kalman import KalmanFilter
from forgefield.potentials.training_data import Prediction, Targets

MEMBERS, WEIGHTS, STRUCTURES = 2, 5, 8


def linear_targets(energies: torch.Tensor) -> Targets:
    ones = torch.ones(STRUCTURES, dtype=torch.float64)
    nothing = torch.zeros(STRUCTURES, 3, dtype=torch.float64)
    return Targets(
        energies=energies, forces=nothing, virials=torch.full((STRUCTURES, 6), torch.nan, dtype=torch.float64),
        sizes=ones, volumes=ones, energy_tolerance=ones, force_tolerance=ones, virial_tolerance=ones,
        importance=torch.ones(MEMBERS, STRUCTURES, dtype=torch.float64), structure=torch.arange(STRUCTURES),
        weights=(1.0, 1.0, 0.0), typical_size=1.0,
    )  # fmt: skip


def linear_prediction(weights: torch.Tensor, inputs: torch.Tensor) -> Prediction:
    zero = 0.0 * weights.sum()
    return Prediction(
        weights @ inputs,
        zero + torch.zeros(MEMBERS, STRUCTURES, 3),
        zero + torch.zeros(MEMBERS, STRUCTURES, 6),
    )


def test_one_step_on_a_linear_problem_is_ridge_regression() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(WEIGHTS, STRUCTURES, generator=generator, dtype=torch.float64)
    truth = torch.randn(WEIGHTS, generator=generator, dtype=torch.float64)
    weights = torch.randn(MEMBERS, WEIGHTS, generator=generator, dtype=torch.float64).requires_grad_()
    start = weights.detach().clone()
    kalman = KalmanFilter([weights], streams=0, spread=2.0, rate=0.5)
    kalman.step(linear_prediction(weights, inputs), linear_targets(truth @ inputs))
    # Prior variance 4, noise variance 1/0.5: minimise Σ residual²/2 + |w − start|²/4.
    matrix = inputs @ inputs.T / 2 + torch.eye(WEIGHTS, dtype=torch.float64) / 4
    right = (inputs @ (truth @ inputs) / 2).unsqueeze(1) + start.T / 4
    expected = torch.linalg.solve(matrix, right).T
    torch.testing.assert_close(weights.detach(), expected, rtol=1e-10, atol=1e-12)
    covariance = torch.linalg.inv(matrix) + 1e-2 * torch.eye(WEIGHTS, dtype=torch.float64)
    torch.testing.assert_close(kalman.covariance[0], covariance, rtol=1e-10, atol=1e-12)


def test_a_linear_problem_is_solved() -> None:
    generator = torch.Generator().manual_seed(1)
    truth = torch.randn(WEIGHTS, generator=generator, dtype=torch.float64)
    weights = torch.zeros(MEMBERS, WEIGHTS, dtype=torch.float64).requires_grad_()
    kalman = KalmanFilter([weights], streams=0, decay=5.0)
    for _ in range(300):
        inputs = torch.randn(WEIGHTS, STRUCTURES, generator=generator, dtype=torch.float64)
        kalman.step(linear_prediction(weights, inputs), linear_targets(truth @ inputs))
    torch.testing.assert_close(weights.detach(), truth.expand(MEMBERS, -1), rtol=2e-3, atol=2e-3)


def test_state_goes_on_to_the_bit() -> None:
    def run(filter_: KalmanFilter, weights: torch.Tensor, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        inputs = torch.randn(WEIGHTS, STRUCTURES, generator=generator, dtype=torch.float64)
        filter_.step(linear_prediction(weights, inputs), linear_targets(inputs.sum(0)))

    first = torch.zeros(MEMBERS, WEIGHTS, dtype=torch.float64).requires_grad_()
    kalman = KalmanFilter([first])
    run(kalman, first, 0)
    second = first.detach().clone().requires_grad_()
    other = KalmanFilter([second], seed=9)
    other.load_state_dict({name: value.clone() for name, value in kalman.state_dict().items()})
    run(kalman, first, 1)
    run(other, second, 1)
    assert torch.equal(first, second)


def test_large_models_are_refused() -> None:
    with pytest.raises(ForgefieldError, match="covariance of 7000 × 7000 numbers per network; use smaller"):
        KalmanFilter([torch.zeros(1, 7000)])
