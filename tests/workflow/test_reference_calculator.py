"""The reference as a calculator: each structure once, side by side, within the budget, failures said."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.optimize import BFGS

from forgefield.atoms.errors import ForgefieldError
from forgefield.dataset.store import Dataset
from forgefield.properties.elasticity import ElasticitySpec, compute
from forgefield.reference.engines.classical import tersoff_silicon
from forgefield.reference.ledger import Ledger
from forgefield.reference.recipe import resolve_recipe
from forgefield.reference.spec import ReferenceSpec
from forgefield.workflow.executors import open_executor
from forgefield.workflow.folder import StepName
from forgefield.workflow.labelling import Labeller
from forgefield.workflow.progress import Progress, Silent
from forgefield.workflow.reference_calculator import ReferenceCalculator, ReferenceDesk

TERSOFF = "ase:forgefield.reference.engines.classical.tersoff_silicon"


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with open_executor(2) as pool:
        yield pool


class Heard(Silent):
    """Keeps how far things are."""

    def __init__(self) -> None:
        self.counts: list[tuple[int, int]] = []

    def advance(self, done: int, total: int, what: str) -> None:
        self.counts.append((done, total))


def desk_in(
    folder: Path, executor: Executor, budget: int | None = None, progress: Progress | None = None
) -> ReferenceDesk:
    recipe = resolve_recipe(ReferenceSpec(engine=TERSOFF), ["Si"])
    labeller = Labeller(
        Dataset(folder / "dataset.db"),
        Ledger(folder / "ledger.jsonl"),
        recipe,
        executor,
        budget,
        progress or Silent(),
    )
    return ReferenceDesk(labeller, StepName(0, "validation"))


def rattled(seed: int) -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=seed)
    return atoms


def test_properties_and_optimisers_run_on_it_and_nothing_is_computed_twice(
    tmp_path: Path, executor: Executor
) -> None:
    desk = desk_in(tmp_path, executor)
    crystal = bulk("Si", a=5.432)
    found = compute(crystal, ReferenceCalculator(desk, "elasticity"), ElasticitySpec())
    direct = compute(crystal, tersoff_silicon(), ElasticitySpec())
    assert np.allclose(found.stiffness, direct.stiffness)
    atoms = rattled(1)
    atoms.calc = ReferenceCalculator(desk, "relaxation")
    BFGS(atoms, logfile=None).run(fmax=0.05)
    spent = desk.computed
    again = desk_in(tmp_path, executor, budget=0)
    compute(crystal, ReferenceCalculator(again, "elasticity"), ElasticitySpec())
    assert again.computed == 0
    assert spent == len(Ledger(tmp_path / "ledger.jsonl").entries())


def test_threads_that_ask_for_the_same_share_one_calculation(tmp_path: Path, executor: Executor) -> None:
    heard = Heard()
    desk = desk_in(tmp_path, executor, progress=heard)
    energies: list[float] = []

    def ask() -> None:
        values = ReferenceCalculator(desk, "twice").evaluate_points([rattled(2), rattled(3)])
        energies.append(values[0].energy)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(energies) == 4
    assert len(set(energies)) == 1
    assert desk.computed == 2
    assert heard.counts[-1] == (2, 2), "a property may take a day of calculations: each of them is told"


def test_a_spent_budget_and_failures_are_said(tmp_path: Path, executor: Executor) -> None:
    desk = desk_in(tmp_path, executor, budget=1)
    calculator = ReferenceCalculator(desk, "budget")
    with pytest.raises(
        ForgefieldError, match=r"1 of 2 calculations gave nothing: the budget of 1 calculations is"
    ):
        calculator.evaluate_points([rattled(4), rattled(5)])
    assert desk.computed == 1
    free = desk_in(tmp_path, executor)
    crushed = bulk("Si", a=2.0)
    for _ in range(2):  # the second time the ledger knows
        with pytest.raises(ForgefieldError, match=r"a reference calculation failed \(.*see the ledger"):
            ReferenceCalculator(free, "crushed").evaluate_points([crushed])
        free = desk_in(tmp_path, executor)
    assert len(Ledger(tmp_path / "ledger.jsonl").failures()) == 1
