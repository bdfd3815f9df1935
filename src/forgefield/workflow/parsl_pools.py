"""Tasks on the nodes of a cluster, through parsl (Babuji et al., Proc. 28th HPDC (2019) 25)."""

from __future__ import annotations

import logging
import os
import shlex
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from forgefield.atoms.errors import ForgefieldError
from forgefield.workflow.executors import LostTaskError
from forgefield.workflow.profile import JobsSpec, ProfileSpec, seconds

if TYPE_CHECKING:
    from parsl import Config, DataFlowKernel
    from parsl.dataflow.taskrecord import TaskRecord
    from parsl.executors import HighThroughputExecutor
    from parsl.executors.status_handling import BlockProviderExecutor
    from parsl.jobs.states import JobStatus
    from parsl.providers.base import ExecutionProvider

Result = TypeVar("Result")
_KINDS = ("reference", "sampling", "training")
_LEFTOVERS = "trap 'pkill -KILL -g 0 -f multiprocessing' EXIT"
"""What a scheduler does after a job: end what a killed worker pool leaves behind in its process group."""
_LOST_JOBS = 8
"""Jobs of a kind that end one after another before their workers begin, beyond twice those that run at a time."""
_SILENCES = 4
"""Heartbeats that a node may miss."""


class ParslExecutor(Executor):
    """Tasks in the jobs of one label of a parsl kernel.

    What is submitted cannot be called back; a future that is cancelled only stops to be heard of.

    Args:
        kernel: starts jobs and hands out tasks.
        label: which jobs.
    """

    def __init__(self, kernel: DataFlowKernel, label: str) -> None:
        self.kernel, self.label = kernel, label
        self._lock = threading.Lock()

    def submit(self, function: Callable[..., Result], /, *arguments: Any, **keywords: Any) -> Future[Result]:
        """Run a function of a module on some node; its arguments and result must be picklable."""
        promise: Future[Result] = Future()
        with self._lock:  # parsl counts its tasks without one
            task = self.kernel.submit(function, arguments, [self.label], False, None, keywords)
        task.add_done_callback(lambda done: _hand_over(done, promise))
        return promise

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the kernel with all its jobs, at once if the tasks are given up."""
        if self.kernel.cleanup_called:
            return
        if wait and not cancel_futures:
            self.kernel.wait_for_current_tasks()
        log = logging.getLogger("parsl")
        before = list(log.handlers)
        self.kernel.cleanup()
        for handler in set(before) - set(log.handlers):
            handler.close()  # parsl lets go of its file, but leaves it open


def start_parsl(profile: ProfileSpec | Path, folder: Path) -> dict[str, ParslExecutor]:
    """Executors by what they are for: ``reference``; ``sampling`` and ``training`` where they have jobs of their own.

    Args:
        profile: a profile; or a Python file with a function ``config()`` that returns a ``parsl.Config``, whose
            executors have these labels (one alone may have any).
        folder: of parsl's logs; the nodes must see it.

    Raises:
        ForgefieldError: parsl is not installed, or the file does not do what it should.
    """
    try:
        from parsl import DataFlowKernel
    except ImportError as error:
        raise ForgefieldError(
            "running on a cluster needs parsl, which is not installed", "pip install 'forgefield[parsl]'"
        ) from error
    config = config_of(profile, folder) if isinstance(profile, ProfileSpec) else _config_in(profile)
    labels = [executor.label for executor in config.executors]
    if len(labels) > 1 and "reference" not in labels:
        raise ForgefieldError(
            f"{profile} names its executors {', '.join(labels)}", f"label them {', '.join(_KINDS)}"
        )
    kernel = DataFlowKernel(config)
    if len(labels) == 1:
        return {"reference": ParslExecutor(kernel, labels[0])}
    return {label: ParslExecutor(kernel, label) for label in labels if label in _KINDS}


def config_of(profile: ProfileSpec, folder: Path) -> Config:
    """The profile in parsl's words."""
    from parsl import Config

    return Config(
        executors=[_executor(label, jobs, profile, folder) for label, jobs in profile.classes.items()],
        retries=profile.retries,
        retry_handler=_cost_of,
        # Idle nodes go back while others still work; idle processes of this machine cost nothing.
        strategy="simple" if profile.scheduler == "local" else "htex_auto_scale",
        run_dir=str(folder / "parsl"),
        usage_tracking=0,
    )


def _executor(label: str, jobs: JobsSpec, profile: ProfileSpec, folder: Path) -> HighThroughputExecutor:
    from parsl.addresses import address_by_hostname
    from parsl.executors import HighThroughputExecutor

    local = profile.scheduler == "local"
    return HighThroughputExecutor(
        label=label,
        provider=_provider(jobs, profile),
        interchange_launch_cmd=[sys.executable, "-m", "forgefield.workflow.interchange", str(os.getpid())],
        # Without an address parsl asks a server on the internet for one.
        address=profile.address or ("127.0.0.1" if local else address_by_hostname()),
        cores_per_worker=jobs.cores_per_task,
        max_workers_per_node=jobs.tasks_per_node,
        available_accelerators=jobs.gpus_per_node,
        heartbeat_period=max(1, round(profile.heartbeat)),
        heartbeat_threshold=max(1, round(_SILENCES * profile.heartbeat)),
        drain_period=None if local else seconds(jobs.walltime) - seconds(jobs.longest_task),
        worker_logdir_root=str(folder / "parsl"),
        block_error_handler=partial(give_up_where_none_begin, most=_LOST_JOBS + 2 * jobs.jobs),
    )


