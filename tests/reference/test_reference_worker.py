import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil
import pytest
from ase.build import bulk

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Failure, Labels
from forgefield.reference.calculate import calculate
from forgefield.reference.recipe import resolve_recipe
from forgefield.reference.spec import ReferenceSpec
from forgefield.reference.worker import calculate_within_limit, stop_worker

pytestmark = pytest.mark.usefixtures("fresh_worker")

SILICON = bulk("Si", cubic=True)
SILICON.positions += np.random.default_rng(3).normal(scale=0.1, size=(8, 3))


def children():
    """The processes that compute; process pools leave processes of their own."""
    return [
        process
        for process in psutil.Process().children()
        if any("forgefield.reference.child" in argument for argument in process.cmdline())
    ]


def test_worker_gives_the_same_labels_as_this_process(tersoff):
    here, there = calculate(SILICON, tersoff), calculate_within_limit(SILICON, tersoff)
    assert isinstance(there, Labels)
    assert there.energy == here.energy
    np.testing.assert_array_equal(there.forces, here.forces)
    np.testing.assert_array_equal(there.stress, here.stress)
    assert there.recipe == here.recipe


def test_worker_serves_many_structures_with_one_process(faulty, tmp_path):
    log = tmp_path / "log"
    recipe = faulty("error", every=0, log=str(log))
    for _ in range(5):
        assert isinstance(calculate_within_limit(SILICON, recipe), Labels)
    pids = log.read_text().split()
    assert len(pids) == 5
    assert {int(pid) for pid in pids} == {process.pid for process in children()}
    assert str(os.getpid()) not in pids


def test_worker_computes_with_one_thread_and_takes_no_input(tersoff):
    calculate_within_limit(SILICON, tersoff)
    (child,) = children()
    assert child.environ()["OMP_NUM_THREADS"] == "1"
    assert "PYTHONPATH" not in child.environ() or "PYTHONPATH" in os.environ


def test_worker_discards_what_a_calculation_prints(faulty, capfd):
    assert isinstance(calculate_within_limit(SILICON, faulty("chatter")), Labels)
    assert capfd.readouterr().out == ""


def test_worker_gives_failures_as_they_are(faulty):
    failure = calculate_within_limit(SILICON, faulty("not-converged"))
    assert (failure.kind, failure.reason) == (
        "not-converged",
        "attempt 1 (as given): density did not settle within 60 steps",
    )


def test_worker_kills_what_hangs_and_goes_on(faulty, tersoff):
    started = time.perf_counter()
    failure = calculate_within_limit(SILICON, faulty("hang", spec={"time_limit": 0.5}))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.reason) == ("time-limit", "not done after the time limit of 0.5 s")
    assert failure.seconds == pytest.approx(0.5)
    assert time.perf_counter() - started < 30.0
    assert children() == []
    assert isinstance(calculate_within_limit(SILICON, tersoff), Labels)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("exit", "the calculation's process ended with exit status 3: the code says goodbye"),
        ("system-exit", "ended with exit status 1: stop: cannot go on"),
        ("segmentation-fault", "was killed by SIGSEGV"),
        ("killed", "was killed by SIGKILL, perhaps for lack of memory"),
        ("memory", "ran out of memory"),
    ],
)
def test_worker_survives_the_death_of_its_process(faulty, tersoff, fault, reason):
    failure = calculate_within_limit(SILICON, faulty(fault))
    assert isinstance(failure, Failure)
    assert failure.kind == "crash"
    assert reason in failure.reason
    assert isinstance(calculate_within_limit(SILICON, tersoff), Labels)


def test_a_calculation_that_somebody_kills_is_tried_again(faulty, tmp_path):
    log = tmp_path / "log"

    def kill(times):
        for number in range(times):
            while not log.exists() or len(log.read_text().split()) <= number:
                time.sleep(0.01)
            os.kill(int(log.read_text().split()[number]), signal.SIGKILL)

    for times, kind in ((2, Labels), (3, Failure)):
        log.unlink(missing_ok=True)
        killer = threading.Thread(target=kill, args=(times,))
        killer.start()
        outcome = calculate_within_limit(SILICON, faulty("error", every=0, delay=1.0, log=str(log)))
        killer.join()
        assert isinstance(outcome, kind)
        assert len(log.read_text().split()) == 3


def test_worker_replaces_a_process_that_died_while_idle(tersoff):
    calculate_within_limit(SILICON, tersoff)
    (child,) = children()
    child.kill()
    psutil.wait_procs([child], timeout=5.0)
    assert isinstance(calculate_within_limit(SILICON, tersoff), Labels)


