"""Training by several processes: each has a share of every batch, and all take the same steps.

Gradients of the shares are added up before a step, as in synchronous data-parallel training (Li et al., PVLDB 13, 3005
(2020)), so the result is that of one process but for the order of the sums. Weights, optimisers and learning curves are
the same in all; the first process alone writes and tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import torch
import torch.distributed
from torch import Tensor

from forgefield.atoms.errors import ForgefieldError

_PATIENCE = timedelta(minutes=30)
"""Preparing data may take one process longer than another."""


class TrainingGroup:
    """One process alone, which all that is shared passes through unchanged.

    Attributes:
        rank: number of this process; 0 is the one that writes and tells.
        size: number of processes.
    """

    rank, size = 0, 1

    def share(self, chosen: Sequence[int]) -> list[int]:
        """What of a batch is this process's; may be empty."""
        return list(chosen[self.rank :: self.size])

    def add_gradients(self, parameters: Sequence[Tensor], loss: Tensor) -> Tensor:
        """Add up the processes' gradients, in place, and their losses."""
        return loss

    def agree(self, seconds: float, stop: bool) -> tuple[float, bool]:
        """The first process's clock, and its wish to stop."""
        return seconds, stop

    def total(self, sums: Sequence[float]) -> list[float]:
        """Sums over the processes."""
        return list(sums)


class ProcessGroup(TrainingGroup):
    """Processes on this machine that talk by gloo.

    Args:
        rendezvous: path of a file that does not exist yet, by which they find each other.
        rank: number of this process.
        size: number of processes.
    """

    def __init__(self, rendezvous: str, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=size, timeout=_PATIENCE
        )

    def add_gradients(self, parameters: Sequence[Tensor], loss: Tensor) -> Tensor:
        """Add up the processes' gradients, in place, and their losses.

        Raises:
            ForgefieldError: another process has ended.
        """
        parts = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
        joined = torch.cat([*(part.flatten() for part in parts), loss.detach().reshape(1)])
        self._sum(joined)
        place = 0
        for parameter in parameters:
            parameter.grad = joined[place : place + parameter.numel()].view_as(parameter).clone()
            place += parameter.numel()
        return joined[-1]

    def agree(self, seconds: float, stop: bool) -> tuple[float, bool]:
        """The first process's clock, and its wish to stop.

        Raises:
            ForgefieldError: another process has ended.
        """
        first = self.rank == 0
        told = torch.tensor([seconds if first else 0.0, float(stop and first)], dtype=torch.float64)
        self._sum(told)
        return float(told[0]), bool(told[1])

    def total(self, sums: Sequence[float]) -> list[float]:
        """Sums over the processes.

        Raises:
            ForgefieldError: another process has ended.
        """
        told = torch.tensor(list(sums), dtype=torch.float64)
        self._sum(told)
        return [float(each) for each in told]

    def close(self) -> None:
        """Leave the others."""
        torch.distributed.destroy_process_group()

    @staticmethod
    def _sum(values: Tensor) -> None:
        try:
            torch.distributed.all_reduce(values)
        except RuntimeError as error:
            raise ForgefieldError(
                f"one of the training's processes has ended ({' '.join(str(error).split())[:120]})",
                "repeat the command to go on from the last checkpoint, with fewer processes if memory was short",
            ) from error
