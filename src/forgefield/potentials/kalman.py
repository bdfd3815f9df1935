"""A second-order optimiser for small networks: the multistream extended Kalman filter.

Weights are the state of a system that is measured, batch by batch, through the residuals. With residuals ξ (m,), their
derivatives H (n, m), noise R = 1/η and error covariance P (n, n) of the weights,

    A = (R + Hᵀ P H)⁻¹,  K = P H A,  w ← w − K ξ,  P ← P − K Hᵀ P + Q

(Singraber et al., J. Chem. Theory Comput. 15, 3075 (2019), section 2.4; Shah, Palmieri and Datum, Neural Networks 5,
779 (1992)). η rises and the process noise Q falls with the steps. Energies are measured one by one; forces and virials
through random combinations of all their components in the batch, so that each costs one backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from forgefield.atoms.errors import ForgefieldError
from forgefield.potentials.training_data import Prediction, Targets

MAX_PARAMETERS = 6000
_RISE = 2.302


class KalmanFilter:
    """The filter of a committee whose members do not share weights.

    Args:
        parameters: of shape (M, …).
        streams: combinations of force components that are measured in each step.
        spread: initial standard deviation of the weights' errors.
        rate: η of the first step; it rises to 1.
        decay: steps over which η rises and Q falls by a factor of ten.
        seed: of the combinations.

    Raises:
        ForgefieldError: more weights per member than the covariance is practical for.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        streams: int = 16,
        spread: float = 1.0,
        rate: float = 0.01,
        decay: float = 100.0,
        seed: int = 0,
    ) -> None:
        self.parameters = list(parameters)
        members = len(self.parameters[0])
        size = sum(each[0].numel() for each in self.parameters)
        if size > MAX_PARAMETERS:
            raise ForgefieldError(
                f"the Kalman filter would need a covariance of {size} × {size} numbers per network",
                f"use smaller networks (at most {MAX_PARAMETERS} weights), or another training.optimizer",
            )
        self.streams, self.rate, self.decay = streams, rate, decay
        self.covariance = torch.eye(size, dtype=torch.float64).repeat(members, 1, 1) * spread**2
        self.steps = 0
        self.generator = torch.Generator().manual_seed(seed)

    def step(self, prediction: Prediction, targets: Targets) -> None:
        """Measure one batch; `prediction` must be differentiable in the parameters."""
        residuals = self._residuals(prediction, targets)
        rows = residuals.shape[1]
        derivatives = [
            torch.autograd.grad(residuals[:, k].sum(), self.parameters, retain_graph=k + 1 < rows)
            for k in range(rows)
        ]
        with torch.no_grad():
            flat = [torch.cat([part.flatten(1) for part in each], dim=1) for each in derivatives]
            self._update(torch.stack(flat, dim=2), residuals.detach())

    def _update(self, derivatives: Tensor, residuals: Tensor) -> None:
        progress = self.steps / self.decay
        noise = 1.0 / min(1.0, self.rate * math.exp(_RISE * progress))
        process = max(1e-2 * math.exp(-_RISE * progress), 1e-6)
        spread = self.covariance @ derivatives  # P H
        inner = derivatives.transpose(1, 2) @ spread
        inner.diagonal(dim1=1, dim2=2).add_(noise)
        factor = torch.linalg.cholesky(inner)
        move = spread @ torch.cholesky_solve(residuals.unsqueeze(2), factor)
        half = torch.linalg.solve_triangular(factor, spread.transpose(1, 2), upper=False)
        # P − P H A Hᵀ P as a difference of symmetric matrices stays symmetric.
        self.covariance.baddbmm_(half.transpose(1, 2), half, alpha=-1.0)
        self.covariance.diagonal(dim1=1, dim2=2).add_(process)
        at = 0
        for parameter in self.parameters:
            size = parameter[0].numel()
            parameter.sub_(move[:, at : at + size].reshape(parameter.shape))
            at += size
        self.steps += 1

    def _residuals(self, prediction: Prediction, targets: Targets) -> Tensor:
        """(M, rows) errors over tolerances: of each energy, then of combinations of forces and of virials."""
        sizes, weights = targets.sizes, targets.weights
        importance = targets.importance.sqrt()
        energy = (prediction.energies - targets.energies) / (sizes * targets.energy_tolerance) * importance
        tolerance = targets.force_tolerance[targets.structure].unsqueeze(-1)
        force = (prediction.forces - targets.forces) / tolerance
        force = (force * importance[:, targets.structure].unsqueeze(-1)).flatten(1)
        scale = (sizes * targets.virial_tolerance).unsqueeze(-1)
        virial = torch.nan_to_num((prediction.virials - targets.virials) / scale, nan=0.0)
        virial = (virial * importance.unsqueeze(-1)).flatten(1)
        parts = [energy * math.sqrt(weights[0])]
        if self.streams:
            parts.append(force @ self._signs(force.shape[1]) * math.sqrt(weights[1]))
        if weights[2] and bool(torch.isfinite(targets.virials).any()):
            parts.append(virial @ self._signs(virial.shape[1])[:, :2] * math.sqrt(weights[2]))
        return torch.cat(parts, dim=1)

    def _signs(self, size: int) -> Tensor:
        """(size, streams) of random signs, columns of norm one."""
        draws = torch.randint(0, 2, (size, self.streams), generator=self.generator, dtype=torch.float64)
        return (2 * draws - 1) / math.sqrt(size)

    def state_dict(self) -> dict[str, Tensor]:
        """All state, for checkpoints."""
        return {
            "covariance": self.covariance,
            "steps": torch.tensor(self.steps),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Read what `state_dict` gave."""
        self.covariance.copy_(state["covariance"])
        self.steps = int(state["steps"])
        self.generator.set_state(state["generator"])
