"""Relaxation on a learned potential against ASE's BFGS on the reference itself."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Labels
from forgefield.sampling.surrogate_relaxation import (
    SurrogateRelaxationSettings,
    answered,
    propose,
    start_relaxation,
)


def relaxed(learner, atoms: Atoms, settings: SurrogateRelaxationSettings, most: int = 40):
    state, potential = start_relaxation(atoms, settings), None
    while not state.converged and state.calls < most:
        proposal = propose(potential, state, settings)
        labels = learner.label(proposal.candidate.atoms)
        state = answered(state, proposal, labels, settings)
        if not state.converged:
            potential = learner.learn(proposal.candidate.atoms, labels)
    return state


def with_bfgs(learner, atoms: Atoms, cell: bool) -> tuple[Atoms, int]:
    moving = Atoms(atoms, calculator=learner.calculator)
    with BFGS(FrechetCellFilter(moving) if cell else moving, logfile=None) as optimiser:
        assert optimiser.run(fmax=0.05, steps=200)
        return moving, optimiser.nsteps + 1


def strained(seed: int, amplitude: float, strain: float) -> Atoms:
    rng = np.random.default_rng(seed)
    atoms = bulk("Si", cubic=True)
    atoms.positions += rng.normal(scale=amplitude, size=atoms.positions.shape)
    shear = rng.normal(scale=strain, size=(3, 3))
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + (shear + shear.T) / 2), scale_atoms=True)
    return atoms


@pytest.mark.parametrize(("cell", "amplitude", "strain"), [(False, 0.15, 0.0), (True, 0.05, 0.03)])
def test_same_minimum_with_a_third_of_the_calls(learner, cell, amplitude, strain):
    atoms = strained(1, amplitude, strain)
    before = atoms.positions.copy()
    expected, calls = with_bfgs(learner, atoms, cell)
    state = relaxed(learner, atoms, SurrogateRelaxationSettings("silicon", cell=cell))
    assert state.converged
    assert state.best.largest <= 0.05
    assert state.calls <= calls / 3
    assert state.best.labels.energy == pytest.approx(expected.get_potential_energy(), abs=8 * 1e-3)
    # The tolerance is one of forces, so geometries agree as far as 0.05 eV/Å let them.
    np.testing.assert_allclose(state.best.atoms.get_volume(), expected.get_volume(), rtol=0.01)
    distances = [
        np.sort(each.get_all_distances(mic=True), axis=None) for each in (state.best.atoms, expected)
    ]
    np.testing.assert_allclose(*distances, atol=0.05)
    # What is reported is what the reference says, measured as ASE measures it.
    check = Atoms(state.best.atoms, calculator=learner.calculator)
    forces = (FrechetCellFilter(check) if cell else check).get_forces()
    assert np.linalg.norm(forces, axis=1).max() == pytest.approx(state.best.largest)
    np.testing.assert_array_equal(atoms.positions, before)
    assert state.best.atoms.calc is None


def test_start_that_is_relaxed_costs_one_call(learner):
    state = relaxed(learner, bulk("Si", a=5.431, cubic=True), SurrogateRelaxationSettings("silicon"))
    assert (state.calls, state.converged) == (1, True)


def test_uncertain_point_is_asked_for_on_the_way(committee):
    """A committee that disagrees by more than half of the largest force wherever it goes."""
    settings = SurrogateRelaxationSettings("silicon")
    atoms = strained(2, 0.3, 0.0)
    state = start_relaxation(atoms, settings)
    first = propose(None, state, settings)
    assert (first.prediction, first.reason) == (None, "start")
    forces = committee.evaluate(atoms).forces
    small = forces * 0.02 / np.abs(forces).max()
    state = answered(state, first, Labels(0.0, forces, None, "", "", 0.0), settings)
    assert not state.converged
    calm = answered(
        start_relaxation(atoms, settings), first, Labels(0.0, small + 0.04, None, "", "", 0.0), settings
    )
    proposal = propose(committee, calm, settings)
    assert "eV/Å exceeds 0.050" in proposal.reason
    assert proposal.candidate.note.startswith("call 2, force uncertainty")
    assert proposal.prediction.uncertainty.forces.max() > 0.05


def test_trust_radius_bounds_the_move_and_shrinks_where_the_energy_rises(committee):
    settings = SurrogateRelaxationSettings("silicon", trust=0.1)
    state = start_relaxation(strained(2, 0.3, 0.0), settings)
    first = propose(None, state, settings)
    labels = committee.evaluate(first.candidate.atoms)
    state = answered(state, first, Labels(0.0, labels.forces, None, "", "", 0.0), settings)
    proposal = propose(committee, state, settings)
    assert proposal.reason.startswith("an atom has moved 0.1")
    moves = np.linalg.norm(proposal.candidate.atoms.positions - first.candidate.atoms.positions, axis=1)
    assert 0.1 < moves.max() < 0.15
    worse = answered(state, proposal, Labels(1.0, labels.forces, None, "", "", 0.0), settings)
    assert worse.trust == 0.05
    assert worse.best is state.best
    better = answered(worse, proposal, Labels(-1.0, labels.forces, None, "", "", 0.0), settings)
    assert better.trust == 0.1
    assert better.best.atoms is proposal.candidate.atoms


def test_what_cannot_be_relaxed_is_refused(learner, committee):
    cell = SurrogateRelaxationSettings("silicon", cell=True)
    with pytest.raises(ForgefieldError, match="relax it with a fixed cell"):
        start_relaxation(molecule("H2O"), cell)
    close = Atoms("Si2", positions=[[0, 0, 0], [0.5, 0, 0]], cell=[8, 8, 8], pbc=True)
    with pytest.raises(ForgefieldError, match=r"silicon cannot start: Si0–Si1 at 0\.50 Å"):
        start_relaxation(close, cell)
    state = start_relaxation(bulk("Si"), cell)
    first = propose(None, state, cell)
    with pytest.raises(
        ForgefieldError, match="silicon: the labels have no stress, so the cell cannot relax; use an"
    ):
        answered(state, first, Labels(0.0, np.ones((2, 3)), None, "", "", 0.0), cell)
    state = answered(state, first, Labels(0.0, np.ones((2, 3)), np.zeros(6), "", "", 0.0), cell)
    with pytest.raises(ForgefieldError, match="silicon has labels but no potential; fit one to them"):
        propose(None, state, cell)
