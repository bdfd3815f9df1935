"""What tests of learning on the fly share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase import Atoms

from forgefield.atoms.pair_list import PairList
from forgefield.atoms.records import Evaluation, Labels, Uncertainty
from forgefield.potentials.contract import Potential
from forgefield.sampling.conditions import Guard
from forgefield.sampling.on_the_fly import advance, learned
from forgefield.sampling.on_the_fly_state import OnTheFlySettings, OnTheFlySpec
from forgefield.sampling.programme import ProgrammeSpec, plan_programme

EXPLICIT = {
    "target_error": 0.05,
    "wait": 10,
    "judge_every": 1,
    "urgent": 4.0,
    "check_every": 200,
    "initial": 0,
}


@dataclass
class Doubtful(Potential):
    """Another potential with the same uncertainty for every atom of every structure."""

    under: Potential
    doubt: float
    species: tuple[str, ...] = ("Si",)
    cutoff: float = 4.0

    def evaluate(self, atoms: Atoms, uncertainty: bool = False, pairs: PairList | None = None) -> Evaluation:
        spread = Uncertainty(self.doubt, np.full(len(atoms), self.doubt)) if uncertainty else None
        return replace(self.under.evaluate(atoms), uncertainty=spread)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def settings_of(atoms: Atoms, steps: int = 100, guard: Guard | None = None, segments=None, **spec):
    segments = segments or [{"from": 300, "to": 900, "steps": steps}]
    programme = plan_programme(ProgrammeSpec.model_validate({"programme": segments}), atoms, "anneal")
    return OnTheFlySettings("anneal", programme, guard or Guard(), OnTheFlySpec(**{**EXPLICIT, **spec}))


def labels_of(evaluation: Evaluation) -> Labels:
    return Labels(evaluation.energy, evaluation.forces, evaluation.stress, "", "", 0.0)


def requests_of(potential, state, settings):
    """All requests of a trajectory whose answers are what the potential says."""
    found = []
    while (ahead := advance(potential, state, settings, 10**6)).outcome == "request":
        found.append(ahead)
        labels = labels_of(potential.evaluate(ahead.request.candidate.atoms))
        state = learned(ahead.state, ahead.request, labels, potential)
    return found, ahead


def same(one, two) -> bool:
    """Whether two states agree to the bit."""
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and one.tobytes() == two.tobytes()
    if isinstance(one, tuple):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two, strict=True))
    if hasattr(one, "__slots__"):
        return all(same(getattr(one, name), getattr(two, name)) for name in one.__slots__)
    return one == two
