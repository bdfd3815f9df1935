"""Relaxation on a learned potential that asks the reference only where it must, and for the last word.

`start_relaxation`, then `propose` and `answered` in turn, over an explicit state. The caller labels what is proposed
and refits the potential to the labels given so far; nothing need be known before.

del Río, Kaappa, Garijo del Río, Bligaard & Jacobsen, J. Chem. Phys. 151, 234116 (2019); Garijo del Río, Mortensen &
Jacobsen, Phys. Rev. B 100, 104103 (2019).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.singlepoint import SinglePointCalculator
from ase.filters import FrechetCellFilter
from ase.optimize import LBFGS

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Candidate, Evaluation, Labels
from forgefield.potentials.contract import Potential
from forgefield.sampling.conditions import Guard
from forgefield.sampling.on_the_fly import force_uncertainties
from forgefield.sampling.relaxation import check_cell_relaxes
from forgefield.sampling.threshold import Threshold, start_threshold, with_errors

_LARGEST_STEP = 0.1
"""Å; longest move of an atom in one step on the potential."""
_SURER = 0.2
"""The potential is relaxed to this share of the tolerance, so that the reference finds forces below it."""
_REACH = 5.0
"""Å; distance of two neighbours for which a strain is translated into a move."""
_NEGLIGIBLE = 1e-3
"""eV/atom; an energy that is higher by less may be noise of the reference where forces have become smaller."""
_SHARE = 0.5
"""How uncertain a force may be, as a share of the largest force at the best labelled structure."""


@dataclass(frozen=True, slots=True)
class SurrogateRelaxationSettings:
    """What stays the same all along a relaxation.

    Attributes:
        name: of the relaxation.
        force_tolerance: eV/Å; for the cell, on the virial per atom.
        cell: let the cell move.
        trust: Å; how far an atom may move from the best labelled structure before the reference is asked.
        steps: most steps on the potential between two requests.
        guard: geometry that must not be left.
    """

    name: str
    force_tolerance: float = 0.05
    cell: bool = False
    trust: float = 0.5
    steps: int = 300
    guard: Guard = field(default_factory=Guard)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A structure and what the reference says about it.

    Attributes:
        atoms: without a calculator.
        labels: energy, forces, and stress if the cell moves.
        largest: largest force, or virial per atom if the cell moves, eV/Å.
    """

    atoms: Atoms
    labels: Labels
    largest: float


