"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al., arXiv:2409.11321, algorithm 3).

For stacks of small matrices, as the weights of a committee are, it needs several times fewer steps than Adam.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class Soap(torch.optim.Optimizer):
    """SOAP for parameters of shape (M, a, b); each of the M matrices has its own bases.

    Args:
        parameters: to be optimised; those that are not three-dimensional get plain Adam.
        lr: step size.
        betas: decay of first and second moments; the second also of the preconditioner.
        weight_decay: decoupled, as in AdamW.
        refresh: steps between new eigenbases.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.9, 0.95),
        weight_decay: float = 0.0,
        refresh: int = 10,
    ) -> None:
        super().__init__(
            parameters, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "refresh": refresh}
        )

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step; gradients must be there."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, parameter.grad, group)

    def _step(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        first, second = group["betas"]
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.int64)
            state["mean"] = torch.zeros_like(gradient)
            state["square"] = torch.zeros_like(gradient)
            for side, size in enumerate(gradient.shape[1:]):
                state[f"covariance{side}"] = gradient.new_zeros(len(gradient), size, size)
        state["step"] += 1
        step = int(state["step"])
        state["covariance0"].lerp_(gradient @ gradient.transpose(1, 2), 1 - second)
        state["covariance1"].lerp_(gradient.transpose(1, 2) @ gradient, 1 - second)
        if step == 1 or step % group["refresh"] == 0:
            for side in (0, 1):
                state[f"basis{side}"] = torch.linalg.eigh(state[f"covariance{side}"]).eigenvectors
        left, right = state["basis0"], state["basis1"]
        state["mean"].lerp_(gradient, 1 - first)
        rotated = left.transpose(1, 2) @ gradient @ right
        state["square"].lerp_(rotated**2, 1 - second)
        mean = left.transpose(1, 2) @ state["mean"] @ right / (1 - first**step)
        update = mean / ((state["square"] / (1 - second**step)).sqrt() + 1e-12)
        lr: float = group["lr"]
        parameter.mul_(1 - lr * group["weight_decay"])
        parameter.sub_(left @ update @ right.transpose(1, 2), alpha=lr)
