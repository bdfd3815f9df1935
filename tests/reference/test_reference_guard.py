"""What is left of a calculation that was killed: neither programs nor files."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from ase.build import bulk

from forgefield.atoms.records import Failure, Labels
from forgefield.reference.worker import calculate_within_limit, stop_worker

pytestmark = pytest.mark.usefixtures("fresh_worker")

CALLER = """
import sys
from ase.build import bulk
from forgefield.reference.recipe import resolve_recipe
from forgefield.reference.spec import ReferenceSpec
from forgefield.reference.worker import calculate_within_limit
parameters = {"fault": "program", "every": 1, "log": sys.argv[1]}
spec = ReferenceSpec(engine="ase:faulty_calculators.FaultyTersoff", parameters=parameters)
calculate_within_limit(bulk("Si"), resolve_recipe(spec, ["Si"]))
"""


def read(log):
    """The program that the log names, or None if it has ended, and its folder."""
    pid, folder = log.read_text().splitlines()[1].split()
    try:
        process = psutil.Process(int(pid))
    except psutil.NoSuchProcess:
        return None, Path(folder)
    return (None if is_gone(process) else process), Path(folder)


def is_gone(process):
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_calculation_past_its_time_leaves_nothing(faulty, tersoff, tmp_path, temporary):
    log = tmp_path / "log"
    failure = calculate_within_limit(bulk("Si"), faulty("program", log=str(log), spec={"time_limit": 3.0}))
    assert isinstance(failure, Failure)
    assert failure.kind == "time-limit"
    program, folder = read(log)
    assert temporary in folder.parents
    assert program is None
    assert list(temporary.iterdir()) == []
    assert isinstance(calculate_within_limit(bulk("Si"), tersoff), Labels)
    stop_worker()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_killed_caller_leaves_nothing(tmp_path, temporary, death, wait_for):
    log = tmp_path / "log"
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, str(log)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
    )
    assert wait_for(lambda: log.exists() and log.read_text().count("\n") == 2)
    program, folder = read(log)
    assert program is not None
    assert temporary in folder.parents
    caller.send_signal(death)
    caller.wait()
    assert wait_for(lambda: is_gone(program), seconds=5.0)
    assert wait_for(lambda: not list(temporary.iterdir()), seconds=5.0)


def test_killed_child_leaves_nothing(faulty, tmp_path, temporary):
    log = tmp_path / "log"
    recipe = faulty("program", log=str(log))
    # A line of the calculation and one of its program, at each of three attempts.
    each = f"until test $(wc -l < {log}) = $((n + 1)); do sleep 0.1; done; kill -9 $(sed -n ${{n}}p {log})"
    killer = subprocess.Popen(["sh", "-c", f"for n in 1 3 5; do {each}; done"], stderr=subprocess.DEVNULL)
    failure = calculate_within_limit(bulk("Si"), recipe)
    killer.wait()
    assert failure.kind == "crash"
    assert "was killed by SIGKILL" in failure.reason
    assert read(log)[0] is None
    assert list(temporary.iterdir()) == []