@dataclass(frozen=True, slots=True)
class SurrogateRelaxation:
    """State of a relaxation.

    Attributes:
        start: where it began.
        best: the best labelled structure, from which the next attempt starts; None before the first.
        trust: Å; how far atoms may move from it at present.
        calibration: how the potential's uncertainty has to be read.
        calls: reference calculations so far.
        converged: the best structure's reference forces, and virial if the cell moves, are below the tolerance.
    """

    start: Atoms
    best: Labelled | None
    trust: float
    calibration: Threshold
    calls: int = 0
    converged: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A structure that the reference is asked about.

    Attributes:
        candidate: the structure.
        prediction: what the potential says about it; None for the start.
        reason: one line for people.
    """

    candidate: Candidate
    prediction: Evaluation | None
    reason: str


def start_relaxation(atoms: Atoms, settings: SurrogateRelaxationSettings) -> SurrogateRelaxation:
    """State before the first calculation.

    Args:
        atoms: start; is not changed.
        settings: of this relaxation.

    Raises:
        ForgefieldError: the cell was to move but the structure is not periodic in three directions, or the start lies
            outside what the guard allows.
    """
    if settings.cell:
        check_cell_relaxes(atoms)
    if (problem := settings.guard.geometry_problem(atoms)) is not None:
        raise ForgefieldError(
            f"{settings.name} cannot start: {problem.reason}", "give a start structure that is sane"
        )
    calibration = start_threshold(settings.force_tolerance, halving=1.0)
    return SurrogateRelaxation(atoms.copy(), None, settings.trust, calibration)


def propose(
    potential: Potential | None, state: SurrogateRelaxation, settings: SurrogateRelaxationSettings
) -> Proposal:
    """The structure to calculate next.

    The atoms (and the cell) move from the best labelled structure on the potential, whose forces and stress are
    shifted by a constant so that they are exact there: what has to be learned is only how they change. The reference
    is asked where the forces vanish, or on the way there: where the calibrated uncertainty of the worst atom exceeds
    half of the largest force that is left, or where an atom has moved farther than the trust radius.

    Args:
        potential: fitted to all labels so far, with force uncertainties; None before the first labels.
        state: is not changed.
        settings: of this relaxation.

    Raises:
        ForgefieldError: no potential though there are labels, or one without force uncertainties.
    """
    best = state.best
    if best is None:
        return Proposal(
            Candidate(state.start.copy(), "relaxation", settings.name, note="start"), None, "start"
        )
    if potential is None:
        raise ForgefieldError(f"{settings.name} has labels but no potential", "fit one to them")
    allowed = max(settings.force_tolerance, _SHARE * best.largest)
    moving = best.atoms.copy()
    moving.calc = _Shifted(potential, best, settings.cell)
    target = FrechetCellFilter(moving) if settings.cell else moving
    accepted, reason = None, f"{settings.steps} steps on the potential"
    longest = min(_LARGEST_STEP, 0.5 * state.trust)
    with LBFGS(target, logfile=None, maxstep=longest) as optimiser:
        for converged in optimiser.irun(fmax=_SURER * settings.force_tolerance, steps=settings.steps):
            if optimiser.nsteps == 0:
                continue
            problem = settings.guard.geometry_problem(moving)
            if problem is not None:
                reason = problem.reason
                break
            accepted = moving.copy()
            worst = state.calibration.scale * float(
                force_uncertainties(potential.evaluate(accepted, uncertainty=True)).max()
            )
            away = _distance(accepted, best.atoms)
            if not worst <= allowed:
                reason = f"force uncertainty {worst:.3f} eV/Å exceeds {allowed:.3f}"
                break
            if away > state.trust:
                reason = f"an atom has moved {away:.2f} Å"
                break
            if converged:
                reason = "relaxed on the potential"
    if accepted is None:
        accepted, reason = _downhill(best), f"a step along the reference forces: {reason}"
    accepted.calc = None
    note = f"call {state.calls + 1}, {reason}"
    candidate = Candidate(accepted, "relaxation", settings.name, note=note)
    return Proposal(candidate, potential.evaluate(accepted, uncertainty=True), reason)


def answered(
    state: SurrogateRelaxation, proposal: Proposal, labels: Labels, settings: SurrogateRelaxationSettings
) -> SurrogateRelaxation:
    """The state after a proposed structure was labelled.

    A structure is better than the best so far if its energy is lower, or if its forces are and its energy is the same
    but for noise. Where it is not, the trust radius is halved: since the shifted forces are exact at the best
    structure, a short enough move lowers the energy.

    Args:
        state: to which the proposal belongs.
        proposal: what was asked for.
        labels: the answer.
        settings: of this relaxation.

    Raises:
        ForgefieldError: the cell moves but the labels have no stress.
    """
    atoms = proposal.candidate.atoms
    found = Labelled(atoms, labels, _largest_force(atoms, labels, settings))
    calibration = state.calibration
    if proposal.prediction is not None:
        errors = np.linalg.norm(proposal.prediction.forces - labels.forces, axis=1)
        calibration = with_errors(calibration, force_uncertainties(proposal.prediction), errors)
    converged = found.largest <= settings.force_tolerance
    better = state.best is None or _better(found, state.best)
    return replace(
        state,
        best=found if better or converged else state.best,
        trust=min(settings.trust, 2.0 * state.trust) if better else 0.5 * state.trust,
        calibration=calibration,
        calls=state.calls + 1,
        converged=converged,
    )


class _Shifted(Calculator):
    """A potential plus the linear term that makes forces and stress exact at a labelled structure."""

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def __init__(self, potential: Potential, anchor: Labelled, cell: bool) -> None:
        super().__init__()
        self._potential, self._origin = potential, anchor.atoms.positions.copy()
        there = potential.evaluate(anchor.atoms)
        self._forces = anchor.labels.forces - there.forces
        self._stress = np.zeros(6)
        if cell and anchor.labels.stress is not None:
            self._stress = anchor.labels.stress - there.stress

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Called by ASE."""
        super().calculate(atoms, properties, system_changes)
        here = self._potential.evaluate(self.atoms)
        energy = here.energy - float(np.vdot(self._forces, self.atoms.positions - self._origin))
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": here.forces + self._forces,
            "stress": here.stress + self._stress,
        }


def _better(found: Labelled, best: Labelled) -> bool:
    rise = (found.labels.energy - best.labels.energy) / len(found.atoms)
    return rise < 0.0 or (rise < _NEGLIGIBLE and found.largest < best.largest)


def _largest_force(atoms: Atoms, labels: Labels, settings: SurrogateRelaxationSettings) -> float:
    """The measure of ASE's optimisers, eV/Å."""
    if not settings.cell:
        return float(np.linalg.norm(labels.forces, axis=1).max())
    if labels.stress is None:
        raise ForgefieldError(
            f"{settings.name}: the labels have no stress, so the cell cannot relax",
            "use an engine that computes it, or keep the cell",
        )
    copy = atoms.copy()
    copy.calc = SinglePointCalculator(copy, energy=labels.energy, forces=labels.forces, stress=labels.stress)
    return float(np.linalg.norm(FrechetCellFilter(copy).get_forces(), axis=1).max())


def _distance(atoms: Atoms, other: Atoms) -> float:
    """Largest move of an atom relative to the cell, or what a strain does to two neighbours, Å."""
    deformation = np.eye(3)
    if not np.array_equal(atoms.cell.array, other.cell.array):
        deformation = np.linalg.solve(other.cell.array, atoms.cell.array)
    moves = np.linalg.norm(atoms.positions - other.positions @ deformation, axis=1)
    return max(float(moves.max()), _REACH * float(np.linalg.norm(deformation - np.eye(3), ord=2)))


def _downhill(best: Labelled) -> Atoms:
    atoms = best.atoms.copy()
    forces = best.labels.forces
    atoms.positions += forces * min(0.1, 0.5 * _LARGEST_STEP / max(float(np.abs(forces).max()), 1e-12))
    return atoms
