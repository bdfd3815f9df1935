"""kill -9 at any moment, then the same command: the run ends, with the same data and no label made twice."""

import time

import numpy as np
import pytest

from .conftest import CommandLine, contents, ledger_keys, verdict

RUNS, KILLS = 5, 4


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    home = tmp_path_factory.mktemp("kill")
    from .conftest import TINY

    line = CommandLine(home, TINY)
    started = time.monotonic()
    line.finish("whole")
    return line, time.monotonic() - started


@pytest.mark.parametrize("number", range(RUNS))
def test_killed_at_random_moments_a_run_ends_with_the_same_data(undisturbed, number):
    line, seconds = undisturbed
    rng = np.random.default_rng([number, 99])
    folder = f"killed-{number}"
    for _ in range(KILLS):
        # Some kills fall into start-up, some into labels, training or trajectories, none after the end.
        assert line.kill(folder, after=float(rng.uniform(0.05, 0.45)) * seconds)
    line.finish(folder)
    assert contents(line.home / folder) == contents(line.home / "whole")
    assert verdict(line.home / folder) == verdict(line.home / "whole")
    keys = ledger_keys(line.home / folder)
    assert len(keys) == len(set(keys))
    assert set(keys) <= set(contents(line.home / "whole"))
