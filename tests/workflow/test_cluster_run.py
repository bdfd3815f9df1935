"""A run on a cluster whose nodes are killed all the time ends with the data of a run on one machine."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import psutil
import pytest
import yaml

from .conftest import CommandLine, contents, verdict

PROFILE = {"scheduler": "local", "heartbeat": 2, "retries": 8, "reference": {"jobs": 3}, "training": {}}


def nodes(folder: Path) -> list[psutil.Process]:
    """The first process of each node of a run."""
    found = {}
    for process in psutil.process_iter(["cmdline", "ppid"]):
        words = " ".join(process.info["cmdline"] or [])
        if "process_worker_pool" in words and str(folder) in words:
            found[process.pid] = process
    return [process for process in found.values() if process.info["ppid"] not in found]


def kill_now_and_then(folder: Path, every: float, ended: threading.Event, killed: list[int]) -> None:
    """One node after another, as long as another one is left."""
    while not ended.wait(every):
        running = nodes(folder)
        if len(running) > 1:
            running[0].kill()
            killed.append(running[0].pid)


@pytest.mark.slow
def test_killed_nodes_change_nothing(command_line: CommandLine) -> None:
    command_line.finish("whole")
    (command_line.home / "cluster.yaml").write_text(yaml.safe_dump(PROFILE))
    folder, ended, killed = command_line.home / "cluster", threading.Event(), list[int]()
    killer = threading.Thread(target=kill_now_and_then, args=(folder, 8.0, ended, killed))
    killer.start()
    try:
        process: subprocess.Popen[str] = command_line.start(
            "cluster", "--executor", str(command_line.home / "cluster.yaml")
        )
        output, _ = process.communicate(timeout=900)
    finally:
        ended.set()
        killer.join()
    assert process.returncode == 0, output
    assert killed, "the run was over before a node was killed"
    assert contents(folder) == contents(command_line.home / "whole")
    assert verdict(folder) == verdict(command_line.home / "whole")
    assert not nodes(folder)
