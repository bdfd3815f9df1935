"""Train a potential on labelled structures of one's own: one function, whatever the family."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms
from pydantic import Field, ValidationError

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.spec import Spec, settings_error
from forgefield.potentials.contract import Potential
from forgefield.potentials.registry import family_named
from forgefield.potentials.repulsion import baseline_of, joined, radii_from
from forgefield.potentials.training import Progress, TrainingResult, train
from forgefield.potentials.training_checks import (
    cutoff_with,
    find_oddities,
    species_of,
    without_duplicates,
)
from forgefield.potentials.training_processes import SharedTraining, training_together
from forgefield.potentials.training_set import TrainingSet, collect
from forgefield.potentials.training_spec import TrainingSpec
from forgefield.potentials.training_split import hold_out
from forgefield.potentials.zbl import Zbl


class RepulsionSpec(Spec):
    """Short-range repulsion of nuclei that is added to the fitted potential."""

    inner: float | None = Field(default=None, gt=0)
    """Distance below which it is whole, Å; null: half of `outer`."""
    outer: float | None = Field(default=None, gt=0)
    """Distance from which on there is none, Å; null: the shortest distance in the data, at most a bond's length."""


class FitSpec(Spec):
    """All settings of a fit."""

    potential: dict[str, Any] = Field(default_factory=dict)
    """Settings of the family; its own defaults for the others, one network (members: 1), and a cutoff that suits the
    density of the data."""
    training: TrainingSpec = TrainingSpec()
    """How the potential is fitted."""
    repulsion: RepulsionSpec | Literal["auto"] | None = "auto"
    """Short-range repulsion; null: none; auto: for families whose formats can hold it, so not for hdnnp."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Weight of whole groups of structures in the loss, such as {Liquid: 2.0}."""


@dataclass(frozen=True)
class FittedPotential:
    """What `fit` gives.

    Attributes:
        potential: ready to be used or saved.
        family: name of its family.
        spec: the family's settings.
        settings: all settings.
        result: course of the training.
        training, validation: the two sides of the data, original labels.
        warnings: what is odd about the data.
    """

    potential: Potential
    family: str
    spec: Spec
    settings: FitSpec
    result: TrainingResult
    training: TrainingSet
    validation: TrainingSet
    warnings: tuple[str, ...]