def test_worker_raises_what_the_user_must_put_right(tersoff):
    missing = tersoff.model_copy(update={"engine": "ase:no_such_package.Potential"})
    with pytest.raises(ForgefieldError, match="No module named 'no_such_package'; check the spelling"):
        calculate_within_limit(SILICON, missing)
    assert isinstance(calculate_within_limit(SILICON, tersoff), Labels)


def test_worker_of_each_thread_is_its_own_and_ends_with_it(faulty, tmp_path):
    log = tmp_path / "log"
    recipe = faulty("error", every=0, log=str(log), delay=0.3)
    barrier = threading.Barrier(2)

    def work(_):
        barrier.wait()
        return calculate_within_limit(SILICON, recipe)

    with ThreadPoolExecutor(2) as pool:
        assert all(isinstance(outcome, Labels) for outcome in pool.map(work, range(2)))
    assert len(set(log.read_text().split())) == 2
    psutil.wait_procs(children(), timeout=5.0)
    assert children() == []


@pytest.fixture
def ctrl_c():
    """Interrupts this process, also where it was started in the background, which turns that off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_worker_forgets_a_calculation_that_ctrl_c_interrupted(faulty, tersoff):
    calculate_within_limit(SILICON, tersoff)
    (child,) = children()
    child.send_signal(signal.SIGINT)
    assert isinstance(calculate_within_limit(SILICON, tersoff), Labels), "the child must ignore Ctrl-C"
    assert children() == [child]
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        calculate_within_limit(SILICON, faulty("hang"))
    assert children() == []
    assert isinstance(calculate_within_limit(SILICON, tersoff), Labels)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_worker_serves_processes_of_a_pool(tersoff, method, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    compute = importlib.import_module("pool_task").compute
    calculate_within_limit(SILICON, tersoff)  # a forked process must not use its parent's child
    (mine,) = children()
    with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
        pid, computed = pool.submit(compute, tersoff).result(timeout=60)
    assert computed
    assert pid != os.getpid()
    assert isinstance(calculate_within_limit(SILICON, tersoff), Labels)
    assert mine in children()


SLEEPER = """
import sys
from ase.build import bulk
from forgefield.reference.recipe import resolve_recipe
from forgefield.reference.spec import ReferenceSpec
from forgefield.reference.worker import calculate_within_limit
spec = ReferenceSpec(engine="ase:faulty_calculators.FaultyTersoff", parameters={PARAMETERS})
calculate_within_limit(bulk("Si"), resolve_recipe(spec, ["Si"]))
"""


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_worker_process_dies_with_its_parent(tmp_path, death, wait_for):
    log = tmp_path / "log"
    parameters = {"fault": "hang", "every": 1, "log": str(log)}
    parent = subprocess.Popen(
        [sys.executable, "-c", SLEEPER.replace("{PARAMETERS}", repr(parameters))],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert wait_for(lambda: log.exists() and log.read_text().strip())
    child = psutil.Process(int(log.read_text()))
    assert child.ppid() == parent.pid
    parent.send_signal(death)
    parent.wait()
    assert wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, seconds=2.0)


def test_worker_process_ends_when_its_parent_ends_orderly(tmp_path):
    log = tmp_path / "log"
    parameters = {"every": 0, "log": str(log)}
    subprocess.run(
        [sys.executable, "-W", "error", "-c", SLEEPER.replace("{PARAMETERS}", repr(parameters))],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        check=True,
        stderr=subprocess.PIPE,
    )
    assert not psutil.pid_exists(int(log.read_text()))


def test_stop_worker_ends_the_process(tersoff):
    calculate_within_limit(SILICON, tersoff)
    stop_worker()
    assert children() == []
    stop_worker()


def test_worker_tells_why_python_did_not_start(tersoff, monkeypatch):
    monkeypatch.setattr("forgefield.reference.worker._BOOTSTRAP", "raise ImportError('no such thing')")
    failure = calculate_within_limit(SILICON, tersoff)
    assert failure.kind == "crash"
    assert "exit status 1: ImportError: no such thing" in failure.reason


def test_recipe_for_children_is_made_by_the_parent(faulty):
    spec = ReferenceSpec(engine="ase:faulty_calculators.FaultyTersoff")
    assert resolve_recipe(spec, ["Si"]).version == faulty("error").version
