"""Relaxations that end early: which configurations are kept, and why they stop."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from pydantic import ValidationError

from forgefield.sampling.conditions import Guard
from forgefield.sampling.loose_relaxation import LooseRelaxationSpec, loose_relaxation


def shaken(amplitude: float) -> Atoms:
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(amplitude, seed=2)
    return atoms


def largest(atoms: Atoms) -> float:
    copy = atoms.copy()
    copy.calc = EMT()
    return float(np.linalg.norm(copy.get_forces(), axis=1).max())


def test_one_configuration_of_each_range_of_forces_and_the_end_are_kept() -> None:
    start = shaken(0.3)
    assert largest(start) > 3.0
    samples = loose_relaxation(start, EMT(), LooseRelaxationSpec(), Guard(min_distance=0.3))
    forces = [sample.force for sample in samples]
    assert 2 <= len(samples) <= 4
    assert forces[-1] <= 0.5
    assert [sample.step for sample in samples] == sorted({sample.step for sample in samples})
    bands = [sum(low <= force < high for force in forces[:-1]) for low, high in LooseRelaxationSpec().bands]
    assert max(bands) == 1
    assert sum(bands) == len(samples) - 1
    for sample in samples:
        assert sample.atoms.calc is None
        assert largest(sample.atoms) == pytest.approx(sample.force, abs=1e-9)
        assert np.array_equal(sample.atoms.cell.array, start.cell.array)
    assert largest(start) > 3.0


def test_a_structure_at_rest_is_its_own_end() -> None:
    (sample,) = loose_relaxation(bulk("Cu", cubic=True), EMT(), LooseRelaxationSpec(), Guard())
    assert sample.step == 0
    assert sample.force < 1e-6


def test_it_stops_where_the_geometry_is_out_of_bounds_and_when_steps_are_used_up() -> None:
    start = shaken(0.3)
    outside = Guard(max_volume=5.0)
    assert loose_relaxation(start, EMT(), LooseRelaxationSpec(), outside) == ()
    short = loose_relaxation(start, EMT(), LooseRelaxationSpec(steps=1), Guard(min_distance=0.3))
    assert short[-1].step <= 1
    assert short[-1].force > 0.5


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"bands \[2, 1\]: the smaller force comes first"):
        LooseRelaxationSpec(bands=((2.0, 1.0),))
