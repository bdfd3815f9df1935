"""Does the potential meet its targets?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from forgefield.atoms.spec import Spec
from forgefield.properties.elasticity import Elasticity
from forgefield.properties.equation_of_state import EquationOfState
from forgefield.properties.phonons import phonon_rmse
from forgefield.properties.target_set import PropertiesSpec, PropertySet

_SMALLEST_JUDGED_CONSTANT = 10.0


class TargetsSpec(Spec):
    """What the potential must reach; null: not required."""

    structure: str | None = None
    """Crystal on which properties are computed: for an element a prototype, null its ground state; for a compound part
    of a name, such as `rutile`, null the crystal of lowest energy."""
    phases: tuple[str, ...] | int = 1
    """For a compound: further crystals whose energy–volume curves are compared, by parts of their names, or how many,
    the lowest in energy."""
    max_atoms: int | None = Field(default=None, ge=1)
    """Properties are computed in the largest supercell with so many atoms; null: in the primitive cell. Where the
    k-point mesh is coarse, the cells that the potential is trained on make the fairer comparison."""
    energy_mae: float | None = Field(default=4.0, gt=0)
    """Mean absolute error of energies on held-out structures, meV/atom."""
    force_mae: float | None = Field(default=0.08, gt=0)
    """Mean absolute error of force components on held-out structures, eV/Å."""
    volume: float | None = Field(default=1.0, gt=0)
    """Deviation of the equilibrium volume, %."""
    bulk_modulus: float | None = Field(default=3.0, gt=0)
    """Deviation of the bulk modulus, %."""
    phase_energy: float | None = Field(default=5.0, gt=0)
    """Error of the energy differences between crystals, meV/atom."""
    elastic_constants: float | None = Field(default=8.0, gt=0)
    """Deviation of each independent elastic constant above 10 GPa, %."""
    phonon_rmse: float | None = Field(default=0.3, gt=0)
    """Root mean squared deviation of phonon frequencies over the Brillouin zone, THz."""


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One target and how it was met.

    Attributes:
        name: what is judged, such as ``bulk modulus`` or ``C44``.
        target: largest deviation allowed, in ``unit``.
        value: the potential's, in ``value_unit``; None where it is missing or the row is an error by itself.
        reference: the reference's, in ``value_unit``; None likewise.
        deviation: size of the deviation, in ``unit``; None where it could not be found.
        unit: of target and deviation.
        holds: whether deviation ≤ target; never where the deviation is missing.
        value_unit: of value and reference.
    """

    name: str
    target: float
    value: float | None
    reference: float | None
    deviation: float | None
    unit: str
    holds: bool
    value_unit: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All rows, and whether every one of them holds."""

    rows: tuple[VerdictRow, ...]
    holds: bool


def names_crystal(targets: TargetsSpec, name: str) -> bool:
    """Whether the targets ask for a crystal of this name."""
    asked = targets.phases if isinstance(targets.phases, tuple) else ()
    return any(each.lower() in name.lower() for each in (*asked, targets.structure) if each)


def only_needed(spec: PropertiesSpec, targets: TargetsSpec) -> PropertiesSpec:
    """The spec without properties that no target asks for, to save reference calculations."""
    dropped: dict[str, None] = {}
    if targets.elastic_constants is None:
        dropped["elasticity"] = None
    if targets.phonon_rmse is None:
        dropped["phonons"] = None
    return spec.model_copy(update=dropped)


def judge(potential: PropertySet, reference: PropertySet, targets: TargetsSpec) -> Verdict:
    """Compare the potential's properties with the reference's.

    Targets that are None are not judged; a value that is missing or not finite on either side never holds.
    """
    rows = tuple(_rows(potential, reference, targets))
    return Verdict(rows, all(row.holds for row in rows))


def _rows(potential: PropertySet, reference: PropertySet, targets: TargetsSpec) -> Iterator[VerdictRow]:
    errors = potential.errors
    if targets.energy_mae is not None:
        found = errors.energy_mae if errors else None
        yield _error_row("energy MAE, held out", targets.energy_mae, found, "meV/atom")
    if targets.force_mae is not None:
        found = errors.force_mae if errors else None
        yield _error_row("force MAE, held out", targets.force_mae, found, "eV/Å")
    yield from _curve_rows(potential.eos, reference.eos, targets)
    yield from _phase_rows(potential, reference, targets)
    if targets.elastic_constants is not None:
        yield from _elastic_rows(potential.elasticity, reference.elasticity, targets.elastic_constants)
    if targets.phonon_rmse is not None:
        both = potential.phonons is not None and reference.phonons is not None
        found = phonon_rmse(potential.phonons, reference.phonons) if both else None  # type: ignore[arg-type]
        yield _error_row("phonon RMSE", targets.phonon_rmse, found, "THz")


def _curve_rows(
    mine: EquationOfState | None, theirs: EquationOfState | None, targets: TargetsSpec, suffix: str = ""
) -> Iterator[VerdictRow]:
    """Volume and bulk modulus of one crystal."""
    for name, target, attribute, unit in (
        ("volume", targets.volume, "volume", "Å³/atom"),
        ("bulk modulus", targets.bulk_modulus, "bulk_modulus", "GPa"),
    ):
        if target is not None:
            value, reference = (None if eos is None else getattr(eos, attribute) for eos in (mine, theirs))
            yield _relative_row(name + suffix, target, value, reference, unit)


def _phase_rows(mine: PropertySet, theirs: PropertySet, targets: TargetsSpec) -> Iterator[VerdictRow]:
    found = {phase.name: phase.eos for phase in mine.phases}
    for phase in theirs.phases:
        eos, reference = found.get(phase.name), phase.eos
        yield from _curve_rows(eos, reference, targets, f", {phase.name}")
        if targets.phase_energy is not None:
            yield _difference_row(
                f"energy, {phase.name}",
                targets.phase_energy,
                _above(eos, mine.eos),
                _above(reference, theirs.eos),
            )


def _above(eos: EquationOfState | None, main: EquationOfState | None) -> float | None:
    """Energy of a crystal's minimum above that of the target crystal, meV/atom."""
    return None if eos is None or main is None else 1000.0 * (eos.energy - main.energy)


