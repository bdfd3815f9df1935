"""Train a potential on all labels so far, and learn how far its uncertainty can be trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from forgefield.atoms.json_files import read_json
from forgefield.atoms.records import Array, Labels
from forgefield.dataset.records import Record
from forgefield.dataset.split import split_by_trajectory
from forgefield.potentials.contract import Potential
from forgefield.potentials.registry import load
from forgefield.potentials.training import Progress as TrainingProgress
from forgefield.selection.calibration import Calibration, calibrate
from forgefield.workflow.context import Context
from forgefield.workflow.folder import StepName, write_atomically
from forgefield.workflow.steps.distillation import surrogate_labels
from forgefield.workflow.steps.fitting import POTENTIAL, Fit, fit_in
from forgefield.workflow.steps.recheck import take_back_misordered
from forgefield.workflow.steps.result import StepResult

CALIBRATION = "calibration.json"
_EXAMINED = 5
"""One in so many of the surrogate's structures goes to validation."""
# Validation stands for what exploration will meet: disordered structures. Ordered ones are too few and too
# particular (one energy–volume curve, one free atom) to do without them.
_ALWAYS_TRAINED = ("isolated-atom", "prototype", "strain", "random")
_WIDE = 4.0
"""Times the median number of atoms, beyond which a structure is too dear not to be trained on."""


@dataclass(frozen=True)
class ForceCheck:
    """Predicted and actual force errors, one number per atom.

    Attributes:
        predicted: (A,) uncalibrated uncertainty, eV/Å.
        actual: (A,) length of the force error, eV/Å.
        forces: (A,) length of the reference force, eV/Å.
        structures: (A,) index of the structure.
        components: (3A,) errors of the force components, eV/Å.
    """

    predicted: Array
    actual: Array
    forces: Array
    structures: Array
    components: Array


def train_potential(context: Context, name: StepName) -> StepResult:
    """Fit the committee, calibrate its uncertainty on the validation set, store both."""
    spec, folder = context.spec, context.folder.step(name)
    take_back_misordered(context, name)
    records = context.training_records()
    split = split_by_trajectory(
        records,
        spec.training.validation_fraction,
        spec.seed,
        _ALWAYS_TRAINED,
        largest=_WIDE * float(np.median([len(record.atoms) for record in records])),
    )

    def report(state: TrainingProgress) -> None:
        what = f"force RMSE {state.training:.3f} training, {state.validation:.3f} validation (eV/Å)"
        context.progress.advance(state.epoch, state.epochs, what)

    taught = surrogate_labels(context, name.cycle)
    # Few labels leave a handful for validation, or one: too few to choose an epoch and a last layer by.
    lessons = [each for number, each in enumerate(taught) if number % _EXAMINED]
    weights = np.array([1.0] * len(split.train) + [spec.distillation.weight] * len(lessons))
    training = [*_labelled(split.train), *lessons]
    validation = [*_labelled(split.validation), *taught[::_EXAMINED]]
    fit = Fit(
        potential=spec.potential,
        species=spec.system.symbols,
        initial_seed=spec.seed + 1000 * name.cycle,
        settings=spec.training,
        seed=spec.seed + name.cycle,
        training=training,
        validation=validation,
        weights=weights,
        folder=folder.absolute(),
    )
    result = fit_in(context.training, fit, report)
    potential = load(folder / POTENTIAL)
    check = check_forces(potential, split.validation or split.train)
    calibration = calibrate(check.predicted, check.actual, check.forces, check.structures)
    write_atomically(folder / "history.json", json.dumps([list(asdict(p).values()) for p in result.history]))
    write_atomically(folder / CALIBRATION, json.dumps(asdict(calibration), indent=2))
    write_force_errors(folder / "validation.json", check, calibration.scale)
    rmse = float(np.sqrt(np.mean(check.components**2)))
    summary = {
        "structures": len(split.train),
        "validation": len(split.validation),
        "distilled": len(taught),
        "atoms": sum(len(record.atoms) for record in split.train),
        "epochs": result.history[-1].epochs,
        "best_epoch": result.best_epoch,
        "last_layer": asdict(result.last_layer) if result.last_layer else None,
        "force_rmse": rmse,
        "calibration": asdict(calibration),
    }
    distilled = f" and {len(taught)} of the surrogate" if taught else ""
    line = f"{len(split.train)} structures{distilled}, validation force RMSE {rmse:.3f} eV/Å on {len(split.validation)}"
    return StepResult(line, summary)


def _labelled(records: Sequence[Record]) -> list[tuple[Atoms, Labels]]:
    return [(record.atoms, record.labels) for record in records]


def read_calibration(context: Context, name: StepName) -> Calibration:
    """Calibration of a finished training step."""
    return Calibration(**read_json(context.folder.step(name) / CALIBRATION))


def write_force_errors(path: Path, check: ForceCheck, scale: float) -> None:
    """Store predicted errors, calibrated, beside actual ones."""
    content = {"predicted": (scale * check.predicted).tolist(), "actual": check.actual.tolist()}
    write_atomically(path, json.dumps(content))


def check_forces(potential: Potential, records: Sequence[Record]) -> ForceCheck:
    """Evaluate a potential with its uncertainty on labelled structures."""
    predicted, errors, forces, structures = [], [], [], []
    for number, record in enumerate(records):
        evaluation = potential.evaluate(record.atoms, uncertainty=True)
        spread = evaluation.uncertainty
        predicted.append(np.zeros(len(record.atoms)) if spread is None else spread.forces)
        errors.append(evaluation.forces - record.labels.forces)
        forces.append(np.linalg.norm(record.labels.forces, axis=1))
        structures.append(np.full(len(record.atoms), number))
    difference = np.concatenate(errors)
    return ForceCheck(
        predicted=np.concatenate(predicted),
        actual=np.linalg.norm(difference, axis=1),
        forces=np.concatenate(forces),
        structures=np.concatenate(structures),
        components=difference.ravel(),
    )
