"""What `forgefield train` leaves behind: the potential, its history and errors, a report."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

import forgefield
from forgefield.potentials.contract import Potential
from forgefield.potentials.fitting import FittedPotential
from forgefield.potentials.training_set import TrainingSet
from forgefield.properties.errors import ErrorStatistics, prediction_errors
from forgefield.properties.point import PointValues, point_values
from forgefield.report.training_page import TrainingRecord, training_page
from forgefield.workflow.folder import write_atomically

POTENTIAL, RECORD, REPORT = "potential", "training.json", "report.html"
_MOST_STRUCTURES = 2000
"""Structures of the training side that errors are computed from, at most."""
_NAMES = ("energy_mae", "energy_rmse", "force_mae", "force_rmse", "stress_mae", "stress_rmse")


def errors_on(potential: Potential, data: TrainingSet, what: str, console: Console) -> ErrorStatistics:
    """Errors of a potential on labelled structures, on a part of them if there are very many."""
    chosen = np.unique(np.linspace(0, len(data) - 1, min(len(data), _MOST_STRUCTURES)).astype(int))
    shown = track(
        chosen, f"evaluating {what}", console=console, disable=not console.is_terminal, transient=True
    )
    predicted = [point_values(potential.evaluate(data.atoms(int(i)))) for i in shown]
    reference = []
    for index in chosen:
        label = data.label(int(index))
        reference.append(PointValues(label.energy, label.forces, label.stress))
    return prediction_errors(predicted, reference)


def write_output(
    folder: Path, fitted: FittedPotential, errors: dict[str, ErrorStatistics], facts: dict[str, Any]
) -> None:
    """Write the record and the report beside the potential, which is there already.

    Args:
        folder: of the training.
        fitted: what `fit` gave.
        errors: by set.
        facts: command, files, seed and keys, kept in the record.
    """
    result = fitted.result
    content = {
        "family": fitted.family,
        "species": list(fitted.potential.species),
        "settings": fitted.settings.model_dump(mode="json"),
        "potential": fitted.spec.model_dump(mode="json"),
        **facts,
        "structures": {"training": len(fitted.training), "validation": len(fitted.validation)},
        "warnings": list(fitted.warnings),
        "ending": result.ending,
        "best_epoch": result.best_epoch,
        "last_layer": asdict(result.last_layer) if result.last_layer else None,
        "seconds": result.seconds,
        "errors": {
            name: {
                "structures": each.n_structures,
                "atoms": each.n_atoms,
                **{key: getattr(each, key) for key in _NAMES},
            }
            for name, each in errors.items()
        },
        "history": [asdict(point) for point in result.history],
        "versions": versions(),
    }
    write_atomically(folder / RECORD, json.dumps(content, indent=1) + "\n")
    record = TrainingRecord(
        family=fitted.family,
        species=tuple(fitted.potential.species),
        cutoff=fitted.potential.cutoff,
        history=result.history,
        best_epoch=result.best_epoch,
        seconds=result.seconds,
        ending=result.ending,
        errors=errors,
        warnings=fitted.warnings,
        settings=content["settings"] | {"potential": content["potential"]},
    )
    write_atomically(folder / REPORT, training_page(record))


def versions() -> dict[str, str]:
    """Of the program and of what its numbers depend on."""
    found = {name: version(name) for name in ("torch", "numpy", "numba", "ase")}
    return {"forgefield": forgefield.__version__, "python": platform.python_version(), **found}