def _difference_row(name: str, target: float, value: float | None, reference: float | None) -> VerdictRow:
    value, reference = _finite(value), _finite(reference)
    deviation = None if value is None or reference is None else abs(value - reference)
    return VerdictRow(
        name, target, value, reference, deviation, "meV/atom", _within(deviation, target), "meV/atom"
    )


def _elastic_rows(mine: Elasticity | None, theirs: Elasticity | None, target: float) -> Iterator[VerdictRow]:
    known = theirs or mine
    if known is None:
        yield _relative_row("elastic constants", target, None, None, "GPa")
        return
    values = {constant.name: constant.value for constant in mine.constants} if mine else {}
    references = {constant.name: constant.value for constant in theirs.constants} if theirs else {}
    for constant in known.constants:
        if abs(constant.value) > _SMALLEST_JUDGED_CONSTANT:
            name = constant.name
            yield _relative_row(name, target, values.get(name), references.get(name), "GPa")


def _relative_row(
    name: str, target: float, value: float | None, reference: float | None, value_unit: str
) -> VerdictRow:
    value, reference = _finite(value), _finite(reference)
    deviation = None
    if value is not None and reference:
        deviation = _finite(100 * abs(value - reference) / abs(reference))
    return VerdictRow(name, target, value, reference, deviation, "%", _within(deviation, target), value_unit)


def _error_row(name: str, target: float, error: float | None, unit: str) -> VerdictRow:
    error = _finite(error)
    return VerdictRow(name, target, error, None, error, unit, _within(error, target), unit)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _within(deviation: float | None, target: float) -> bool:
    return deviation is not None and deviation <= target
