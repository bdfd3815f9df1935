"""Workers on another host: a network namespace, which shares files with this one but no address."""

from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from forgefield.workflow.pools import open_pools

from .conftest import CommandLine, contents, verdict

NAME, HERE, THERE = "forgefield-host", "10.77.31.1", "10.77.31.2"
CONFIG = f"""
    from parsl import Config
    from parsl.executors import HighThroughputExecutor
    from parsl.launchers import WrappedLauncher
    from parsl.providers import LocalProvider


    def config():
        provider = LocalProvider(launcher=WrappedLauncher("ip netns exec {NAME}"), init_blocks=2, max_blocks=2)
        executor = HighThroughputExecutor(
            label="reference", address="{HERE}", max_workers_per_node=1, heartbeat_period=2, heartbeat_threshold=8,
            provider=provider,
        )
        return Config(executors=[executor], retries=2, run_dir="PLACE")
"""


def network(*arguments: str) -> None:
    """A command of ``ip``, which must succeed."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def other_host() -> Iterator[None]:
    """A network of its own, joined to this one by a cable."""
    if os.geteuid() or shutil.which("ip") is None:
        pytest.skip("another host takes root, and the command ip")
    subprocess.run(["ip", "netns", "del", NAME], capture_output=True)
    try:
        network("netns", "add", NAME)
        network("link", "add", "ff-here", "type", "veth", "peer", "name", "ff-there", "netns", NAME)
        network("addr", "add", f"{HERE}/24", "dev", "ff-here")
        network("link", "set", "ff-here", "up")
        network("-n", NAME, "addr", "add", f"{THERE}/24", "dev", "ff-there")
        network("-n", NAME, "link", "set", "ff-there", "up")
        network("-n", NAME, "link", "set", "lo", "up")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    yield
    network("netns", "del", NAME)


@pytest.mark.slow
@pytest.mark.usefixtures("other_host")
def test_a_run_with_its_workers_on_another_host(command_line: CommandLine) -> None:
    config = command_line.home / "cluster.py"
    config.write_text(textwrap.dedent(CONFIG).replace("PLACE", str(command_line.home)))
    with open_pools(config, 1, command_line.home / "pools") as pools:
        elsewhere = pools.reference.submit(os.readlink, "/proc/self/ns/net").result(timeout=120)
    assert elsewhere != str(Path("/proc/self/ns/net").readlink())
    command_line.finish("whole")
    command_line.finish("cluster", "--executor", str(config))
    assert contents(command_line.home / "cluster") == contents(command_line.home / "whole")
    assert verdict(command_line.home / "cluster") == verdict(command_line.home / "whole")
