"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al., arXiv:2409.11321, algorithm 3).

For stacks of small matrices, as the weights of a committee are, it needs several times fewer steps than Adam.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

_LARGEST = 512
"""Sides longer than this get no basis: its eigenvectors would cost more than they save."""


class Soap(torch.optim.Optimizer):
    """SOAP for parameters of shape (…, a, b): each matrix of the stack has its own bases.

    Args:
        parameters: to be optimised; vectors and numbers get plain Adam.
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
        shape = parameter.shape
        rows, columns = shape[-2:] if parameter.dim() > 1 else (1, parameter.numel())
        gradient = gradient.reshape(-1, rows, columns)
        # A vector has nothing to turn: Adam acts on its entries as they are.
        sides = [
            side for side, size in enumerate((rows, columns)) if parameter.dim() > 1 and 1 < size <= _LARGEST
        ]
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.int64)
            state["mean"] = torch.zeros_like(gradient)
            state["square"] = torch.zeros_like(gradient)
            for side in sides:
                size = gradient.shape[1 + side]
                state[f"covariance{side}"] = gradient.new_zeros(len(gradient), size, size)
        state["step"] += 1
        step = int(state["step"])
        for side in sides:
            outer = gradient @ gradient.mT if side == 0 else gradient.mT @ gradient
            state[f"covariance{side}"].lerp_(outer, 1 - second)
            if step == 1 or step % group["refresh"] == 0:
                state[f"basis{side}"] = torch.linalg.eigh(state[f"covariance{side}"]).eigenvectors
        state["mean"].lerp_(gradient, 1 - first)
        rotated = _turn(gradient, state, sides)
        state["square"].lerp_(rotated.square(), 1 - second)
        size = (state["square"] / (1 - second**step)).sqrt_().add_(1e-12)
        update = _turn_back(_turn(state["mean"], state, sides).div_(size), state, sides)
        lr: float = group["lr"]
        parameter.mul_(1 - lr * group["weight_decay"])
        parameter.sub_(update.reshape(shape), alpha=lr / (1 - first**step))


def _turn(matrices: Tensor, state: dict[str, Tensor], sides: list[int]) -> Tensor:
    """Into the eigenbasis; always a new tensor."""
    turned = state["basis0"].mT @ matrices if 0 in sides else matrices.clone()
    return turned @ state["basis1"] if 1 in sides else turned


def _turn_back(matrices: Tensor, state: dict[str, Tensor], sides: list[int]) -> Tensor:
    matrices = state["basis0"] @ matrices if 0 in sides else matrices
    return matrices @ state["basis1"].mT if 1 in sides else matrices
