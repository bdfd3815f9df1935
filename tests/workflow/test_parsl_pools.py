"""Tasks on a cluster: lost nodes, lost workers, lost heads, and the scripts that schedulers get."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from ase.build import bulk
from parsl.jobs.states import JobState, JobStatus
from pydantic import ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Failure, Labels
from forgefield.dataset.store import Dataset
from forgefield.reference.ledger import Ledger
from forgefield.reference.recipe import resolve_recipe
from forgefield.reference.spec import ReferenceSpec
from forgefield.reference.worker import calculate_within_limit
from forgefield.workflow.executors import LostTaskError
from forgefield.workflow.labelling import Labeller
from forgefield.workflow.parsl_pools import config_of, give_up_where_none_begin
from forgefield.workflow.pools import Pools, open_pools
from forgefield.workflow.profile import ProfileSpec
from forgefield.workflow.progress import Silent

TERSOFF = "ase:forgefield.reference.engines.classical.tersoff_silicon"
THREE = {"scheduler": "local", "heartbeat": 2, "reference": {"jobs": 3}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def pools(place: Path) -> Iterator[Pools]:
    with open_pools(ProfileSpec.model_validate(THREE), 1, place) as opened:
        yield opened


def processes(place: Path, program: str) -> list[psutil.Process]:
    """Running processes of a cluster that are not made by another of them."""
    found = {}
    for process in psutil.process_iter(["cmdline", "ppid"]):
        words = process.info["cmdline"] or []
        if any(program in word for word in words) and any(str(place) in word for word in words):
            found[process.pid] = process
    return [process for process in found.values() if process.info["ppid"] not in found]


def test_tasks_run_elsewhere_and_a_killed_node_costs_no_task(pools: Pools, place: Path) -> None:
    first = pools.reference.submit(os.getpid).result(timeout=120)
    assert first != os.getpid()
    recipe = resolve_recipe(ReferenceSpec(engine=TERSOFF), ["Si"])
    labels = pools.reference.submit(calculate_within_limit, bulk("Si"), recipe).result(timeout=120)
    assert isinstance(labels, Labels)
    until = time.monotonic() + 120
    while len(nodes := processes(place, "process_worker_pool")) < 3 and time.monotonic() < until:
        time.sleep(0.5)
    assert len(nodes) == 3
    tasks = [pools.reference.submit(time.sleep, 6) for _ in range(3)]
    time.sleep(2)
    helpers = [each for each in psutil.process_iter() if os.getpgid(each.pid) == os.getpgid(nodes[0].pid)]
    nodes[0].kill()
    assert [task.result(timeout=120) for task in tasks] == [None] * 3
    assert len(helpers) > 2
    assert not psutil.wait_procs(helpers, timeout=20)[1], "nothing is left of the node"


def test_what_kills_its_worker_again_and_again_is_a_failed_calculation(pools: Pools, place: Path) -> None:
    task = pools.reference.submit(os.abort)
    with pytest.raises(LostTaskError, match="lost with its worker"):
        task.result(timeout=120)
    recipe = resolve_recipe(ReferenceSpec(engine=TERSOFF), ["Si"])
    labeller = Labeller(
        Dataset(place / "d.db"), Ledger(place / "l.jsonl"), recipe, pools.reference, None, Silent()
    )
    outcome = labeller.outcome(task)
    assert isinstance(outcome, Failure)
    assert outcome.kind == "crash"


def test_errors_of_tasks_come_back_and_are_not_tried_again(pools: Pools, tmp_path: Path) -> None:
    command = ["sh", "-c", f"echo tried >> {tmp_path}/tries; exit 3"]
    with pytest.raises(subprocess.CalledProcessError, match="status 3"):
        pools.reference.submit(subprocess.check_call, command).result(timeout=120)
    assert (tmp_path / "tries").read_text() == "tried\n"


def test_nothing_is_left_of_a_run_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "head.py"
    script.write_text(
        "import os, sys, time\nfrom pathlib import Path\n"
        "from forgefield.workflow.pools import open_pools\nfrom forgefield.workflow.profile import ProfileSpec\n"
        "if __name__ == '__main__':\n"
        "    profile = ProfileSpec(scheduler='local', heartbeat=1)\n"
        "    with open_pools(profile, 1, Path(sys.argv[1])) as pools:\n"
        "        pools.reference.submit(os.getpid).result()\n        print('up', flush=True)\n        time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, script, tmp_path], stdout=subprocess.PIPE, text=True) as head:
        assert head.stdout is not None
        assert head.stdout.readline() == "up\n"
        assert len(processes(tmp_path, "process_worker_pool")) == 1
        head.send_signal(signal.SIGKILL)
    until = time.monotonic() + 60
    while processes(tmp_path, "process_worker_pool") and time.monotonic() < until:
        time.sleep(0.5)
    assert not processes(tmp_path, "process_worker_pool")


@pytest.mark.parametrize(
    ("scheduler", "command", "reply", "expected"),
    [
        (
            "slurm",
            "sbatch",
            "Submitted batch job 17",
            [
                "#SBATCH --nodes=2",
                "#SBATCH --time=360",
                "#SBATCH --partition=long",
                "#SBATCH --account=who",
                "#SBATCH --constraint=rome",
                "#SBATCH --gpus-per-node=1",
                "#SBATCH --cpus-per-task=32",
                "srun",
            ],
        ),
        (
            "pbs",
            "qsub",
            "17.head",
            [
                "#PBS -l walltime=06:00:00",
                "-q long",
                "-A who",
                "#SBATCH --constraint=rome",
                "select=2:ncpus=32:ngpus=1",
            ],
        ),
    ],
)
def test_submit_scripts_say_what_the_profile_says(
    scheduler: str,
    command: str,
    reply: str,
    expected: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    profile = ProfileSpec.model_validate(
        {
            "scheduler": scheduler,
            "setup": "module load gpaw",
            "reference": {
                "jobs": 4,
                "nodes": 2,
                "tasks_per_node": 8,
                "cores_per_task": 4,
                "gpus_per_node": 1,
                "walltime": "06:00:00",
                "longest_task": "01:00:00",
                "queue": "long",
                "account": "who",
                "options": ["#SBATCH --constraint=rome"],
                "setup": "export GPAW_SETUP_PATH=/sets",
            },
        }
    )
    (tmp_path / command).write_text(
        f'#!/bin/bash\n(echo "$@"; cat "${{@: -1}}") > {tmp_path}/taken\necho "{reply}"\n'
    )
    (tmp_path / command).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (executor,) = config_of(profile, tmp_path).executors
    assert executor.drain_period == 5 * 3600, "no new task in the last hour"
    executor.provider.script_dir = str(tmp_path)
    assert executor.provider.submit("process_worker_pool.py --debug", 1) == reply.split()[-1]
    script = (tmp_path / "taken").read_text()
    for line in [*expected, "module load gpaw", "GPAW_SETUP_PATH=/sets", "OMP_NUM_THREADS=4"]:
        assert line in script, line
    assert script.index("module load gpaw") < script.index("process_worker_pool.py --debug")
    assert (executor.provider.max_blocks, executor.provider.min_blocks) == (4, 0)


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ({"scheduler": "moon"}, "slurm"),
        ({"scheduler": "slurm", "reference": {"walltime": "4h"}}, "such as 04:00:00"),
        ({"scheduler": "slurm", "reference": {"walltime": "00:20:00"}}, "leaves nothing of walltime"),
        ({"scheduler": "kubernetes"}, "must say the image"),
        ({"scheduler": "local", "trainings": {}}, "Extra inputs"),
    ],
)
def test_profiles_that_cannot_be_meant_are_refused(profile: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ProfileSpec.model_validate(profile)


def test_configurations_of_parsl_are_taken_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "cluster.py"
    file.write_text(
        "from parsl import Config\nfrom parsl.executors import ThreadPoolExecutor\n"
        "def config():\n    return Config([ThreadPoolExecutor(label='mine')], initialize_logging=False)\n"
    )
    with open_pools(file, 1, tmp_path) as opened:
        assert opened.reference.submit(os.getpid).result(timeout=60) == os.getpid()
    file.write_text("config = 3\n")
    with pytest.raises(ForgefieldError, match="gives no parsl configuration"):
        open_pools(file, 1, tmp_path)


class Failing:
    """Takes note of why its tasks fail."""

    reason: Exception | None = None

    def set_bad_state_and_fail_all(self, reason: Exception) -> None:
        self.reason = reason


@pytest.mark.parametrize(
    ("killed", "missing", "given_up"), [(40, 0, False), (40, 9, False), (3, 10, True), (0, 10, True)]
)
def test_a_cluster_is_given_up_only_where_no_worker_comes(killed: int, missing: int, given_up: bool) -> None:
    states = [JobState.FAILED] * killed + [JobState.MISSING] * missing
    executor = Failing()
    jobs = {str(number): JobStatus(state) for number, state in enumerate(states)}
    give_up_where_none_begin(executor, jobs, most=10)  # type: ignore[arg-type]
    assert (executor.reason is not None) == given_up


@pytest.mark.slow
def test_a_setup_that_fails_is_said(tmp_path: Path) -> None:
    profile = {"scheduler": "local", "setup": "echo no such module >&2; exit 3", "reference": {"jobs": 1}}
    with (
        open_pools(ProfileSpec.model_validate(profile), 1, tmp_path) as opened,
        pytest.raises(ForgefieldError, match=r"10 jobs in a row ended .* no such module"),
    ):
        opened.reference.submit(os.getpid).result(timeout=300)
