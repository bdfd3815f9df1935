"""Reference calls of a relaxation on the learned potential, beside ASE's BFGS: python benchmarks/relaxation.py

Ten rattled silicon cells of 8 or 16 atoms, with a fixed cell, and strained with a moving one, to 0.05 eV/Å;
Stillinger–Weber and Tersoff stand for DFT. Both must end in the same minimum.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import BaseCalculator
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from threadpoolctl import threadpool_limits

from forgefield.atoms.records import Labels
from forgefield.potentials.bayesian.examples import Example
from forgefield.potentials.bayesian.fit import BayesianFit
from forgefield.potentials.bayesian.spec import BayesianSpec
from forgefield.reference.engines.classical import stillinger_weber_silicon, tersoff_silicon
from forgefield.sampling.surrogate_relaxation import (
    SurrogateRelaxationSettings,
    answered,
    propose,
    start_relaxation,
)

CASES = 10
MOST_CALLS = 60
SAME = 1.0
"""meV/atom within which two minima are one."""


def start(case: int, cell: bool) -> Atoms:
    """A rattled cell, strained by about 3 % if it is to move."""
    rng = np.random.default_rng(case)
    atoms = bulk("Si", cubic=True) if case % 2 else bulk("Si").repeat(2)
    atoms.rattle(0.1 if case < CASES // 2 else 0.25, rng=rng)
    if cell:
        strain = rng.normal(scale=0.03, size=(3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
    return atoms


def by_bfgs(atoms: Atoms, reference: BaseCalculator, cell: bool) -> tuple[int, float]:
    """Calls and energy per atom, eV."""
    moving = Atoms(atoms, calculator=reference)
    with BFGS(FrechetCellFilter(moving) if cell else moving, logfile=None) as optimiser:
        optimiser.run(fmax=0.05, steps=300)
    return optimiser.nsteps + 1, moving.get_potential_energy() / len(atoms)


def by_learning(atoms: Atoms, reference: BaseCalculator, cell: bool) -> tuple[int, float]:
    """Calls and energy per atom, eV, from no data at all."""
    settings = SurrogateRelaxationSettings("relaxation", cell=cell)
    state, fit = start_relaxation(atoms, settings), None
    while not state.converged and state.calls < MOST_CALLS:
        proposal = propose(None if fit is None else fit.potential(), state, settings)
        asked = Atoms(proposal.candidate.atoms, calculator=reference)
        labels = Labels(asked.get_potential_energy(), asked.get_forces(), asked.get_stress(), "", "", 0.0)
        state = answered(state, proposal, labels, settings)
        bare = proposal.candidate.atoms
        if fit is None:
            fit = BayesianFit.start(BayesianSpec(), ("Si",), [Example(bare, labels)])
        else:
            fit = fit.plus(bare, labels)
    return state.calls, state.best.labels.energy / len(atoms) if state.converged and state.best else np.nan


def main() -> None:
    """All references and both kinds of cell."""
    print(f"{'reference':18s} {'cell':8s} {'learning':>8s} {'BFGS':>6s} {'ratio':>6s}  same minimum")
    for name, reference in (
        ("Stillinger–Weber", stillinger_weber_silicon()),
        ("Tersoff", tersoff_silicon()),
    ):
        for cell in (False, True):
            ours, theirs, same = 0, 0, 0
            for case in range(CASES):
                atoms = start(case, cell)
                calls, energy = by_bfgs(atoms, reference, cell)
                own_calls, own_energy = by_learning(atoms, reference, cell)
                ours, theirs = ours + own_calls, theirs + calls
                same += abs(own_energy - energy) < 1e-3 * SAME
            kind = "moving" if cell else "fixed"
            print(
                f"{name:18s} {kind:8s} {ours:8d} {theirs:6d} {ours / theirs:6.2f}  {same} of {CASES}",
                flush=True,
            )


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
