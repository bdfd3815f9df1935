"""What a run gets of a cluster: which scheduler, and which jobs for which tasks."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from forgefield.atoms.spec import Spec

_WALLTIME = re.compile(r"\d{1,3}:[0-5]\d:[0-5]\d")


def _is_walltime(text: str) -> str:
    if not _WALLTIME.fullmatch(text):
        raise ValueError(f"{text!r} is no time; write hours, minutes and seconds, such as 04:00:00")
    return text


def seconds(walltime: str) -> int:
    """Of a time such as ``04:00:00``."""
    hours, minutes, rest = map(int, walltime.split(":"))
    return 3600 * hours + 60 * minutes + rest


class JobsSpec(Spec):
    """Jobs of one kind. Those that find no work end, and come back when there is some."""

    jobs: int = Field(default=1, ge=1)
    """At most so many at a time."""
    nodes: int = Field(default=1, ge=1)
    """Nodes of a job."""
    tasks_per_node: int = Field(default=1, ge=1)
    """Tasks side by side on a node."""
    cores_per_task: int = Field(default=1, ge=1)
    """Cores of a task; so many threads may its arithmetic use."""
    gpus_per_node: int = Field(default=0, ge=0)
    """GPUs of a node, shared out among its tasks."""
    walltime: Annotated[str, AfterValidator(_is_walltime)] = "04:00:00"
    """Of a job, hours:minutes:seconds."""
    longest_task: Annotated[str, AfterValidator(_is_walltime)] = "00:30:00"
    """A job takes no new task when less than this is left of its time."""
    queue: str | None = None
    """Partition (Slurm) or queue (PBS); null: the scheduler's choice."""
    account: str | None = None
    """Who pays; null: the scheduler's choice."""
    options: tuple[str, ...] = ()
    """Further lines for the head of the submit script, such as ``#SBATCH --constraint=rome``."""
    setup: str = ""
    """Shell commands before the workers start, after those of the profile."""

    @property
    def tasks(self) -> int:
        """Side by side, in all jobs."""
        return self.jobs * self.nodes * self.tasks_per_node

    @model_validator(mode="after")
    def _time_for_a_task(self) -> Self:
        if seconds(self.longest_task) >= seconds(self.walltime):
            raise ValueError(
                f"longest_task ({self.longest_task}) leaves nothing of walltime ({self.walltime}); ask for longer jobs"
            )
        return self


class KubernetesSpec(Spec):
    """Pods."""

    image: str
    """Container image with forgefield in it."""
    namespace: str = "default"
    """Of the pods."""
    memory: str = "4Gi"
    """Of a pod."""
    volumes: dict[str, str] = Field(default_factory=dict)
    """Names of persistent volume claims and where they are mounted. One must hold the run's folder."""


class ProfileSpec(Spec):
    """Where tasks run."""

    scheduler: Literal["local", "slurm", "pbs", "kubernetes"]
    """What starts jobs; local: this machine, each job a process of its own."""
    reference: JobsSpec = JobsSpec()
    """For calculations of the reference."""
    sampling: JobsSpec | None = None
    """For trajectories; null: in the jobs of the reference."""
    training: JobsSpec | None = None
    """For fits of potentials; null: in the process of the command."""
    setup: str = ""
    """Shell commands before the workers start: modules, environments. This program's Python comes first on the path."""
    retries: int = Field(default=2, ge=0)
    """How often a task that was lost with its worker or node is given to another."""
    heartbeat: float = Field(default=15.0, gt=0)
    """Seconds between signs of life; a node that is silent four times as long is given up."""
    address: str | None = None
    """Where nodes reach this machine; null: under its host name."""
    kubernetes: KubernetesSpec | None = None
    """With ``scheduler: kubernetes``."""

    @model_validator(mode="after")
    def _pods(self) -> Self:
        if (self.scheduler == "kubernetes") != (self.kubernetes is not None):
            raise ValueError("the group kubernetes belongs to scheduler: kubernetes, and must say the image")
        return self

    @property
    def classes(self) -> dict[str, JobsSpec]:
        """Jobs by the name of what they are for."""
        own = {"reference": self.reference, "sampling": self.sampling, "training": self.training}
        return {name: jobs for name, jobs in own.items() if jobs is not None}
