"""A Bayesian potential from a whole training set at once, with the result that other families' training gives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.potentials.bayesian.examples import examples_of
from forgefield.potentials.bayesian.fit import BayesianFit
from forgefield.potentials.bayesian.potential import BayesianPotential
from forgefield.potentials.bayesian.rows import Rows
from forgefield.potentials.bayesian.spec import BayesianSpec
from forgefield.potentials.training import Progress, TrainingResult
from forgefield.potentials.training_errors import FitErrors
from forgefield.potentials.training_set import TrainingSet


def fit_in_closed_form(
    spec: BayesianSpec,
    species: tuple[str, ...],
    training: TrainingSet,
    validation: TrainingSet,
    report: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
    tick: Callable[[float], None] = lambda share: None,
) -> tuple[BayesianPotential, TrainingResult]:
    """Fit to all training data, and judge by the validation data.

    Args:
        spec: settings of the family.
        species: chemical symbols in the data.
        training, validation: labelled structures; there may be none to validate on.
        report: called once, at the end.
        stop: asked after every structure.
        tick: called after every structure with the share of the work that is done.

    Raises:
        ForgefieldError: `stop` said so, for half the equations have no use; labels that cannot be.
    """
    started = time.perf_counter()

    def proceed(share: float) -> None:
        if stop():
            raise ForgefieldError(
                f"the fit was stopped after {share:.0%} of the data; one in closed form has no result before its end",
                "repeat the command to fit anew",
            )
        tick(share)

    fit = BayesianFit.start(spec, species, examples_of(training), proceed)
    potential = fit.potential()
    own = _residuals(fit)
    judged = _errors(potential, validation) if len(validation) else own
    progress = Progress(
        epoch=1,
        epochs=1,
        training=own.force,
        validation=judged.force,
        training_energy=own.energy,
        validation_energy=judged.energy,
        validation_stress=judged.stress,
        seconds=time.perf_counter() - started,
        share=1.0,
    )
    report(progress)
    return potential, TrainingResult((progress,), 1, progress.seconds)


def _residuals(fit: BayesianFit) -> FitErrors:
    """Root mean square errors on the data of a fit, from its sums; virials are no stresses, so there are none."""
    posterior: Any = fit.posterior
    roots = np.sqrt(posterior.residuals / np.maximum(fit.sums.counts, 1))
    return FitErrors(float(roots[Rows.ENERGY]), float(roots[Rows.FORCE]), None)


def _errors(potential: BayesianPotential, data: TrainingSet) -> FitErrors:
    energies, forces, stresses = [], [], []
    for index in range(len(data)):
        label, atoms = data.label(index), data.atoms(index)
        found = potential.evaluate(atoms)
        energies.append(np.array([(found.energy - label.energy) / len(atoms)]))
        forces.append((found.forces - label.forces).ravel())
        if label.stress is not None and atoms.cell.rank == 3:
            stresses.append(found.stress - label.stress)
    return FitErrors(_mean(energies), _mean(forces), _mean(stresses) if stresses else None)


def _mean(errors: list[Array]) -> float:
    return float(np.sqrt((np.concatenate(errors) ** 2).mean()))
