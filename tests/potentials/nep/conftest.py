"""Models and structures for the tests of the nep family."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from forgefield.potentials.nep.nep_txt import read_nep_txt
from forgefield.potentials.nep.parameters import NepParameters

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "nep"


@pytest.fixture
def data() -> Path:
    if not DATA.exists():
        pytest.skip("the shared reference data are not here")
    return DATA


@pytest.fixture
def water(data: Path) -> NepParameters:
    return read_nep_txt(data / "nep_water.txt")


@pytest.fixture
def variants(water: NepParameters) -> dict[str, NepParameters]:
    """Models of all kinds of header, cut from one."""
    table = np.array(
        [[0.8, 1.6, 0.18, 3.1, 0.5, 0.94, 0.28, 0.4, 0.03, 0.2],
         [0.7, 1.5, 0.18, 3.0, 0.5, 0.90, 0.30, 0.4, 0.03, 0.2],
         [0.6, 1.2, 0.20, 3.1, 0.5, 0.94, 0.28, 0.4, 0.03, 0.2]]
    )  # fmt: skip

    def without(blocks: slice, **changes: object) -> NepParameters:
        gone = np.arange(30)[blocks]
        kept = np.delete(water.inward, gone, axis=2), np.delete(water.q_scaler, gone)
        return replace(water, inward=kept[0], q_scaler=kept[1], **changes)

    return {
        "plain": water,
        "universal repulsion": replace(water, zbl=(0.8, 1.6)),
        "flexible repulsion": replace(water, zbl=(0.0, 0.0), zbl_pairs=table),
        "cutoffs per type": replace(
            water, radial_cutoffs=np.array([6.0, 5.0]), angular_cutoffs=np.array([4.0, 3.0])
        ),
        "one cutoff": replace(water, radial_cutoffs=np.full(2, 4.5), angular_cutoffs=np.full(2, 4.5)),
        "l_max 3": without(slice(20, 25), l_max=3),
        "3-body": without(slice(25, 30), four_body=False),
        "5-body without 4-body": without(slice(20, 30), l_max=2, four_body=False, five_body=True),
        "l_max 1": without(slice(10, 30), l_max=1, four_body=False),
        "radial": without(slice(5, 30), l_max=0, four_body=False),
    }


@pytest.fixture
def structures() -> list[Atoms]:
    """Dense random water-like mixtures: triclinic, smaller than the cutoff, a slab, a molecule."""
    rng = np.random.default_rng(5)

    def random(n: int, cell: np.ndarray, pbc: bool | tuple[bool, ...], filled: float = 1.0) -> Atoms:
        positions = rng.uniform(size=(n, 3)) * [1, 1, filled] @ cell
        return Atoms(rng.permutation(["O", "H"] * (n // 2)), positions, cell=cell, pbc=pbc)

    triclinic = np.array([[9.0, 0.3, -0.4], [1.5, 8.5, 0.2], [-0.7, 0.9, 9.4]])
    return [
        random(40, triclinic, True),
        random(4, np.diag([3.1, 3.4, 3.7]), True),
        random(12, np.diag([6.2, 5.1, 40.0]), (True, True, False), 0.3),
        random(6, np.diag([60.0, 60.0, 60.0]), False, 0.05),
    ]
