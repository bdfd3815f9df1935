"""The loop of molecular dynamics: many steps of one integrator over a pair list that is kept between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms, units

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.pair_list import PairList, VerletList
from forgefield.atoms.records import Array, Evaluation
from forgefield.potentials.contract import SKIN, Potential
from forgefield.sampling.integrators import Integrator, Langevin
from forgefield.sampling.langevin import ListedAt, MotionState, start_motion


class ListedPotential(Potential):
    """A potential with a pair list of its own, for structures that follow each other.

    Args:
        potential: what is asked; one that finds no pairs, or all of them, is given none.
        skin: Å by which the list reaches beyond the cutoff.
    """

    def __init__(self, potential: Potential, skin: float = SKIN) -> None:
        self.potential, self.species, self.cutoff = potential, potential.species, potential.cutoff
        has_end = 0.0 < potential.cutoff < np.inf
        self.pairs = VerletList(potential.cutoff, skin) if has_end else None

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        """What the potential says."""
        return self.potential.evaluate(atoms, uncertainty, self._listed(atoms, pairs))

    def virials(self, atoms: Atoms, pairs: PairList | None = None) -> Array:
        """Those of the potential."""
        return self.potential.virials(atoms, self._listed(atoms, pairs))

    def features(self, atoms: Atoms) -> Array:
        """Those of the potential."""
        return self.potential.features(atoms)

    def save(self, folder: Path) -> None:
        """Write the potential, without the list."""
        self.potential.save(folder)

    def _listed(self, atoms: Atoms, pairs: PairList | None) -> PairList | None:
        return self.pairs.update(atoms) if pairs is None and self.pairs is not None else pairs


def run_motion(
    potential: Potential,
    state: MotionState,
    integrator: Integrator,
    steps: int,
    every: int = 0,
    observe: Callable[[MotionState], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> MotionState:
    """Do many steps.

    A run in two parts gives the same bits as one in a whole: what is handed over says where the pair list was made.

    Args:
        potential: gives forces and stress.
        state: to start from, with the forces of this potential, as `start_motion` makes it; is not changed.
        integrator: `VelocityVerlet`, `Langevin`, `NoseHooverChain` …
        steps: how many.
        every: steps between two observations, counted from the start of this call; 0 observes nothing.
        observe: called with the state after every ``every``-th step.
        progress: called with the number of steps done after each step.

    Returns:
        The last state.

    Raises:
        ForgefieldError: the energy is no longer finite, or atoms are not where numbers reach.
    """
    listed = ListedPotential(potential)
    if listed.pairs is not None and state.listed_at is not None:
        listed.pairs.update(_atoms_at(state, state.listed_at))
    state = integrator.start(state)
    for done in range(1, steps + 1):
        state = integrator.step(listed, state)
        if not np.isfinite(state.energy):
            raise ForgefieldError(
                f"the motion has run away: the energy is {state.energy} eV at step {state.step}",
                f"take a time step below {integrator.timestep / units.fs:g} fs, or relax the structure first",
            )
        if observe is not None and every and done % every == 0:
            state = _with_place_of_list(state, listed)
            observe(state)
        if progress is not None:
            progress(done)
    return _with_place_of_list(state, listed)


def _with_place_of_list(state: MotionState, listed: ListedPotential) -> MotionState:
    if listed.pairs is None or listed.pairs.made_at is None:
        return state
    if state.listed_at is not None and state.listed_at.positions is listed.pairs.made_at.positions:
        return state
    made_at = listed.pairs.made_at
    return replace(state, listed_at=ListedAt(made_at.positions, made_at.cell.array))


def _atoms_at(state: MotionState, listed_at: ListedAt) -> Atoms:
    return Atoms(numbers=state.numbers, positions=listed_at.positions, cell=listed_at.cell, pbc=state.pbc)


def warm_up(
    potential: Potential,
    atoms: Atoms,
    temperature: float,
    thermostat: Langevin,
    steps: int,
    rng: np.random.Generator,
    progress: Callable[[int], None] | None = None,
) -> MotionState:
    """Bring atoms that stand in their places to a temperature.

    Args:
        potential: gives forces and stress.
        atoms: start structure.
        temperature: K.
        thermostat: that keeps it.
        steps: how many.
        rng: of the velocities and the noise.
        progress: called with the number of steps done after each step.
    """
    # Twice the temperature: half of it goes into the potential energy.
    state = start_motion(potential, atoms, 2.0 * temperature, rng)
    return run_motion(potential, state, thermostat, steps, progress=progress)
