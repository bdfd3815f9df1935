"""What a property needs to know about one structure, whoever computed it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError

from forgefield.atoms.errors import ForgefieldError
from forgefield.atoms.records import Array


@dataclass(frozen=True, slots=True)
class PointValues:
    """Energy, forces and stress of one structure.

    Attributes:
        energy: eV.
        forces: (N, 3), eV/Å.
        stress: (6,), eV/Å³, Voigt order xx yy zz yz xz xy, ASE's sign; None where there is none.
    """

    energy: float
    forces: Array
    stress: Array | None


class HasPointValues(Protocol):
    """Anything with energy, forces and stress: labels, evaluations, point values."""

    @property
    def energy(self) -> float: ...
    @property
    def forces(self) -> Array: ...
    @property
    def stress(self) -> Array | None: ...


def point_values(record: HasPointValues) -> PointValues:
    """The values of a ``Labels`` or an ``Evaluation``."""
    stress = record.stress
    return PointValues(
        energy=float(record.energy),
        forces=np.asarray(record.forces, dtype=np.float64),
        stress=None if stress is None else np.asarray(stress, dtype=np.float64),
    )


@runtime_checkable
class EvaluatesMany(Protocol):
    """A calculator that does better with several structures at once, as where each takes minutes."""

    def evaluate_points(self, structures: Sequence[Atoms]) -> tuple[PointValues, ...]:
        """Energy, forces and stress of each structure, in their order."""


def evaluate_points(structures: Iterable[Atoms], calculator: Calculator) -> tuple[PointValues, ...]:
    """Energy, forces and stress of each structure; stress is None where the calculator has none.

    Args:
        structures: left as they are; copies are evaluated.
        calculator: any ASE calculator.
    """
    if isinstance(calculator, EvaluatesMany):
        return calculator.evaluate_points(list(structures))
    points = []
    for structure in structures:
        atoms = structure.copy()
        atoms.calc = calculator
        # Constraints of the caller would hide forces and stress that the property needs.
        atoms.set_constraint()
        energy, forces = float(atoms.get_potential_energy()), np.array(atoms.get_forces(), dtype=np.float64)
        try:
            stress = np.array(atoms.get_stress(voigt=True), dtype=np.float64)
        except PropertyNotImplementedError:
            stress = None
        points.append(PointValues(energy, forces, stress))
    return tuple(points)


def evaluations_in_parts(
    evaluations: Sequence[PointValues], parts: int, what: str
) -> list[Sequence[PointValues]]:
    """The evaluations of a plan that is made of equally long plans.

    Raises:
        ForgefieldError: they cannot be divided.
    """
    length, rest = divmod(len(evaluations), parts)
    if length == 0 or rest:
        raise ForgefieldError(
            f"{len(evaluations)} evaluations for {what} do not belong to {parts} crystals in equal parts",
            "give one evaluation for each structure of its plan, in the same order",
        )
    return [evaluations[place * length : (place + 1) * length] for place in range(parts)]


def require_points(
    points: Sequence[PointValues], structures: Sequence[Atoms], what: str, stress: bool = False
) -> None:
    """Refuse evaluations that do not belong to the plan or cannot be used.

    Args:
        points: one for each structure, in the same order.
        structures: the plan.
        what: the property's name, for the message.
        stress: whether every point needs a stress.

    Raises:
        ForgefieldError: wrong count, wrong shape, values that are not finite, or missing stress.
    """
    if len(points) != len(structures):
        raise ForgefieldError(
            f"{what} needs {len(structures)} evaluations, but got {len(points)}",
            "give one evaluation for each structure of its plan, in the same order",
        )
    for index, (point, atoms) in enumerate(zip(points, structures, strict=True)):
        name = f"structure {index} ({atoms.get_chemical_formula()}) of {what}"
        if point.forces.shape != (len(atoms), 3):
            raise ForgefieldError(
                f"forces of {name} have shape {point.forces.shape}, not {(len(atoms), 3)}",
                "give the evaluations in the order of the plan",
            )
        if stress and point.stress is None:
            raise ForgefieldError(
                f"{name} has no stress",
                "choose a calculator or an engine that gives stress, or drop this target",
            )
        values = [np.atleast_1d(point.energy), point.forces.ravel()]
        if point.stress is not None:
            values.append(point.stress)
        if not np.isfinite(np.concatenate(values)).all():
            raise ForgefieldError(
                f"energy, forces or stress of {name} are not finite",
                "the calculator breaks down on this structure: train it on structures close to this one",
            )
