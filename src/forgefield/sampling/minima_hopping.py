"""Minima hopping: escapes from minimum to minimum by molecular dynamics that gets hotter where it finds nothing new.

`start_hopping`, then `hop` again and again, over an explicit state. Nothing here labels or fits.

Goedecker, J. Chem. Phys. 120, 9911 (2004); Schönborn, Goedecker, Roy & Oganov, J. Chem. Phys. 130, 144108 (2009);
moving cells: Amsler & Goedecker, J. Chem. Phys. 133, 224104 (2010).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from ase import Atoms, units
from ase.data import atomic_masses
from ase.geometry.minkowski_reduction import is_minkowski_reduced, minkowski_reduce

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.identity import structure_key
from forgefield.atoms.records import Candidate
from forgefield.potentials.contract import Potential
from forgefield.sampling.cluster_pieces import pieces, pulled_together
from forgefield.sampling.conditions import Stop
from forgefield.sampling.energy_surface import EnergySurface
from forgefield.sampling.escape import (
    escape,
    first_timestep,
    kinetic_energy,
    next_timestep,
    soften,
)
from forgefield.sampling.langevin import restored_generator
from forgefield.sampling.minima_hopping_feedback import bounded, feedback
from forgefield.sampling.minima_hopping_state import (
    History,
    MinimaHoppingSettings,
    MinimaHoppingState,
    Minimum,
)
from forgefield.sampling.minima_hopping_watch import HopWatch
from forgefield.sampling.quasi_newton import minimise
from forgefield.sampling.relaxation import check_cell_relaxes

SOURCE = "minima-hopping"
Outcome = Literal["same", "known", "new", "lost", "apart", "unrelaxed"]


@dataclass(frozen=True, slots=True)
class Hop:
    """What came of one hop.

    Attributes:
        state: to go on from.
        outcome: ``same``, ``known`` or ``new``: which minimum was found; ``lost``: the guard ended the hop; ``apart``:
            a cluster stayed in pieces; ``unrelaxed``: the relaxation did not converge. After the last three the walker
            is where it was, and temperature and E_diff stay; only an unrelaxed start goes on from where it got to. A
            start that is lost or apart is so again until the potential changes.
        accepted: whether the walker goes on from the minimum that was found.
        reason: one line for people.
        minimum: the one that was found; None where none was.
        candidates: snapshots along the escape, and at the end the structure at which a hop was lost, or the last sound
            one before a geometry that is none.
    """

    state: MinimaHoppingState
    outcome: Outcome
    accepted: bool
    reason: str
    minimum: Minimum | None
    candidates: tuple[Candidate, ...]


def start_hopping(
    atoms: Atoms, settings: MinimaHoppingSettings, rng: np.random.Generator
) -> MinimaHoppingState:
    """State before the first hop, which relaxes the start.

    Args:
        atoms: start structure; need not be relaxed.
        settings: of this walk.
        rng: moves on; the walk then has a generator of its own that was seeded from it.

    Raises:
        ForgefieldError: the structure has nothing that could move or lies outside what the guard allows, or the cell
            was to move but the structure is not periodic in three directions.
    """
    if settings.spec.cell:
        check_cell_relaxes(atoms)
    if len(atoms) < (1 if settings.spec.cell else 2):
        raise ForgefieldError(
            f"{settings.name}: {len(atoms)} atoms in a fixed cell have a single minimum",
            "give more atoms, or let the cell move",
        )
    if (problem := settings.guard.geometry_problem(atoms)) is not None:
        raise ForgefieldError(
            f"{settings.name} cannot start: {problem.reason}", "give a start structure that is sane"
        )
    own = np.random.default_rng(rng.integers(2**32, size=8))
    return MinimaHoppingState(
        numbers=atoms.numbers.astype(np.int64),
        pbc=np.array(atoms.pbc),
        moments=atoms.get_initial_magnetic_moments() if atoms.has("initial_magmoms") else None,
        current=_unrelaxed(atoms),
        history=History(),
        temperature=bounded(settings.spec, settings.spec.temperature),
        energy_difference=settings.spec.energy_difference,
        timestep=None,
        generator=own.bit_generator.state,
    )


def with_new_potential(state: MinimaHoppingState) -> MinimaHoppingState:
    """The state to go on from with another potential: its first hop relaxes the present minimum anew.

    Temperature, E_diff and random numbers go on; the history is empty, as its energies were another potential's.
    """
    return replace(state, current=_unrelaxed(state.atoms(state.current)), history=History())


def hop(potential: Potential, state: MinimaHoppingState, settings: MinimaHoppingSettings) -> Hop:
    """Escape from the present minimum, relax, and compare with all that was found; at first only relax.

    A pure function: the same state gives the same hop to the last bit.

    Args:
        potential: needs force uncertainties unless ``guard.stop_above`` is infinite.
        state: is not changed.
        settings: of this walk.

    Raises:
        ForgefieldError: no uncertainty though the guard needs one.
    """
    return _Hopping(potential, state, settings).result()


class _Hopping:
    """One hop: what all of its parts need, and what they leave."""

    def __init__(
        self, potential: Potential, state: MinimaHoppingState, settings: MinimaHoppingSettings
    ) -> None:
        self.state, self.settings, self.spec = state, settings, settings.spec
        self.rng = restored_generator(state.generator)
        self.watch = HopWatch(settings)
        self.start = state.atoms(state.current)
        self.surface = EnergySurface(potential, self.start, self.spec.cell, self.spec.pressure * units.GPa)
        self.point = self.surface.at(self.surface.origin)
        self.temperature = bounded(self.spec, state.temperature)
        self.timestep = state.timestep
        self.stiffness: float | None = None
        self.candidates: list[Candidate] = []

    def result(self) -> Hop:
        if self.state.started and (stop := self._escape()) is not None:
            return self._lost(stop)
        self._pull_together()
        relaxed = minimise(
            self.surface,
            self.point,
            self.spec.force_tolerance,
            self.spec.relaxation_steps,
            self.watch,
            self.stiffness,
        )
        self.surface, self.point = relaxed.surface, relaxed.point
        stop = relaxed.stop or self.watch.judged(self.surface, self.point)
        if stop is not None:
            return self._lost(stop)
        atoms = self.surface.structure(self.point.x)
        if not relaxed.converged:
            left = self.surface.largest_force(self.point)
            reason = f"forces of {left:.3f} eV/Å are left after {self.spec.relaxation_steps} evaluations"
            return self._ended(
                "unrelaxed", reason, **({} if self.state.started else {"current": _unrelaxed(atoms)})
            )
        if (count := self._pieces(atoms)) > 1:
            return self._ended("apart", f"the cluster is in {count} pieces")
        return self._found(atoms)

    def _escape(self) -> Stop | None:
        """Move out of the minimum."""
        spec, surface, start = self.spec, self.surface, self.point
        softened = soften(surface, start, surface.random_direction(start.x, self.rng), spec.softening_steps)
        self.stiffness = softened.stiffness
        mass = float(atomic_masses[self.state.numbers].mean())
        if spec.timestep_fs != "auto":
            timestep = spec.timestep_fs * units.fs
        else:
            timestep = self.state.timestep or first_timestep(softened.stiffness, mass)
        energy = kinetic_energy(self.temperature, surface.degrees_of_freedom(start.x))
        way = escape(
            surface,
            start,
            np.sqrt(2.0 * energy / mass) * softened.direction,
            mass,
            timestep,
            spec.minima_passed,
            spec.escape_steps,
            self.watch,
            spec.candidate_every,
        )
        for number, x in enumerate(way.snapshots, start=1):
            self._hand_out(surface.structure(x), f"step {number * (spec.candidate_every or 0)}")
        self.timestep = next_timestep(timestep, way.drift)
        self.point = way.point
        return way.stop

    def _pull_together(self) -> None:
        if self.state.pbc.all():
            return
        atoms = self.surface.structure(self.point.x)
        if self._pieces(atoms) > 1:
            whole = pulled_together(atoms, self.spec.reach, self.surface.potential.cutoff)
            self.surface = self.surface.laid_anew(whole)
            self.point = self.surface.at(self.surface.origin)

    def _pieces(self, atoms: Atoms) -> int:
        if atoms.pbc.all():
            return 1
        return 1 + int(pieces(atoms, self.spec.reach, self.surface.potential.cutoff).max())

    def _found(self, atoms: Atoms) -> Hop:
        """A minimum, whichever it is."""
        state, spec = self.state, self.spec
        if spec.cell and not is_minkowski_reduced(atoms.cell):
            # Sheared cells pile up over many hops until they are all but flat.
            atoms.set_cell(minkowski_reduce(atoms.cell)[0])
            atoms.wrap()
        fingerprint = np.asarray(self.settings.fingerprint(atoms), dtype=np.float64)
        found = Minimum(-1, self.point.energy, atoms.positions, atoms.cell.array, fingerprint)
        known = state.history.find(found, spec.energy_tolerance * len(atoms), spec.fingerprint_tolerance)
        if known is None:
            history, minimum = state.history.with_new(found)
        else:
            history, minimum = state.history.with_visit(known, found)
        if not state.started:
            return self._ended("new", "the start is relaxed", minimum, history=history, current=minimum)
        outcome: Literal["same", "known", "new"] = "new" if known is None else "known"
        if known is not None and known.number == state.current.number:
            outcome = "same"
        rise = minimum.energy - state.current.energy
        visits = 0 if known is None else known.visits
        answer = feedback(spec, self.temperature, state.energy_difference, outcome, rise, visits)
        return self._ended(
            outcome,
            f"{outcome} minimum, {1e3 * rise / len(atoms):+.1f} meV/atom, {self.temperature:.0f} K",
            minimum,
            history=history,
            current=minimum if answer.accepted or outcome == "same" else state.current,
            temperature=answer.temperature,
            energy_difference=answer.energy_difference,
            accepted=state.accepted + answer.accepted,
        )

    def _lost(self, stop: Stop) -> Hop:
        """Back to the minimum; what the potential could not cope with is handed out."""
        if self.watch.sound is None:
            self.watch.judged(self.surface, self.point)
        if self.watch.sound is not None:
            self._hand_out(self.watch.sound, f"lost: {stop.reason}")
        return self._ended("lost", stop.reason, lost=self.state.lost + 1)

    def _hand_out(self, atoms: Atoms, note: str) -> None:
        if self.state.moments is not None:
            atoms.set_initial_magnetic_moments(self.state.moments)
        parent = structure_key(self.start)
        note = f"hop {self.state.hops}, {self.temperature:.0f} K, {note}"
        self.candidates.append(Candidate(atoms, SOURCE, self.settings.name, parent, note))

    def _ended(self, outcome: Outcome, reason: str, minimum: Minimum | None = None, **changes: object) -> Hop:
        state = replace(
            self.state,
            generator=self.rng.bit_generator.state,
            timestep=self.timestep,
            hops=self.state.hops + 1,
            evaluations=self.state.evaluations + self.surface.evaluations,
            **changes,  # type: ignore[arg-type]
        )
        accepted = minimum is not None and state.current.number == minimum.number and outcome != "same"
        reason = f"hop {self.state.hops}: {reason}"
        return Hop(state, outcome, accepted, reason, minimum, tuple(self.candidates))


def _unrelaxed(atoms: Atoms) -> Minimum:
    return Minimum(-1, np.inf, atoms.positions.copy(), atoms.cell.array.copy(), np.empty(0))
