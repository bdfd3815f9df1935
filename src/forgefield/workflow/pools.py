"""Where the tasks of a run go, by what they need."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from forgefield.atoms.errors import ForgefieldError
from forgefield.workflow.executors import abandon, open_executor
from forgefield.workflow.parsl_pools import start_parsl
from forgefield.workflow.profile import ProfileSpec


@dataclass(frozen=True)
class Pools:
    """Executors of a run, which may be one and the same; as a context manager they end with it.

    Attributes:
        reference: for calculations of the reference.
        sampling: for trajectories.
        training: for fits of potentials; None where the run's own process does them.
    """

    reference: Executor
    sampling: Executor
    training: Executor | None = None

    @classmethod
    def of(cls, executor: Executor) -> Pools:
        """One executor for everything."""
        return cls(executor, executor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End them; after an error at once: a calculation may take hours, and will be made again."""
        pools = {
            id(each): each for each in (self.sampling, self.reference, self.training) if each is not None
        }
        for executor in pools.values():
            if error is None:
                executor.shutdown()
            else:
                abandon(executor)


def open_pools(where: str | ProfileSpec | Path, workers: int, folder: Path) -> Pools:
    """Pools on this machine or a cluster.

    Args:
        where: ``local``, a profile, or a Python file that returns a parsl configuration.
        workers: processes on this machine.
        folder: of the run; a cluster's logs go there.

    Raises:
        ForgefieldError: unknown name, no workers, or a cluster that cannot be used.
    """
    if isinstance(where, str):
        if where != "local":
            raise ForgefieldError(
                f"unknown executor {where!r}",
                "choose local, or name a profile: a file .yaml, or .py for parsl's own",
            )
        return Pools.of(open_executor(workers))
    started = start_parsl(where, folder)
    reference = started["reference"]
    return Pools(reference, started.get("sampling", reference), started.get("training"))
