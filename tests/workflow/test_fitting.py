"""A fit in another process gives what a fit here gives."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from forgefield.workflow.executors import open_executor
from forgefield.workflow.loop import run
from forgefield.workflow.pools import Pools

from .conftest import contents, tiny, verdict


def test_a_potential_fitted_elsewhere_is_the_same(tmp_path: Path) -> None:
    short = {"cycles": {"max": 1}}
    run(tiny(**short), tmp_path / "here")
    executor = open_executor(1)
    other = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with Pools(executor, executor, other) as pools:
        run(tiny(**short), tmp_path / "there", pools=pools)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert verdict(tmp_path / "there") == verdict(tmp_path / "here")
    weights = [next(tmp_path.glob(f"{side}/**/train/potential/weights.npz")) for side in ("here", "there")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert not list(tmp_path.glob("there/**/progress.json"))
