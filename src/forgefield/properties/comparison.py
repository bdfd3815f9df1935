"""Two methods side by side, number by number, and whether they agree well enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field

from forgefield.atoms.spec import Spec
from forgefield.properties.quantities import Quantity

Judgement = Literal["agrees", "differs", "unclear"]

_ROUNDING = 1e-10
"""Share of the values below which a difference is a matter of arithmetic."""


class Limit(Spec):
    """How far a number may lie from the reference's; it is enough that one of both holds."""

    relative: float | None = Field(default=None, gt=0)
    """%."""
    absolute: float | None = Field(default=None, gt=0)
    """In the unit of the number."""


def _default_limits() -> dict[str, Limit]:
    return {
        "equilibrium volume": Limit(relative=1.0),
        "bulk modulus": Limit(relative=3.0),
        "C[1-6][1-6]": Limit(relative=8.0, absolute=2.0),
        "phonon RMSE": Limit(absolute=0.15),
        "cohesive energy": Limit(absolute=0.05),
        "energy above *": Limit(absolute=0.005),
        "surface *, energy*": Limit(relative=8.0),
        "*, formation energy*": Limit(absolute=0.15),
        "stacking fault *": Limit(relative=10.0, absolute=0.02),
        "*conductivity*": Limit(relative=10.0),
        "*, barrier*": Limit(relative=10.0, absolute=0.05),
        "*, first peak of g(r)": Limit(absolute=0.05),
        "*, height of the first peak": Limit(relative=10.0),
        "*, coordination number": Limit(relative=5.0),
    }


class LimitsSpec(Spec):
    """What counts as agreement."""

    limits: dict[str, Limit] = Field(default_factory=_default_limits)
    """By the number's name, in which * stands for anything; numbers that match none are shown and not judged."""

    def of(self, name: str) -> Limit | None:
        """Limit of a number; the longest pattern that matches decides."""
        found = [pattern for pattern in self.limits if fnmatchcase(name, pattern)]
        return self.limits[max(found, key=len)] if found else None


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One number of two methods.

    Attributes:
        name: of the number.
        unit: of values, errors, difference and absolute limit.
        value: the examined method's; None where it has none.
        error: standard error of it, if it is a statistical estimate.
        reference: the other method's; None where it has none, or where the number is a difference itself.
        reference_error: likewise.
        difference: value − reference; None where one is missing.
        percent: the difference in % of the reference; None where one is missing or the reference vanishes.
        limit: what was asked for, in words; empty if nothing.
        judgement: whether it is met; ``unclear`` if the standard errors are too large to tell; None if nothing was
            asked or there is nothing to compare with.
    """

    name: str
    unit: str
    value: float | None
    error: float | None
    reference: float | None
    reference_error: float | None
    difference: float | None
    percent: float | None
    limit: str
    judgement: Judgement | None


def compare(
    mine: Sequence[Quantity], theirs: Sequence[Quantity], differences: Sequence[Quantity], limits: LimitsSpec
) -> tuple[ComparisonRow, ...]:
    """Rows for all numbers of either method, those of both first.

    Args:
        mine: the examined method's.
        theirs: the reference's; none if there is no reference.
        differences: numbers that measure the difference by themselves, such as an RMSE, and should vanish.
        limits: what counts as agreement. A number of which one method has none differs.
    """
    one, other = _by_name(mine), _by_name(theirs)
    rows = [_row(name, one.get(name), other.get(name), limits.of(name), bool(theirs)) for name in one | other]
    return (*rows, *(_error_row(each, limits.of(each.name)) for each in differences))


def _by_name(quantities: Sequence[Quantity]) -> dict[str, Quantity]:
    return {each.name: each for each in quantities}


def _row(
    name: str, mine: Quantity | None, theirs: Quantity | None, limit: Limit | None, judged: bool
) -> ComparisonRow:
    some = mine or theirs
    assert some is not None
    value, reference = _finite(mine), _finite(theirs)
    difference = percent = None
    if value is not None and reference is not None:
        difference = value - reference
        if abs(difference) < _ROUNDING * max(abs(value), abs(reference)):
            difference = 0.0
        percent = 100.0 * difference / abs(reference) if reference else None
    errors = [each.error for each in (mine, theirs) if each is not None and each.error is not None]
    return ComparisonRow(
        name=name,
        unit=some.unit,
        value=value,
        error=None if mine is None else mine.error,
        reference=reference,
        reference_error=None if theirs is None else theirs.error,
        difference=difference,
        percent=percent,
        limit=_in_words(limit, some.unit),
        judgement=_judged(limit, difference, reference, math.hypot(*errors)) if judged else None,
    )


def _error_row(quantity: Quantity, limit: Limit | None) -> ComparisonRow:
    value = _finite(quantity)
    judgement = _judged(limit, value, None, quantity.error or 0.0)
    words = _in_words(limit, quantity.unit)
    return ComparisonRow(
        quantity.name, quantity.unit, value, quantity.error, None, None, value, None, words, judgement
    )


def _finite(quantity: Quantity | None) -> float | None:
    return quantity.value if quantity is not None and math.isfinite(quantity.value) else None


def _judged(
    limit: Limit | None, difference: float | None, reference: float | None, error: float
) -> Judgement | None:
    if limit is None:
        return None
    if difference is None:
        return "differs"
    allowed = max(limit.absolute or 0.0, 0.01 * (limit.relative or 0.0) * abs(reference or 0.0))
    beyond = abs(difference) - allowed
    if abs(beyond) < error:
        return "unclear"
    return "differs" if beyond > 0 else "agrees"


def _in_words(limit: Limit | None, unit: str) -> str:
    if limit is None:
        return ""
    parts = [f"{limit.relative:g} %"] if limit.relative is not None else []
    parts += [f"{limit.absolute:g} {unit}".strip()] if limit.absolute is not None else []
    return " or ".join(parts)