def fit(
    structures: TrainingSet | Iterable[Atoms],
    family: str = "density",
    *,
    validation: TrainingSet | Iterable[Atoms] | None = None,
    settings: FitSpec | Mapping[str, Any] | None = None,
    seed: int = 1,
    checkpoint: Path | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
    tick: Callable[[float], None] = lambda share: None,
    processes: int = 1,
) -> FittedPotential:
    """Train a potential on labelled structures.

    Args:
        structures: with energies and forces, as ASE reads them; stresses are used where there are any. Duplicates
            are used once.
        family: ``density``, ``nep``, ``hdnnp`` or ``bayesian``.
        validation: structures that choose the best epoch; by default a tenth of `structures` is held out.
        settings: a `FitSpec`, or a mapping such as ``{"training": {"epochs": 100}}``.
        seed: the same seed gives the same potential.
        checkpoint: file from which an interrupted fit goes on, to the bit; fits in closed form need none.
        report, stop, tick: see :func:`forgefield.potentials.training.train`.
        processes: that train together, each with a share of every batch; worth while for batches of a thousand atoms.
            The script that asks for more than one needs Python's usual ``if __name__ == "__main__":``.

    Raises:
        ForgefieldError: no labels, unknown settings, elements in the validation data that are not in the training
            data, or a training that diverged.
    """
    known = family_named(family)
    chosen = settings if isinstance(settings, FitSpec) else fit_spec(settings or {})
    spec = family_spec(family, chosen)
    data, warnings = _labelled(structures, "training")
    data, more = without_duplicates(data)
    warnings += [*more, *find_oddities(data)]
    if validation is None:
        kept, held = hold_out(data, chosen.training.validation_fraction, seed)
        data, held_out = data.subset(kept), data.subset(held)
    else:
        held_out, more = _labelled(validation, "validation")
        warnings += more
    species = species_of(data)
    foreign = sorted(set(species_of(held_out)) - set(species))
    if foreign:
        raise ForgefieldError(
            f"the validation data contain {', '.join(foreign)}, which the training data do not",
            "add such structures to the training data, or take them out",
        )
    if known.neighbours is not None and "cutoff" not in chosen.potential:
        spec = spec.model_copy(update={"cutoff": cutoff_with(known.neighbours, data)})
    wanted = chosen.repulsion
    if wanted == "auto":
        # A NEP whose settings name cutoffs of a repulsion has its own.
        own = getattr(spec, "zbl", None) is not None
        wanted = RepulsionSpec() if known.repulsion and not own else None
    repulsion = None if wanted is None else _repulsion(wanted, data, species)
    fitted, judged = data.weighted(chosen.weights), held_out
    if repulsion is not None:
        baseline = baseline_of(repulsion)
        fitted, judged = fitted.minus(baseline), judged.minus(baseline)
    if known.closed_form is not None:
        warnings += _without_effect(chosen.training, family)
        potential, result = known.closed_form(spec, species, fitted, judged, report, stop, tick)
    else:
        assert known.problem is not None
        problem = known.problem(spec, species, seed)
        shared = SharedTraining(family, spec, species, chosen.training, seed, checkpoint)
        with training_together(processes, shared, fitted, judged) as group:
            result = train(
                problem,
                fitted.structures,
                fitted.labels,
                (judged.structures, judged.labels),
                chosen.training,
                seed,
                checkpoint,
                report,
                fitted.weights,
                stop,
                tick,
                group,
            )
        potential = problem.potential()
    if repulsion is not None:
        potential = joined(potential, repulsion)
    return FittedPotential(potential, family, spec, chosen, result, data, held_out, tuple(warnings))


def fit_spec(settings: Mapping[str, Any]) -> FitSpec:
    """Settings from a mapping.

    Raises:
        ForgefieldError: unknown keys or impossible values, with each key's name.
    """
    try:
        return FitSpec.model_validate(settings)
    except ValidationError as error:
        raise settings_error(error, "", FitSpec) from None


def family_spec(family: str, settings: FitSpec) -> Spec:
    """The family's settings: what `settings.potential` says, one network unless it says otherwise.

    Raises:
        ForgefieldError: unknown keys or impossible values.
    """
    kind = family_named(family).spec
    single = {"members": 1} if "members" in kind.model_fields else {}
    try:
        return kind.model_validate({**single, **settings.potential})
    except ValidationError as error:
        raise settings_error(error, "potential.", kind) from None


def _without_effect(training: TrainingSpec, family: str) -> list[str]:
    """A sentence on settings that a fit in closed form does not need."""
    idle = sorted(training.model_fields_set - {"validation_fraction"})
    if not idle:
        return []
    return [
        f"training.{', training.'.join(idle)}: no effect, as {family} potentials are fitted in closed form"
    ]


def _labelled(structures: TrainingSet | Iterable[Atoms], side: str) -> tuple[TrainingSet, list[str]]:
    if isinstance(structures, TrainingSet):
        data, unlabelled = structures, 0
    else:
        data, unlabelled = collect(structures)
    if not len(data):
        raise ForgefieldError(
            f"none of the {side} structures has energy and forces ({unlabelled} were given)",
            "give extended XYZ with energy= on the comment line and a forces:R:3 column",
        )
    return data, [
        f"{unlabelled} {side} structures without energy or forces are left out"
    ] if unlabelled else []


def _repulsion(wanted: RepulsionSpec, data: TrainingSet, species: tuple[str, ...]) -> Zbl:
    inner, outer = radii_from(data) if wanted.outer is None else (wanted.outer / 2, wanted.outer)
    inner = inner if wanted.inner is None else wanted.inner
    if not np.isfinite(outer) or inner >= outer:
        raise ForgefieldError(
            f"repulsion.inner {inner:.2f} Å is not below repulsion.outer {outer:.2f} Å", "lower it"
        )
    return Zbl(species, inner, outer)