def give_up_where_none_begin(executor: BlockProviderExecutor, jobs: dict[str, JobStatus], most: int) -> None:
    """Fail all tasks when so many jobs in a row ended before a worker of theirs had come.

    parsl's own ways count jobs that worked and were killed later too: on nodes that die now and then a long run
    would end.
    """
    from parsl.jobs.states import JobState

    latest = [jobs[number] for number in sorted(jobs, key=int)[-most:]]
    if len(latest) == most and all(job.state == JobState.MISSING for job in latest):
        said = " ".join((latest[-1].stderr_summary or latest[-1].stdout_summary or "nothing").split())[-300:]
        error = ForgefieldError(
            f"{most} jobs in a row ended before their workers began; the last one said: {said}",
            "try the profile's setup on a node; parsl's logs are in the run's folder",
        )
        executor.set_bad_state_and_fail_all(error)


def _provider(jobs: JobsSpec, profile: ProfileSpec) -> ExecutionProvider:
    from parsl.launchers import MpiExecLauncher, SingleNodeLauncher, SrunLauncher
    from parsl.providers import KubernetesProvider, LocalProvider, PBSProProvider, SlurmProvider

    blocks: dict[str, Any] = {"init_blocks": 1, "min_blocks": 0, "max_blocks": jobs.jobs}
    setup = worker_setup(jobs, profile)
    cores = jobs.tasks_per_node * jobs.cores_per_task
    queued: dict[str, Any] = {
        "account": jobs.account,
        "nodes_per_block": jobs.nodes,
        "walltime": jobs.walltime,
        "scheduler_options": "\n".join(jobs.options),
        "worker_init": setup,
        **blocks,
    }
    if profile.scheduler == "slurm":
        return SlurmProvider(
            partition=jobs.queue,
            cores_per_node=cores,
            gpus_per_node=jobs.gpus_per_node or None,
            exclusive=False,
            launcher=SrunLauncher(),
            **queued,
        )
    if profile.scheduler == "pbs":
        return PBSProProvider(
            queue=jobs.queue,
            cpus_per_node=cores,
            select_options=f"ngpus={jobs.gpus_per_node}" if jobs.gpus_per_node else "",
            launcher=MpiExecLauncher() if jobs.nodes > 1 else SingleNodeLauncher(),
            **queued,
        )
    if profile.kubernetes is not None:
        return KubernetesProvider(
            image=profile.kubernetes.image,
            namespace=profile.kubernetes.namespace,
            max_cpu=cores,
            init_cpu=cores,
            max_mem=profile.kubernetes.memory,
            init_mem=profile.kubernetes.memory,
            persistent_volumes=list(profile.kubernetes.volumes.items()),
            # A pod has the image's Python, and no shell profile to follow.
            worker_init=_joined(_threads(jobs), profile.setup, jobs.setup),
            **blocks,
        )
    # Every job of this machine starts at once: there is no queue to wait for.
    return LocalProvider(worker_init=setup, **{**blocks, "init_blocks": jobs.jobs})


def worker_setup(jobs: JobsSpec, profile: ProfileSpec) -> str:
    """Shell commands before workers start: the user's, then this Python first on the path and the number of threads."""
    here = Path(sys.executable).parent
    lines = [profile.setup, jobs.setup, f'export PATH={shlex.quote(str(here))}:"$PATH"', _threads(jobs)]
    return _joined(*lines, *([_LEFTOVERS] if profile.scheduler == "local" else []))


def _threads(jobs: JobsSpec) -> str:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return "\n".join(f"export {name}={jobs.cores_per_task}" for name in names)


def _joined(*parts: str) -> str:
    return "\n".join(part.strip() for part in parts if part.strip())


def _cost_of(error: Exception, task: TaskRecord) -> float:
    """One try for what was lost; an error that the task itself raised would come again."""
    return 1.0 if _is_loss(error) else float("inf")


def _is_loss(error: BaseException) -> bool:
    from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

    return isinstance(error, ManagerLost | WorkerLost)


def _hand_over(task: Future[Result], promise: Future[Result]) -> None:
    from parsl.executors.errors import BadStateException

    if not promise.set_running_or_notify_cancel():
        return
    error = task.exception()
    if isinstance(error, BadStateException):
        error = getattr(error.executor, "executor_exception", error)  # why there are no workers any more
    if error is None:
        promise.set_result(task.result())
    elif _is_loss(error):
        lost = LostTaskError(
            f"a task was lost with its worker, again and again ({error})", "see parsl's logs"
        )
        promise.set_exception(lost)
    else:
        promise.set_exception(error)


def _config_in(file: Path) -> Config:
    import runpy

    from parsl import Config

    found = runpy.run_path(str(file)).get("config")
    config = found() if callable(found) else found
    if not isinstance(config, Config):
        raise ForgefieldError(
            f"{file} gives no parsl configuration", "define a function config() that returns a parsl.Config"
        )
    return config
