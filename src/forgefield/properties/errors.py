"""Errors of predicted energies, forces and stresses against a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import units

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array
from forgefield.properties.point import PointValues


@dataclass(frozen=True, slots=True)
class ErrorStatistics:
    """Errors over a set of structures, which may differ in size.

    Force and stress errors are per Cartesian component, each component counting alike; energy errors are
    per atom, each structure counting alike. The arrays are what parity plots need.

    Attributes:
        n_structures: number of structures.
        n_atoms: atoms in all of them together.
        energy_mae, energy_rmse: meV/atom.
        force_mae, force_rmse: eV/Å.
        stress_mae, stress_rmse: GPa; None where no structure has stress on both sides.
        predicted_energies, reference_energies: (n,), eV/atom.
        predicted_forces, reference_forces: (3 · n_atoms,), eV/Å.
        predicted_stresses, reference_stresses: (6 · structures with stress,), GPa.
    """

    n_structures: int
    n_atoms: int
    energy_mae: float
    energy_rmse: float
    force_mae: float
    force_rmse: float
    stress_mae: float | None
    stress_rmse: float | None
    predicted_energies: Array
    reference_energies: Array
    predicted_forces: Array
    reference_forces: Array
    predicted_stresses: Array
    reference_stresses: Array


def prediction_errors(predicted: Sequence[PointValues], reference: Sequence[PointValues]) -> ErrorStatistics:
    """Compare predictions with reference values, structure by structure.

    Structures without stress on one side are left out of the stress errors only. A prediction that is not
    finite makes its error not a number.

    Raises:
        ForgefieldError: no structures, unlike counts, or forces of unlike shape.
    """
    if len(predicted) == 0 or len(predicted) != len(reference):
        raise ForgefieldError(
            f"{len(predicted)} predictions cannot be compared with {len(reference)} reference values",
            "give one prediction for each reference value, and at least one",
        )
    for index, (mine, theirs) in enumerate(zip(predicted, reference, strict=True)):
        if mine.forces.shape != theirs.forces.shape:
            raise ForgefieldError(
                f"structure {index} has predicted forces of shape {mine.forces.shape} but reference forces "
                f"of shape {theirs.forces.shape}",
                "give predictions and reference values in the same order",
            )
    sizes = np.array([len(point.forces) for point in reference])
    energies = [np.array([point.energy for point in points]) / sizes for points in (predicted, reference)]
    forces = [np.concatenate([point.forces.ravel() for point in points]) for points in (predicted, reference)]
    stresses: tuple[list[Array], list[Array]] = ([], [])
    for mine, theirs in zip(predicted, reference, strict=True):
        if mine.stress is not None and theirs.stress is not None:
            stresses[0].append(mine.stress / units.GPa)
            stresses[1].append(theirs.stress / units.GPa)
    mine_stress, their_stress = (np.concatenate(s) if s else np.zeros(0) for s in stresses)
    stress_errors = _mean_errors(mine_stress, their_stress) if len(their_stress) else (None, None)
    energy_mae, energy_rmse = _mean_errors(*energies)
    force_mae, force_rmse = _mean_errors(*forces)
    return ErrorStatistics(
        n_structures=len(reference),
        n_atoms=int(sizes.sum()),
        energy_mae=1000 * energy_mae,
        energy_rmse=1000 * energy_rmse,
        force_mae=force_mae,
        force_rmse=force_rmse,
        stress_mae=stress_errors[0],
        stress_rmse=stress_errors[1],
        predicted_energies=energies[0],
        reference_energies=energies[1],
        predicted_forces=forces[0],
        reference_forces=forces[1],
        predicted_stresses=mine_stress,
        reference_stresses=their_stress,
    )


def _mean_errors(predicted: Array, reference: Array) -> tuple[float, float]:
    difference = predicted - reference
    return float(np.abs(difference).mean()), float(np.sqrt((difference**2).mean()))
